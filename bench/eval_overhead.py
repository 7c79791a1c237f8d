"""What the batch runner costs per task: the same tasks through `winnow eval`'s driver, and their runs one by one without it.

    PYTHONPATH=. python bench/eval_overhead.py [--tasks 8] [--workers 2]

Small repositories of our own, confined sandboxes and an endpoint that answers at once: what is left is Winnow's own time.
"""

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from envs.datasets.values import Record
from sandbox.choose import check_all
from tests.agent.models.server import ChatServer
from tests.winnow.eval.kit import Toys, make_dataset, robot, settings_for
from winnow.eval.processes import LocalExecutor
from winnow.eval.run import DatasetName, evaluate
from winnow.eval.solving import solve
from winnow.eval.values import SolveJob
from winnow.request import without_secrets


def cpu() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def nothing(record: Record) -> Record:
    """A piece of work that takes no time."""
    return record


def round_trips(record: Record, folder: Path) -> list[float]:
    """Seconds from the start of a worker process to its answer, for work that takes none."""
    taken = []
    with LocalExecutor(1, folder / "logs") as executor:
        for number in range(31):
            began = time.perf_counter()
            executor.start(str(number), nothing, record)
            while not executor.wait(1.0):
                pass
            taken.append(time.perf_counter() - began)
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    kind = next(one.kind for one in check_all() if one.available and one.kind != "docker")
    folder = Path(tempfile.mkdtemp(prefix="winnow-bench-"))
    made, gold = make_dataset(folder)
    records = [
        record.model_copy(update={"task": record.task.model_copy(update={"id": f"{record.task.id}-{number}"})})
        for number in range(-(-options.tasks // len(made)))
        for record in made
    ][: options.tasks]
    toys = Toys(folder=str(folder), upstream=str(folder / "upstream"), kind=kind)  # type: ignore[arg-type]
    with ChatServer(robot, keep=False) as server:
        settings = settings_for(folder, folder / "cache", kind, server.url, eval={"workers": options.workers})
        plain = without_secrets(settings)

        def alone(where: str, record: int) -> float:
            began = time.perf_counter()
            job = SolveJob(
                record=records[record], run_dir=str(folder / where / str(record)), settings=plain, sites=toys
            )
            assert solve(job).ended == "patch"
            return time.perf_counter() - began

        alone("warm", 0)
        one_by_one = sum(alone("alone", number) for number in range(len(records)))
        marks: list[tuple[str, float]] = []
        began, used = time.perf_counter(), cpu()
        result = evaluate(
            settings,
            records,
            gold,
            dataset=DatasetName("toys"),
            sites=toys,
            report=lambda kind, data: marks.append((kind, time.perf_counter())),
        )
        whole, driver = time.perf_counter() - began, cpu() - used
        again = time.perf_counter()
        evaluate(settings, records, gold, dataset=DatasetName("toys"), sites=toys, report=lambda kind, data: None)
        resumed = time.perf_counter() - again
    assert result.ended == {"patch": len(records)}, result
    first = next(at for kind, at in marks if kind == "start") - began
    count = len(records)
    first_trip, *trips = round_trips(records[0], folder)
    print(
        f"a worker process and back, for no work      {1000 * median(trips):8.1f} ms (median of {len(trips)}; the first {first_trip:.2f} s)"
    )
    print(f"{count} tasks, {options.workers} at once, {kind} sandboxes")
    print(f"their runs one by one, without the runner   {one_by_one / count:8.3f} s per task")
    print(
        f"the batch                                   {(whole - first) / count:8.3f} s per task, after {first:.2f} s until the first start"
    )
    print(f"CPU time of the driver itself               {1000 * driver / count:8.1f} ms per task")
    print(f"a finished batch opened again               {1000 * resumed / count:8.1f} ms per task")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()

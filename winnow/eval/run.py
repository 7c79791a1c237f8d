"""`winnow eval DATASET`: from settings and tasks to a finished batch."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from agent.values import Usage
from envs.datasets.values import Record
from envs.grading.values import Gold
from sandbox.values import Value
from winnow.errors import Exit, SettingsError
from winnow.eval.batch import Driver, Plan
from winnow.eval.folder import BatchDir
from winnow.eval.manifest import write_manifest
from winnow.eval.port import Executor
from winnow.eval.processes import LocalExecutor
from winnow.eval.values import Batch, DatasetNote
from winnow.plan import who_proposes
from winnow.request import without_secrets
from winnow.settings import Settings
from winnow.signals import on_stop
from winnow.timeline import Report

_FREE: Mapping[str, tuple[str, ...] | None] = {
    "eval": ("out", "workers", "batch_usd", "retries", "grade", "cluster", "task_cpus", "task_memory_mb"),
    "run": ("workers", "state_dir", "cache_dir"),
    "sandbox": ("docker_host",),
    "tasks": None,
    "fix": None,
}
"""What may change between two processes of one batch, since no result depends on it; None: the whole section."""


class DatasetName(NamedTuple):
    """A dataset as the user named it."""

    source: str
    split: str = ""


class BatchResult(Value):
    """What `winnow eval` prints."""

    schema_version: int = 1
    folder: str
    tasks: int
    """Selected; what every share is of."""
    ended: Mapping[str, int]
    """Tasks by how they ended; see `winnow.eval.values.Ended`."""
    resolved: int | None
    """Tasks whose delivered patch passes the hidden tests; None when nothing is graded."""
    graded: int
    """Tasks whose outcome is known to the grader: their patch was graded, or there is none."""
    infra_failures: int
    """Failures of machines, endpoint or workers, those that a repetition cured included."""
    usage: Usage
    seconds: float
    """Sum over tasks."""
    left: str
    """What has no outcome yet, and why; empty when every task has one. The same command goes on with it."""
    exit_code: int


def evaluate(
    settings: Settings,
    records: Sequence[Record],
    gold: Mapping[str, Gold],
    *,
    dataset: DatasetName,
    sites: Any,
    report: Report,
    watch: Callable[[Driver], None] = lambda _driver: None,
) -> BatchResult:
    """Work through tasks, or go on with what an earlier process left in the batch's folder.

    Args:
        settings: the tree; `eval` says what of it.
        records: the selected tasks, in order.
        gold: by task id; used where grading is asked for, and nowhere else.
        dataset: as the user named it.
        sites: makes tasks ready and opens graders; see `winnow.eval.port.Sites` and `winnow.eval.grading.Graders`.
        report: told what is going on.
        watch: given the driver before it starts, for displays.

    Raises:
        BatchUnusable: the folder holds a batch that was asked for otherwise, or another process works on it.
        Interrupted: the user said stop.
        WinnowError: what would meet every task, such as a wrong key.
    """
    _check(settings)
    folder = BatchDir(settings.eval.out or Path("winnow-eval", Path(dataset.source).name.partition(".")[0]))
    asked = ask(settings, records, dataset)
    plan = Plan(
        records=records,
        gold=gold if settings.eval.grade != "none" else {},
        settings=without_secrets(settings),
        sites=sites,
        name=_name(settings),
        grade=settings.eval.grade,
        retries=settings.eval.retries,
        lease_usd=settings.budget.usd,
        batch_usd=settings.eval.batch_usd,
    )
    with folder.lock():
        batch = folder.open(asked)
        report("batch", {"dir": str(folder.path), "tasks": len(records), "known": len(folder.ends())})
        with _executor(settings, folder) as executor:
            driver = Driver(folder, plan, executor, report)
            watch(driver)
            with on_stop(driver.stop):
                try:
                    left = driver.run()
                finally:
                    write_manifest(folder, batch, settings, driver.ends)
        return summarize(driver, left)


def ask(settings: Settings, records: Sequence[Record], dataset: DatasetName) -> Batch:
    """What is asked, as it is kept beside the results."""
    return Batch(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=version("winnow"),
        dataset=DatasetNote(
            source=dataset.source,
            split=dataset.split,
            digest=sha256("\n".join(map(_shown, records)).encode()).hexdigest(),
        ),
        tasks=tuple(record.task.id for record in records),
        settings=_binding(settings),
    )


def _shown(record: Record) -> str:
    """A task as solvers see it, wherever the dataset lies."""
    return record.model_dump_json(exclude={"task": {"issue": {"source"}}})


def summarize(driver: Driver, left: str) -> BatchResult:
    """A batch in numbers."""
    ends = list(driver.ends.values())
    verdicts = [driver.verdict(end) for end in ends]
    return BatchResult(
        folder=str(driver.folder.path),
        tasks=driver.tasks,
        ended={kind: sum(end.ended == kind for end in ends) for kind in sorted({end.ended for end in ends})},
        resolved=None if driver.ungraded else sum(verdict is True for verdict in verdicts),
        graded=0 if driver.ungraded else sum(verdict is not None for verdict in verdicts),
        infra_failures=sum(len(end.failures) for end in ends),
        usage=sum((end.usage for end in ends), Usage()),
        seconds=round(sum(end.seconds for end in ends), 3),
        left=left,
        exit_code=Exit.BATCH_INCOMPLETE if left else Exit.OK,
    )


def _check(settings: Settings) -> None:
    batch_usd, task_usd = settings.eval.batch_usd, settings.budget.usd
    if batch_usd is None:
        return
    if task_usd is None:
        raise SettingsError(
            "a limit for the batch needs one for each task, so that all tasks get the same",
            hint="Add --max-usd: what one task may cost.",
        )
    if task_usd > batch_usd:
        raise SettingsError(
            f"{batch_usd:g} USD for the batch do not cover one task of {task_usd:g} USD",
            hint="Raise --batch-usd or lower --max-usd.",
        )


def _binding(settings: Settings) -> dict[str, Any]:
    """The settings that results depend on."""
    tree = without_secrets(settings)
    for section, keys in _FREE.items():
        for key in list(tree[section]) if keys is None else keys:
            tree[section].pop(key)
    return {section: values for section, values in tree.items() if values}


def _name(settings: Settings) -> str:
    """How predictions call the system."""
    return "+".join(("winnow", *settings.model.names) if settings.model.names else ("winnow", *who_proposes(settings)))


def _executor(settings: Settings, folder: BatchDir) -> Executor:
    wanted = settings.eval.workers
    if settings.eval.cluster is not None:
        from winnow.eval.cluster import open_cluster  # noqa: PLC0415 - Ray is an optional extra

        return open_cluster(settings, folder.path)
    cores = os.cpu_count() or 1
    return LocalExecutor(wanted or (2 * cores if "agent" in who_proposes(settings) else cores), folder.path / "logs")

"""What the matrix costs beside the tests that it runs: 10 candidates x 10 tests, on base twice and on every candidate, two at once.

    PYTHONPATH=. python bench/matrix_cost.py [--sandbox docker] [--image NAME] [--seconds 1.0] [--files 500] [--busy]

The same scripts run first one after the other in two sandboxes that are open already, with nothing around them: the pure test time. Then
the matrix runs them, which opens a sandbox for each candidate and brings the tree back between runs. Then it runs again, with everything
known. A test sleeps, or with --busy computes, for the given time. Prints a Markdown table.
"""

import argparse
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.probe import SCRIPT, Probe
from agent.values import Brief
from envs.patches import BaseTree, make_patch
from envs.snapshot import take_snapshot
from envs.values import Image, Patch, Suite, SuiteReport, Task
from sandbox.choose import choose
from sandbox.values import SandboxSpec
from selection.execution.bench import SandboxBench
from selection.execution.checks import Check
from selection.execution.ledger import Ledger
from selection.execution.matrix import run_matrix
from selection.execution.runs import Runs
from selection.values import Origin

WORKERS = 2
SOURCE = "value = {}\n"
SLEEP = "import time\nfrom pkg import m0\ntime.sleep({seconds})\nraise SystemExit(0 if m0.value > {number} else 2)\n"
BUSY = (
    "import time\nfrom pkg import m0\nwhile time.process_time() < {seconds}: pass\n"
    "raise SystemExit(0 if m0.value > {number} else 2)\n"
)


def make(folder: Path, files: int) -> tuple[Path, Path]:
    """A repository of so many files."""
    repository, into = folder / "repository", folder / "into"
    (repository / "pkg").mkdir(parents=True)
    into.mkdir()
    (repository / "pkg/__init__.py").write_text("")
    for number in range(files):
        (repository / f"pkg/m{number}.py").write_text(SOURCE.format(0) + "# a line of a module\n" * 60)
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    return repository, into


def timed(bench: SandboxBench, patches: dict[str, Patch], checks: list[Check]) -> tuple[float, float]:
    """Wall time of all runs with nothing around them, and its sum over both sandboxes."""
    each = len(checks) * (2 + len(patches)) // WORKERS

    def work(_: int) -> tuple[float, float]:
        with bench.open(Patch(diff="")) as stand:
            box = stand._workspace.box
            box.write(SCRIPT, b"pass")
            begin, inside = time.perf_counter(), 0.0
            for number in range(each):
                box.write(SCRIPT, checks[number % len(checks)].body.content.encode())  # type: ignore[union-attr]
                inside += box.exec(("python3", SCRIPT), timeout=600, env={"PYTHONPATH": box.workdir}).seconds
            return time.perf_counter() - begin, inside

    with ThreadPoolExecutor(WORKERS) as pool:
        done = list(pool.map(work, range(WORKERS)))
    return max(wall for wall, _ in done), sum(inside for _, inside in done)


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sandbox", default="docker")
    parser.add_argument("--image", default="winnow-test-base:bookworm")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    template = BUSY if asked.busy else SLEEP
    checks = [
        Check(
            id=f"p{number}",
            origin=Origin.WRITER,
            body=Probe(kind="script", path=SCRIPT, content=template.format(seconds=asked.seconds, number=number)),
        )
        for number in range(10)
    ]
    print("| runs | pure test time, s | divided by 2 | matrix, s | ratio | again, s | runs again |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for _ in range(asked.repeat):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            repository, into = make(folder, asked.files)
            snapshot = take_snapshot(repository, into)
            docker = asked.sandbox == "docker"
            brief = Brief(
                task=Task(id="t"),
                snapshot=snapshot,
                sandbox=asked.sandbox,
                image=Image(
                    reference=asked.image if docker else None, python="python3", workdir="/work", digest="bench"
                ),
                suite=Suite(kind="command", argv=("true",)),
                base_report=SuiteReport(status="nothing_collected"),
                targets=(),
            )
            bench = SandboxBench(choose(asked.sandbox), brief, limits=SandboxSpec(), run_id="bench")
            with BaseTree(snapshot) as base:
                patches = {f"c{n}": make_patch(base, {"pkg/m0.py": SOURCE.format(n + 1).encode()}) for n in range(10)}
            _, pure = timed(bench, patches, checks)
            times, done = [], []
            for _turn in range(2):
                runs = Runs(bench, Ledger(folder / "ledger.jsonl"))
                begin = time.perf_counter()
                matrix = run_matrix(runs, checks, patches, workers=WORKERS)
                times.append(time.perf_counter() - begin)
                done.append(runs.done)
            assert len(matrix.cells) == 100
            half = pure / WORKERS
            print(
                f"| {done[0]} | {pure:.1f} | {half:.1f} | {times[0]:.1f} | **{times[0] / half:.2f}** | {times[1]:.2f} | {done[1]} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""The matrix: what is run where, and what is left when something breaks."""

import threading
import time
from collections.abc import Callable

import pytest

from agent.probe import Probe, ProbeResult
from envs.values import Patch
from selection.evidence import Verdict
from selection.execution.checks import Check
from selection.execution.ledger import Ledger
from selection.execution.matrix import in_parallel, run_matrix
from selection.execution.runs import Runs
from selection.values import Origin
from tests.selection.bench_kit import ScriptedBench

CHECKS = [
    Check(id=f"p{n}", origin=Origin.WRITER, body=Probe(kind="script", path="p.py", content=f"p{n}")) for n in range(4)
]
PATCHES = {name: Patch(diff=f"the change {name}") for name in ("a", "b")}


def answer(marker: str) -> ProbeResult:
    return ProbeResult(verdict="fixed" if marker.endswith("a") else "present", exit_code=0)


def bench(**options: object) -> ScriptedBench:
    return ScriptedBench(
        {"": [], "change a": [], "change b": []},
        programs={"p": answer},
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_change_has_a_sandbox_of_its_own_and_nothing_depends_on_how_many_there_are(workers: int) -> None:
    used = bench()
    matrix = run_matrix(Runs(used, Ledger()), CHECKS[::-1], PATCHES, workers=workers)
    assert {(c.leader, c.probe): c.verdict for c in matrix.cells} == {
        (name, check.id): Verdict.PASS if name == "a" else Verdict.FAIL for name in PATCHES for check in CHECKS
    }
    each = max(1, -(-workers // 2))
    assert used.opened.count("change a") == used.opened.count("change b") == min(each, 4)
    assert len(used.runs) == 4 * 2 + 4 * 2


def test_a_lost_sandbox_costs_its_cells_and_no_others() -> None:
    matrix = run_matrix(Runs(bench(losses={"change a": 2}), Ledger()), CHECKS, PATCHES, workers=1)
    said = {c.probe: c.verdict for c in matrix.cells if c.leader == "a"}
    assert list(said.values()) == [Verdict.UNKNOWN, *[Verdict.PASS] * 3]  # two in a row, and then it works again
    assert {c.verdict for c in matrix.cells if c.leader == "b"} == {Verdict.FAIL}
    lost = run_matrix(Runs(bench(losses={"": 99}), Ledger()), CHECKS, PATCHES, workers=1)
    assert (lost.cells, {probe.base for probe in lost.probes}) == ((), {(Verdict.UNKNOWN,)})


def test_the_first_error_ends_what_has_not_begun() -> None:
    begun: list[int] = []
    together = threading.Barrier(2, timeout=10)

    def job(number: int) -> Callable[[], int]:
        def run() -> int:
            begun.append(number)
            if number < 2:
                together.wait()
            elif number < 50:
                time.sleep(0.01)
            if number == 0:
                raise RuntimeError("the first")
            return number

        return run

    with pytest.raises(RuntimeError, match="the first"):
        in_parallel([job(number) for number in range(50)], 2)
    assert len(begun) < 50
    assert in_parallel([job(number) for number in range(60, 64)], 3) == [60, 61, 62, 63]

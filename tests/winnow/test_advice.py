"""Tests of a selection trajectory, run by the execution's memory: scripts and files of tests."""

from agent.probe import SCRIPT, Probe, ProbeResult
from envs.values import Outcome, Patch
from selection.execution.ledger import Ledger
from selection.execution.runs import Runs
from selection.execution.suite import SuiteLimits
from selection.selector import Execution
from tests.selection.bench_kit import ScriptedBench
from winnow.advice import probe_runner

FIXED = ProbeResult(verdict="fixed", exit_code=0)
TEST = "test_new.py::test_it"


def test_both_kinds_of_probes_have_a_verdict() -> None:
    bench = ScriptedBench(
        {"": [{}], "good": [{}]},
        overlays={"": {TEST: Outcome.FAILED}, "good": {TEST: Outcome.PASSED}},
        programs={"exit": lambda _marker: FIXED},
    )
    run = probe_runner(Execution(Runs(bench, Ledger()), workers=1, limits=SuiteLimits(seconds=1)))
    assert run(Patch(diff=""), Probe(kind="script", path=SCRIPT, content="exit(0)")) == FIXED
    file = Probe(kind="test", path="test_new.py", content="def test_it(): ...\n")
    assert [run(Patch(diff=diff), file).verdict for diff in ("", "+good\n")] == ["present", "fixed"]

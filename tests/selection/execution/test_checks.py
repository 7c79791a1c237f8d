"""What a test file says that was there before, in another version."""

import pytest

from agent.probe import Probe
from envs.values import Outcome, SuiteReport
from selection.execution.checks import Check, CheckRun, read_base
from selection.values import Origin

BODY = Probe(kind="test", path="test_a.py", content="def test_old(): ...\n\n\ndef test_new(): ...\n")
CHECK = Check(id="carried", origin=Origin.TRAJECTORY, body=BODY)
OLD, NEW = "test_a.py::test_old", "test_a.py::test_new"
RUNS = tuple(
    CheckRun(tests=SuiteReport(status="ran", outcomes={OLD: Outcome.FAILED, NEW: Outcome.FAILED})) for _ in range(2)
)


def test_what_fails_without_it_too_says_nothing() -> None:
    before = SuiteReport(status="ran", outcomes={OLD: Outcome.FAILED})
    assert read_base(CHECK, RUNS, before).shown == (NEW,)


@pytest.mark.parametrize("status", ["timed_out", "unusable"])
def test_where_nobody_knows_what_fails_without_it_nothing_may_judge(status: str) -> None:
    before = SuiteReport.model_validate({"status": status})
    found = read_base(CHECK, RUNS, before)
    assert (found.shown, found.votes) == ((), False)

"""Which tests a check runs where the whole suite takes too long."""

import shlex
from pathlib import Path
from typing import Any, cast

import pytest

from agent.trajectory.checks import Checks
from agent.trajectory.values import LoopLimits
from agent.values import Brief
from envs.values import Image, Issue, Outcome, Patch, Snapshot, Suite, SuiteReport, Task
from sandbox.values import ExecResult

PATCH = Patch(
    diff="diff --git a/shop/prices.py b/shop/prices.py\n--- a/shop/prices.py\n+++ b/shop/prices.py\n@@ -1 +1 @@\n-a\n+b\n"
)
NEAR = [f"tests.test_prices.T.test_{n}" for n in range(5)]
FAR = [f"tests.test_words.T.test_{n:03}" for n in range(400)]
COMMAND = Suite(kind="command", argv=("sh", "-c", "run {tests}"))


class Box:
    """Runs nothing, and remembers what it was asked to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def exec(self, argv: Any, **_: Any) -> ExecResult:
        self.asked.append(shlex.split(argv[-1])[1:])
        printed = "".join(f"{name.rpartition('.')[2]} ({name.rpartition('.')[0]}) ... ok\n" for name in self.asked[-1])
        return ExecResult(exit_code=0, stdout=printed.encode())


class Place:
    """A workspace, as far as a check needs one."""

    def __init__(self) -> None:
        self.box = Box()


def checked(tmp_path: Path, report: SuiteReport, *, targets: tuple[str, ...] = (), named: bool = False) -> list[str]:
    brief = Brief(
        task=Task(id="t", issue=Issue(title="Wrong", source="text"), failing_tests=targets if named else ()),
        snapshot=Snapshot(archive=str(tmp_path), base_commit="0" * 40, head_commit=None, dirty=False, origin=""),
        sandbox="docker",
        image=Image(reference=None, python="python", workdir="/work", digest="0"),
        suite=COMMAND,
        base_report=report,
        targets=targets,
    )
    place = Place()
    limits = LoopLimits(check_s=100)
    check = Checks(cast(Any, place), brief, limits=limits, fresh=cast(Any, None)).check(None, patch=PATCH)
    assert check.evidence.checked == len(place.box.asked[0])
    return place.box.asked[0]


def test_a_command_that_names_tests_is_kept_within_the_time(tmp_path: Path) -> None:
    # 405 tests in 405 s: half of 100 s is for 50 of them, and those near the change go first.
    report = SuiteReport(status="timed_out", seconds=405, outcomes=dict.fromkeys([*FAR, *NEAR], Outcome.PASSED))
    ran = checked(tmp_path, report)
    assert (len(ran), ran[:5]) == (50, NEAR)


@pytest.mark.parametrize("named", [True, False])
def test_tests_that_fail_for_reasons_of_their_own_do_not_crowd_out_the_rest(tmp_path: Path, named: bool) -> None:
    failing = tuple(FAR[:300])
    outcomes = {
        **dict.fromkeys(FAR, Outcome.PASSED),
        **dict.fromkeys(failing, Outcome.FAILED),
        **dict.fromkeys(NEAR, Outcome.PASSED),
    }
    ran = checked(tmp_path, SuiteReport(status="ran", seconds=405, outcomes=outcomes), targets=failing, named=named)
    assert set(ran) >= set(failing) if named else (len(ran), ran[:5]) == (50, NEAR)

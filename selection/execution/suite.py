"""What of a repository's suite is run with every change, and what it shows on base."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from envs.suite import BAD
from envs.suite.run import takes_tests
from envs.values import Outcome, Suite, SuiteReport
from selection.execution.impact import NearTests
from selection.execution.runs import BASE, Runs
from selection.gate import BaseSuite, Stage

_MOST_FILES = 60
"""Nearest files that are looked at."""
_SHORT_S = 10.0
"""A suite that takes no more CPU time on base is run as a whole at once."""
_FIRST_FILES = 8
_WALL = 4.0
"""Tests wait, and other sandboxes run beside them."""
_UNABLE: Mapping[str, str] = {
    "nothing_collected": "no tests were found on base",
    "unusable": "the tests cannot be run on base",
}


class SuiteLimits(NamedTuple):
    """How much of the suite may be run with one change."""

    seconds: float
    """CPU time on base of what is run, which does not depend on what else the machine does: the whole suite where that is enough, else
    the tests nearest to the changes."""

    @property
    def wall_s(self) -> float:
        """After so many seconds a run on base is cut off."""
        return _WALL * self.seconds


def known_suite(suite: Suite, report: SuiteReport, tests: NearTests, limits: SuiteLimits) -> BaseSuite:
    """Lay out the suite where it was run on base already.

    Args:
        suite: how tests are run.
        report: the whole suite on base.
        tests: files by their nearness.
        limits: see `SuiteLimits`.
    """
    if report.status in _UNABLE or not report.having(Outcome.PASSED):
        return BaseSuite(why_none=_UNABLE.get(report.status, "no test passes on base"))
    whole = Stage(report=report)
    if not takes_tests(suite) or (report.status == "ran" and _cost(report) <= _SHORT_S):
        return BaseSuite(stages=(whole,))
    if report.status == "ran" and _cost(report) <= limits.seconds:
        return BaseSuite(stages=(*_part(report, tests, _SHORT_S), whole))
    nearest = _part(report, tests, limits.seconds)
    if not nearest:
        nearest = _part(report, NearTests(tuple(tests.sizes), tests.sizes), limits.seconds) or (whole,)
    return BaseSuite(stages=nearest, part=_described(nearest, report))


def run_suite_on_base(runs: Runs, suite: Suite, tests: NearTests, limits: SuiteLimits) -> BaseSuite:
    """Run on base what will be run with every change: the nearest tests, and the whole suite where it seems affordable.

    Raises:
        SandboxError: the machine is at fault.
    """
    with runs.on(BASE) as base:
        if not takes_tests(suite):
            return _whole((), base.suite(timeout_s=limits.wall_s), tests)
        nearest: tuple[Stage, ...] = ()
        expected = 0.0
        files = tests.ranked[:_MOST_FILES]
        if files:
            report = base.suite(files, timeout_s=limits.wall_s)
            nearest = _stages(files, report)
            share = tests.share([file for file in files if _ran(file, report)])
            expected = _cost(report) / share if share else 0.0
            if report.status == "timed_out" or expected > limits.seconds:
                return BaseSuite(
                    stages=nearest, part=_files(files, tests), why_none="" if nearest else "no test passes on base"
                )
        return _whole(nearest, base.suite(timeout_s=limits.wall_s), tests)


def _whole(nearest: tuple[Stage, ...], report: SuiteReport, tests: NearTests) -> BaseSuite:
    if report.status == "ran" and report.having(Outcome.PASSED):
        before = nearest[:1] if _cost(report) > _SHORT_S else ()
        return BaseSuite(stages=(*before, Stage(report=report)))
    if nearest:
        return BaseSuite(stages=nearest, part=_files([test for stage in nearest for test in stage.tests], tests))
    stages = _stages((), report) if report.status not in _UNABLE else ()
    why = "" if stages else _UNABLE.get(report.status, "no test passes on base")
    return BaseSuite(stages=stages, part="what of the suite was reached on base", why_none=why)


def _stages(files: Sequence[str], report: SuiteReport) -> tuple[Stage, ...]:
    """What passed on base, the very nearest files before the others, so that what breaks them costs no more; nothing when none passed.

    Where the files did not all come to their end on base, single tests are named.
    """
    passed = report.having(Outcome.PASSED)
    if not passed:
        return ()
    if report.status != "ran":
        known = report.model_copy(update={"status": "ran", "outcomes": dict.fromkeys(passed, Outcome.PASSED)})
        return (Stage(tests=passed, report=known),)
    ran = tuple(file for file in files if _ran(file, report))
    first, others = ran[:_FIRST_FILES], ran[_FIRST_FILES:]
    if len(others) < _FIRST_FILES or not all("::" in test for test in report.outcomes):
        return (Stage(tests=ran or tuple(files), report=report),)
    return tuple(
        Stage(tests=part, report=report.model_copy(update={"outcomes": _of(part, report)}))
        for part in (first, others)
        if Outcome.PASSED in _of(part, report).values()
    )


def _of(files: Sequence[str], report: SuiteReport) -> dict[str, Outcome]:
    """Outcomes of the tests of some files."""
    wanted = frozenset(files)
    return {test: outcome for test, outcome in report.outcomes.items() if test.partition("::")[0] in wanted}


def _cost(report: SuiteReport) -> float:
    """CPU time; wall time where nobody says."""
    return report.cpu_seconds or report.seconds


def _ran(file: str, report: SuiteReport) -> bool:
    """Whether some test of a file has an outcome; true where ids do not name files."""
    return any(test.partition("::")[0] == file for test in report.outcomes) or not any(
        ".py" in test for test in report.outcomes
    )


def _part(report: SuiteReport, tests: NearTests, seconds: float) -> tuple[Stage, ...]:
    """The nearest tests that pass on base, as many as fit into the time, by what each took there."""
    by_file: dict[str, list[str]] = {}
    for test, outcome in report.outcomes.items():
        if outcome is Outcome.PASSED:
            by_file.setdefault(_file(test, tests), []).append(test)
    chosen: list[str] = []
    left = seconds
    for file in tests.ranked:
        cost = sum(report.durations.get(test, 0.0) for test in by_file.get(file, ()))
        if cost <= left:
            left -= cost
            chosen += by_file.get(file, ())
    if not chosen:
        return ()
    outcomes = {test: report.outcomes[test] for test in chosen}
    part = SuiteReport(status="ran", outcomes=outcomes, seconds=seconds - left, exit_code=0)
    return (Stage(tests=tuple(chosen), report=part),)


def _file(test: str, tests: NearTests) -> str:
    """The file of a test id; of a dotted name the one that ends like its beginning."""
    if "::" in test:
        return test.partition("::")[0]
    parts = test.split(".")
    for end in range(len(parts), 0, -1):
        path = "/".join(parts[:end]) + ".py"
        found = next((file for file in tests.sizes if file == path or file.endswith(f"/{path}")), None)
        if found:
            return found
    return ""


def _files(files: Sequence[str], tests: NearTests) -> str:
    shown = {file.partition("::")[0] for file in files}
    return f"{len(shown)} of {len(tests.sizes)} test files, those nearest to the changes"


def _described(stages: Sequence[Stage], report: SuiteReport) -> str:
    ran = sum(len(stage.tests) for stage in stages)
    passing = sum(outcome not in BAD for outcome in report.outcomes.values())
    return f"{ran} of {passing} tests, those nearest to the changes" if ran else "what of the suite was reached on base"

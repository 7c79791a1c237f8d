"""The gate: what execution says of one patch against the base commit.

Reports are compared test by test. A test that is missing is unknown: it is no pass, and no regression either, so a patch
under which tests vanish does not get through but is not called guilty of what was not seen.
"""

from collections.abc import Sequence

from agent.values import Candidate
from envs.errors import PatchRejected
from envs.suite import compare
from envs.values import Outcome, Patch, SuiteReport, Task
from sandbox.values import Value
from selection.port import Bench


class GateResult(Value):
    """How one patch fared."""

    passed: bool
    reason: str
    demands: tuple[str, ...] = ()
    """Targets that it had to pass."""
    targets: SuiteReport | None = None
    """The target tests with the patch; None when there were none, or they were not run."""
    suite: SuiteReport | None = None
    """The whole suite with the patch; None when the targets settled it."""
    regressions: tuple[str, ...] = ()
    """Confirmed: passed on base twice, failed with the patch twice."""
    flaky: tuple[str, ...] = ()
    """Set aside: repetition contradicted the first run."""


def demands_of(candidate: Candidate, task: Task, targets: Sequence[str]) -> tuple[str, ...]:
    """Targets that a candidate must pass: all that the task names; where it names none, those that the candidate claims to repair.

    Failing tests that nobody named may have nothing to do with each other, or with the issue. A candidate that claims nothing has
    to pass them all where there is no issue that it could be about instead.
    """
    if task.failing_tests:
        return tuple(targets)
    claimed = tuple(test for test in targets if test in candidate.repairs)
    return claimed if claimed or task.issue is not None else tuple(targets)


def judge_patch(bench: Bench, patch: Patch, *, base: SuiteReport, targets: Sequence[str]) -> GateResult:
    """Run the targets, then the whole suite, and confirm what seems to regress.

    Repetition is spent where it can change the verdict: only tests that would be called regressions run again, with the patch and on base.

    Raises:
        SandboxError: the machine is at fault.
    """
    shown: SuiteReport | None = None
    try:
        if targets:
            shown = bench.run(patch, targets)
            met = set(compare(base, shown).fixed)
            unmet = [test for test in targets if test not in met]
            if unmet or shown.status != "ran":
                return GateResult(passed=False, reason=_unmet(unmet, shown), demands=tuple(targets), targets=shown)
        if base.status != "ran":
            reason = "passes the target tests; the whole suite cannot be run on base"
            return GateResult(passed=True, reason=reason, demands=tuple(targets), targets=shown)
        suite = bench.run(patch)
    except PatchRejected as rejected:
        return GateResult(passed=False, reason=f"does not apply: {rejected}")
    verdict = _against_base(bench, patch, base, suite)
    return verdict.model_copy(update={"demands": tuple(targets), "targets": shown})


def _against_base(bench: Bench, patch: Patch, base: SuiteReport, suite: SuiteReport) -> GateResult:
    """Compare whole runs and repeat what would count as a regression."""

    def verdict(passed: bool, reason: str, regressions: Sequence[str] = (), flaky: Sequence[str] = ()) -> GateResult:
        return GateResult(passed=passed, reason=reason, suite=suite, regressions=tuple(regressions), flaky=tuple(flaky))

    if suite.status != "ran":
        return verdict(False, f"with it the suite ends as {suite.status.replace('_', ' ')}, on base it runs")
    comparison = compare(base, suite)
    suspects = (*comparison.regressions, *comparison.missing)
    if not suspects:
        return verdict(True, "no test that passes on base fails with it")
    again = bench.run(patch, suspects)
    before = bench.run(Patch(diff=""), suspects)
    steady = [test for test in suspects if before.outcomes.get(test) is Outcome.PASSED]
    regressions = [test for test in steady if again.outcomes.get(test) is not Outcome.PASSED]
    flaky = [test for test in suspects if test not in regressions]
    if regressions:
        return verdict(False, f"breaks {_names(regressions)}", regressions, flaky)
    return verdict(True, f"no regression; set aside as flaky: {_names(flaky)}", flaky=flaky)


def _unmet(unmet: Sequence[str], report: SuiteReport) -> str:
    """Why the targets are not met."""
    if report.status != "ran":
        return f"the target tests end as {report.status.replace('_', ' ')} in a fresh sandbox"
    return f"{_names(unmet)} still not passing in a fresh sandbox"


def _names(tests: Sequence[str]) -> str:
    """A few test names, and how many more."""
    shown = ", ".join(tests[:3])
    return f"{shown} and {len(tests) - 3} more" if len(tests) > 3 else shown

"""The gate: what execution says of one patch against the base commit.

Reports are compared test by test. A test that is missing is unknown: it is no pass, and no regression either, so a patch
under which tests vanish does not get through but is not called guilty of what was not seen.
"""

from collections.abc import Sequence

from envs.errors import PatchRejected
from envs.suite import compare
from envs.values import Outcome, Patch, SuiteReport
from sandbox.values import Value
from selection.port import Bench

_GOOD = (Outcome.PASSED, Outcome.XFAILED)


class GateResult(Value):
    """How one patch fared."""

    passed: bool
    reason: str
    targets: SuiteReport | None = None
    """The target tests with the patch; None when there were none, or they were not run."""
    suite: SuiteReport | None = None
    """The whole suite with the patch; None when the targets settled it."""
    regressions: tuple[str, ...] = ()
    """Confirmed: passed on base twice, failed with the patch twice."""
    flaky: tuple[str, ...] = ()
    """Set aside: repetition contradicted the first run."""


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
            unmet = [test for test in targets if shown.outcomes.get(test) not in _GOOD]
            if unmet or shown.status != "ran":
                return GateResult(passed=False, reason=_unmet(unmet, shown), targets=shown)
        if base.status != "ran":
            return GateResult(
                passed=True, reason="passes the target tests; the whole suite cannot be run on base", targets=shown
            )
        suite = bench.run(patch)
    except PatchRejected as rejected:
        return GateResult(passed=False, reason=f"does not apply: {rejected}")
    return _against_base(bench, patch, base, shown, suite)


def _against_base(
    bench: Bench, patch: Patch, base: SuiteReport, shown: SuiteReport | None, suite: SuiteReport
) -> GateResult:
    """Compare whole runs and repeat what would count as a regression."""
    if suite.status in ("timed_out", "crashed", "unusable"):
        return GateResult(
            False, f"the suite {suite.status.replace('_', ' ')} with it but not on base", targets=shown, suite=suite
        )
    comparison = compare(base, suite)
    suspects = (*comparison.regressions, *comparison.missing)
    if not suspects:
        return GateResult(passed=True, reason="no test that passes on base fails with it", targets=shown, suite=suite)
    again = bench.run(patch, suspects)
    before = bench.run(Patch(diff=""), suspects)
    steady = [test for test in suspects if before.outcomes.get(test) in _GOOD]
    regressions = tuple(test for test in steady if again.outcomes.get(test) not in _GOOD)
    flaky = tuple(test for test in suspects if test not in regressions)
    if regressions:
        return GateResult(
            False, f"breaks {_names(regressions)}", targets=shown, suite=suite, regressions=regressions, flaky=flaky
        )
    return GateResult(
        True, f"no regression; set aside as flaky: {_names(flaky)}", targets=shown, suite=suite, flaky=flaky
    )


def _unmet(unmet: Sequence[str], report: SuiteReport) -> str:
    """Why the targets are not met."""
    if report.status != "ran":
        return f"the target tests {report.status.replace('_', ' ')} in a fresh sandbox"
    return f"{_names(unmet)} still not passing in a fresh sandbox"


def _names(tests: Sequence[str]) -> str:
    """A few test names, and how many more."""
    shown = ", ".join(tests[:3])
    return f"{shown} and {len(tests) - 3} more" if len(tests) > 3 else shown

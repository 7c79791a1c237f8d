"""What a change did to a suite."""

from envs.values import Outcome, SuiteReport
from sandbox.values import Value

BAD = frozenset({Outcome.FAILED, Outcome.ERROR})


class Comparison(Value):
    """Two runs of one suite, test by test. Ids are in the order in which they ran before."""

    regressions: tuple[str, ...] = ()
    """Passed before; fail now, or belong to a file that can no longer be imported."""
    missing: tuple[str, ...] = ()
    """Passed before; have no verdict now: not run, not reached, or skipped."""
    fixed: tuple[str, ...] = ()
    """Failed before and pass now."""
    still_failing: tuple[str, ...] = ()
    """Failed before and fail now."""


def compare(before: SuiteReport, after: SuiteReport) -> Comparison:
    """Return what changed from one report to the other. What the second run does not know counts as no verdict."""
    regressions, missing, fixed, still_failing = [], [], [], []
    for test, old in before.outcomes.items():
        new = _outcome(test, after)
        if old is Outcome.PASSED:
            if new in BAD:
                regressions.append(test)
            elif new is not Outcome.PASSED:
                missing.append(test)
        elif old in BAD:
            if new is Outcome.PASSED:
                fixed.append(test)
            elif new in BAD:
                still_failing.append(test)
    return Comparison(
        regressions=tuple(regressions),
        missing=tuple(missing),
        fixed=tuple(fixed),
        still_failing=tuple(still_failing),
    )


def _outcome(test: str, report: SuiteReport) -> Outcome | None:
    """Return the test's own outcome, the error of the file or class that it belongs to, or what its parts say together.

    Parts: a file that could not be imported before has an id of its own then, and only its tests have ids now.
    """
    separator = "::" if "::" in test else "."
    name = test
    while name:
        outcome = report.outcomes.get(name)
        if outcome is not None and (name == test or outcome is Outcome.ERROR):
            return outcome
        name = name.rpartition(separator)[0]
    parts = {outcome for name, outcome in report.outcomes.items() if name.startswith((f"{test}::", f"{test}."))}
    return next((outcome for outcome in (Outcome.ERROR, Outcome.FAILED, Outcome.PASSED) if outcome in parts), None)

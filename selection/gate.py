"""The gate: what execution says of one patch against the base commit.

Reports are compared test by test. A test that is missing is no pass: a patch under which tests vanish, twice, while they pass on base,
does not get through. Tests run as they are on base: a change that
rewrites a test is not judged by its own version of it, and where it breaks only tests that it rewrites, nobody knows whether that is right.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Protocol

from pydantic import Field

from agent.values import Candidate
from envs.errors import PatchRejected
from envs.suite import BAD, compare
from envs.values import Outcome, SuiteReport, Task
from sandbox.values import Value
from selection.values import Verdict

_LEAST_S, _SLOWER = 60.0, 4.0
"""A run with a patch may take this many times as long as on base, and this much more: other sandboxes run beside it."""
_NOT_STARTED = "the command of the tests could not be started with it"
_CUT_SHORT = ("timed_out", "crashed", "unusable")
_LEAST_VOICES = 3
"""That break the same tests before these tests are doubted."""


class GateResult(Value):
    """How one patch fared."""

    verdict: Verdict
    """`unknown`: it was not seen to break anything, but not seen to pass either."""
    reason: str
    demands: tuple[str, ...] = ()
    """Targets that it had to pass."""
    targets: SuiteReport | None = None
    """The target tests with the patch; None when there were none, or they were not run."""
    suite: SuiteReport | None = None
    """The tests that pass on base, with the patch, as far as they were run; None when the targets settled it."""
    whole: bool = False
    """`suite` is a run of the whole suite."""
    regressions: tuple[str, ...] = ()
    """Confirmed: passed on base twice, and twice not with the patch."""
    repaired: tuple[str, ...] = ()
    """Confirmed: failed on base twice, and passed twice with the patch. Looked for only where nothing is demanded."""
    flaky: tuple[str, ...] = ()
    """Set aside: repetition contradicted the first run."""

    @property
    def passed(self) -> bool:
        """Whether it got through."""
        return self.verdict is Verdict.PASS


class Stage(Value):
    """A part of the suite that is run at once."""

    tests: tuple[str, ...] = ()
    """Ids or files; empty: the whole suite."""
    report: SuiteReport
    """The same part on base."""

    @property
    def patience_s(self) -> float:
        """Seconds that it may take with a patch."""
        return _LEAST_S + _SLOWER * self.report.seconds


class BaseSuite(Value):
    """What of the suite is run with every change, the tests nearest to the changes first."""

    stages: tuple[Stage, ...] = ()
    """Empty: nothing can be run."""
    part: str = "the whole suite"
    """What was run, for people."""
    why_none: str = Field(default="")
    """For people, where nothing can be run."""


class Tree(Protocol):
    """A patched copy on which tests can be run; see `selection.execution.runs.Session`."""

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None, turn: int = 0) -> SuiteReport:
        """Run tests, or all of them."""


def demands_of(candidate: Candidate, task: Task, targets: Sequence[str]) -> tuple[str, ...]:
    """Targets that a candidate must pass: all that the task names; where it names none, those that the candidate claims to repair.

    Failing tests that nobody named may have nothing to do with each other, or with the issue. A candidate that claims nothing has
    to pass them all where there is no issue that it could be about instead.
    """
    if task.failing_tests:
        return tuple(targets)
    claimed = tuple(test for test in targets if test in candidate.repairs)
    return claimed if claimed or task.issue is not None else tuple(targets)


def judge_patch(
    patched: Tree,
    base: Tree,
    suite: BaseSuite,
    *,
    targets: Sequence[str] = (),
    failing: SuiteReport | None = None,
    rewritten: Sequence[str] = (),
) -> GateResult:
    """Run the targets, then the suite stage by stage, and confirm what seems to regress; ends with the first stage that breaks.

    Repetition is spent where it can change the verdict: only tests that would be called regressions run again, with the patch and on base.

    Args:
        patched: with the change, but with the tests of base.
        base: the base commit.
        suite: what is run, and what it showed on base.
        targets: tests that must pass.
        failing: the targets on base; None where there are none.
        rewritten: test files that the change rewrites.

    Raises:
        SandboxError: the machine is at fault.
    """
    known = {"demands": tuple(targets)}
    try:
        if targets:
            shown = patched.suite(targets)
            if shown.status == "timed_out":  # once may be the machine
                shown = patched.suite(targets, turn=1)
            met = set(compare(failing, shown).fixed) if failing else set(shown.having(Outcome.PASSED))
            unmet = [test for test in targets if test not in met]
            known |= {"targets": shown}  # type: ignore[dict-item]
            if _not_started(shown):
                return GateResult(verdict=Verdict.UNKNOWN, reason=_NOT_STARTED, **known)  # type: ignore[arg-type]
            if unmet or shown.status != "ran":
                return GateResult(verdict=Verdict.FAIL, reason=_unmet(unmet, shown), **known)  # type: ignore[arg-type]
        if not suite.stages:
            verdict = Verdict.PASS if targets else Verdict.UNKNOWN
            reason = f"{'passes the target tests; ' if targets else ''}{suite.why_none or 'there is no suite to run'}"
            return GateResult(verdict=verdict, reason=reason, **known)  # type: ignore[arg-type]
        result = _through(patched, base, suite, rewritten, seek=not targets)
    except PatchRejected as rejected:
        return GateResult(verdict=Verdict.FAIL, reason=f"does not apply: {rejected}")
    return result.model_copy(update=known)


def without_contested(results: Mapping[str, GateResult], voices: Mapping[str, Set[str]]) -> dict[str, GateResult]:
    """Give back what fell for nothing but tests that every change breaks: then the issue may be about what these tests say.

    Only where no change came through and at least three voices agree; a majority is no sign (of four tasks where half of
    the systems or more broke the same test, none had a right change among those that did). What is given back is unknown, and never passes.

    Args:
        results: of changes, by name.
        voices: who made each of them.
    """
    reached = {name: result for name, result in results.items() if result.suite is not None}
    fallen = [set(result.regressions) for result in reached.values() if result.verdict is Verdict.FAIL]
    everywhere = set.intersection(*fallen) if fallen and len(fallen) == len(reached) else set()
    if not everywhere or len(set().union(*(voices.get(name, ()) for name in reached))) < _LEAST_VOICES:
        return dict(results)
    back = {name for name, result in reached.items() if set(result.regressions) <= everywhere}
    return {name: _contested(result) if name in back else result for name, result in results.items()}


def _contested(result: GateResult) -> GateResult:
    reason = f"{result.reason}, as every other change does: the issue may be about that"
    return result.model_copy(update={"verdict": Verdict.UNKNOWN, "reason": reason})


def _through(patched: Tree, base: Tree, suite: BaseSuite, rewritten: Sequence[str], *, seek: bool) -> GateResult:
    """Go through the stages; `seek`: see whether tests that fail on base pass."""
    outcomes: dict[str, Outcome] = {}
    flaky: list[str] = []
    repaired: list[str] = []
    report = SuiteReport(status="ran")
    for stage in suite.stages:
        report = _finished(patched, stage)
        outcomes |= report.outcomes
        found = _against_base(patched, base, stage, report, seek=seek)
        flaky += found.flaky
        repaired += (test for test in found.repaired if test not in repaired)
        seen = report.model_copy(update={"outcomes": outcomes})
        if found.verdict is not Verdict.PASS:
            update = {"suite": seen, "flaky": tuple(flaky), "repaired": tuple(repaired)}
            return _own_tests(found.model_copy(update=update), rewritten)
    aside = f"; repaired: {_names(repaired)}" if repaired else ""
    aside += f"; set aside as flaky: {_names(flaky)}" if flaky else ""
    return GateResult(
        verdict=Verdict.PASS,
        reason=f"no test that passes on base fails with it ({suite.part}){aside}",
        suite=report.model_copy(update={"outcomes": outcomes}),
        whole=not suite.stages[-1].tests,
        repaired=tuple(repaired),
        flaky=tuple(flaky),
    )


def _finished(patched: Tree, stage: Stage) -> SuiteReport:
    """Run a stage, once more where it does not come to an end that it has on base."""
    report = patched.suite(stage.tests, timeout_s=stage.patience_s)
    if report.status != "ran" and stage.report.status == "ran":
        report = patched.suite(stage.tests, timeout_s=stage.patience_s, turn=1)
    return report


def _against_base(patched: Tree, base: Tree, stage: Stage, report: SuiteReport, *, seek: bool) -> GateResult:
    """Compare one stage and repeat what would count as a regression, or as repaired."""
    if _not_started(report):
        return GateResult(verdict=Verdict.UNKNOWN, reason=_NOT_STARTED, suite=report)
    if report.status != "ran" and stage.report.status == "ran":
        reason = f"with it the suite ends as {_ended(report)}, on base it runs"
        return GateResult(verdict=Verdict.FAIL, reason=reason, suite=report)
    comparison = compare(stage.report, report)
    # On base it did not come to its end either: what was not reached says nothing.
    missing = comparison.missing if report.status == "ran" else ()
    suspects = (*comparison.regressions, *missing)
    fixed = comparison.fixed if seek else ()
    if not suspects and report.status != "ran" and len(comparison.missing) > len(report.having(Outcome.PASSED)):
        reason = f"most of the tests were not reached: the suite ends as {_ended(report)}"
        return GateResult(verdict=Verdict.UNKNOWN, reason=reason)
    if suspects or fixed:
        return _repeated(patched, base, stage, suspects, fixed)
    return GateResult(verdict=Verdict.PASS, reason="")


def _repeated(patched: Tree, base: Tree, stage: Stage, suspects: Sequence[str], fixed: Sequence[str]) -> GateResult:
    """Run again what did otherwise than on base, with the patch and on base."""
    again = patched.suite((*suspects, *fixed), timeout_s=stage.patience_s, turn=2)
    before = base.suite((*suspects, *fixed), timeout_s=stage.patience_s, turn=2)
    repaired = tuple(
        test for test in fixed if before.outcomes.get(test) in BAD and again.outcomes.get(test) is Outcome.PASSED
    )
    steady = [test for test in suspects if before.outcomes.get(test) is Outcome.PASSED]
    regressions = tuple(test for test in steady if again.outcomes.get(test) is not Outcome.PASSED)
    lost = [test for test in suspects if test not in before.outcomes] if before.status in _CUT_SHORT else []
    flaky = tuple(test for test in suspects if test not in regressions and test not in lost)
    verdict, reason = Verdict.PASS, ""
    if regressions:
        verdict, reason = Verdict.FAIL, f"breaks {_names(regressions)}"
    elif lost:
        verdict, reason = Verdict.UNKNOWN, f"{_names(lost)} not passing; on base a second run ended as {_ended(before)}"
    return GateResult(verdict=verdict, reason=reason, regressions=regressions, repaired=repaired, flaky=flaky)


def _not_started(report: SuiteReport) -> bool:
    """Whether the shell could not run the command (126) or not find it (127): that says nothing of a change."""
    return report.status == "unusable" and report.exit_code in (126, 127)


def _ended(report: SuiteReport) -> str:
    return report.status.replace("_", " ")


def _own_tests(result: GateResult, rewritten: Sequence[str]) -> GateResult:
    """What breaks nothing but tests that the change itself rewrites may be meant so."""
    if not result.regressions or not all(_lies_in(test, rewritten) for test in result.regressions):
        return result
    reason = f"{result.reason}, which it rewrites"
    return result.model_copy(update={"verdict": Verdict.UNKNOWN, "reason": reason})


def _lies_in(test: str, files: Sequence[str]) -> bool:
    """Whether a test, by pytest's id or unittest's dotted name, belongs to one of these files."""
    if "::" in test or test.endswith(".py"):
        return test.partition("::")[0] in files
    modules = [f".{file.removesuffix('.py').replace('/', '.')}" for file in files]
    parts = test.split(".")
    starts = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    # The folder from which modules are imported need not be the top, so that the beginning of a file's name may be missing.
    return any(
        module.endswith(f".{start}") and start.rpartition(".")[2] == module.rpartition(".")[2]
        for module in modules
        for start in starts
    )


def _unmet(unmet: Sequence[str], report: SuiteReport) -> str:
    """Why the targets are not met."""
    if report.status != "ran":
        return f"the target tests end as {_ended(report)} in a fresh sandbox"
    return f"{_names(unmet)} still not passing in a fresh sandbox"


def _names(tests: Sequence[str]) -> str:
    """A few test names, and how many more."""
    shown = ", ".join(tests[:3])
    return f"{shown} and {len(tests) - 3} more" if len(tests) > 3 else shown

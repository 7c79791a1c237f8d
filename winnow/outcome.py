"""From what the run store holds to the value that people and programs read."""

from collections import Counter
from collections.abc import Mapping, Sequence

from agent.values import Brief, Candidate, Trajectory
from envs.patches import paths
from envs.suite import BAD, compare
from envs.values import Outcome, Patch, SuiteReport
from sandbox.errors import WinnowError
from selection.gate import GateResult
from selection.selector import Choice
from selection.values import Selection, Verdict
from winnow.errors import Exit
from winnow.plan import who_proposes
from winnow.prepare import prepare
from winnow.purse import beside_trajectories
from winnow.result import Contest, FixResult, TestCounts
from winnow.settings import Settings
from winnow.state import RunContext
from winnow.steps import CHOICE, load_trajectories
from winnow.store import Status

_MANY_RIVALS = 5
"""So many distinct changes that pass the same tests mean that the tests say little (specification of the repairer, section 10)."""

_FLAGS = {
    "deletes-behaviour": "it passes by doing less than before",
    "part": "it repairs only a part of the failing tests that seem to have one cause",
}
"""What a proposer's flags mean to a reader."""


def conclude(context: RunContext, status: Status) -> FixResult:
    """Assemble the result of a run whose graph came to its end."""
    brief = prepare(context)
    choice = context.run.load(CHOICE, Choice)
    if choice is None:
        raise WinnowError(
            f"run {context.run.id} ended without a selection", hint="This is a defect of Winnow; please report it."
        )
    trajectories = load_trajectories(context)
    selection = choice.selection
    own = beside_trajectories(context.run)
    usage = sum((t.usage for t in trajectories), own).model_copy(update={"cpu_seconds": status.cpu_seconds})
    contest = _contest(choice, trajectories)
    chosen = next((c for t in trajectories for c in t.candidates if c.id == selection.chosen), None)
    result = FixResult(
        run_id=context.run.id,
        status="nothing_plausible",
        exit_code=Exit.NOTHING_PLAUSIBLE,
        reason=_why_none(context.settings, brief, selection, trajectories),
        contest=contest,
        sandbox=context.machines.kind,
        seconds=round(status.seconds, 3),
        usage=usage,
        run_dir=str(context.run.path),
        before=counts(brief.base_report),
        targets=brief.targets,
    )
    if chosen is None:
        return result
    gate = choice.gate_of(chosen.id) or GateResult(verdict=Verdict.UNKNOWN, reason="not run")
    return _with_patch(result, chosen, choice.patches.get(chosen.id, chosen.patch), gate, brief)


def _with_patch(result: FixResult, chosen: Candidate, patch: Patch, gate: GateResult, brief: Brief) -> FixResult:
    """The result once there is a patch."""
    doubts = _doubts(result.contest.distinct, chosen.claims)
    if not gate.passed:
        doubts.append(f"the tests do not speak for it: {gate.reason}")
    if chosen.proposer == "repair" and 2 * len(gate.demands) < len(brief.targets):
        doubts.append(
            f"it repairs {len(gate.demands)} of {len(brief.targets)} failing tests: name those that belong to the bug with --failing-test"
        )
    return FixResult.model_validate(
        {
            **dict(result),
            "status": "plausible",
            "exit_code": Exit.OK,
            "reason": result.contest.reason,
            "patch": patch.diff,
            "files": paths(patch),
            "summary": chosen.summary,
            "probe": chosen.claims.get("probe", ""),
            "targets": gate.demands,
            "still_failing": _still_failing(brief.base_report, gate),
            "after": counts(gate.suite) if gate.suite and gate.whole else None,
            "confidence": "low" if doubts else "plausible",
            "caution": "; ".join(doubts) or "it passes the visible tests; whether it is right is for a reader to say",
        }
    )


def _doubts(distinct: int, claims: Mapping[str, str]) -> list[str]:
    """Particular reasons for doubt in a patch that passes."""
    flags = claims.get("flags", "").split(",")
    found = [text for flag, text in _FLAGS.items() if flag in flags]
    if distinct > _MANY_RIVALS:
        found.append(f"{distinct} different changes pass the same tests: they say little")
    if claims.get("earlier"):
        found.append(
            f"an earlier state of the agent's work is delivered, as {claims['earlier']}: read what its summary says with care"
        )
    if claims.get("proven") == "false":
        found.append("nothing that failed before was seen to pass with it")
    if claims.get("waiver"):
        found.append(f"the agent says of the evidence that is missing: {claims['waiver']}")
    return found


def _still_failing(base: SuiteReport, gate: GateResult) -> tuple[str, ...]:
    """What failed on base and is not seen to pass with the patch."""
    passing = {*gate.demands, *(compare(base, gate.suite).fixed if gate.suite else ())}
    return tuple(test for test in base.having(*BAD) if test not in passing)


def _why_none(settings: Settings, brief: Brief, selection: Selection, trajectories: Sequence[Trajectory]) -> str:
    """Why there is no patch, with what would help first."""
    if not brief.targets and who_proposes(settings) == ("repair",):
        return (
            "no test fails on the base commit, and without a model Winnow repairs only what a failing test shows; "
            "write a test that fails and name it with --failing-test"
        )
    if selection.clusters or selection.dropped:
        return selection.reason
    reason = "; ".join(dict.fromkeys(t.detail for t in trajectories if t.detail)) or selection.reason
    if len(brief.targets) > 1 and not brief.task.failing_tests:
        reason += f"; {len(brief.targets)} tests fail: name those that belong to the bug with --failing-test"
    return reason


def _contest(choice: Choice, trajectories: Sequence[Trajectory]) -> Contest:
    """The choice in numbers."""
    verdicts = [result.verdict for result in choice.gates.values()]
    return Contest(
        trajectories=len(trajectories),
        tried=int(sum(t.stats.get("tried", 0) for t in trajectories)),
        candidates=sum(len(t.candidates) for t in trajectories),
        distinct=len(choice.selection.clusters),
        got_through=verdicts.count(Verdict.PASS),
        fell=verdicts.count(Verdict.FAIL),
        reason=choice.selection.reason,
    )


def counts(report: SuiteReport) -> TestCounts:
    """A report in numbers."""
    number = Counter(report.outcomes.values())
    return TestCounts(
        status=report.status,
        passed=number[Outcome.PASSED],
        failed=number[Outcome.FAILED],
        errors=number[Outcome.ERROR],
        skipped=number[Outcome.SKIPPED] + number[Outcome.XFAILED],
    )

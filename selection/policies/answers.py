"""Decisions put together: what all policies share."""

from collections.abc import Mapping, Sequence

from selection.policies.port import Separator
from selection.policies.stages import Ranked, Stage, margins_of, rank
from selection.standing import Assessment, Standing
from selection.values import Decision

TRAJECTORY = "selection trajectory"


def lexicographic(policy: str, assessment: Assessment, stages: Sequence[Stage]) -> Decision:
    """Decide by stages; what they cannot tell apart is decided by the smallest id."""
    return answer(policy, assessment, rank(assessment.standings, stages))


def answer(policy: str, assessment: Assessment, ranked: Ranked) -> Decision:
    """The decision for an order."""
    chosen = ranked.order[0]
    runner_up = ranked.order[1] if len(ranked.order) > 1 else None
    return Decision(
        policy=policy,
        verdict="chosen",
        chosen=chosen,
        shares={chosen: 1.0},
        ranking=ranked.order,
        rule=ranked.rule,
        runner_up=runner_up,
        margins=ranked.margins,
        reason=_reason(chosen, runner_up, ranked, assessment.standings),
    )


def separated(
    decision: Decision,
    finalists: tuple[str, ...],
    separator: Separator,
    assessment: Assessment,
    stages: Sequence[Stage],
) -> Decision:
    """Let a selection trajectory choose among finalists; where it comes to no answer, the decision stands."""
    picked = separator.separate(assessment.evidence.task_id, finalists).picked
    if picked is None or picked not in finalists:
        return decision
    order = (picked, *(other for other in decision.ranking if other != picked))
    return decision.model_copy(
        update={
            "chosen": picked,
            "shares": {picked: 1.0},
            "ranking": order,
            "rule": TRAJECTORY,
            "runner_up": order[1],
            "margins": margins_of(assessment.standings, stages, picked, order[1]),
            "reason": f"the {TRAJECTORY} picked {picked} of {', '.join(finalists)}",
        }
    )


def abstain(decision: Decision, rule: str, reason: str) -> Decision:
    """The same order, but nothing is delivered."""
    return decision.model_copy(
        update={"verdict": "abstained", "chosen": None, "shares": {}, "rule": rule, "reason": reason}
    )


def nothing(policy: str, dropped: int) -> Decision:
    """The decision over no change at all."""
    why = f"none of {dropped} candidates could enter the pool" if dropped else "there is no candidate"
    return Decision(policy=policy, verdict="abstained", rule="none", reason=why)


def _reason(chosen: str, runner_up: str | None, ranked: Ranked, standings: Mapping[str, Standing]) -> str:
    """One sentence for people."""
    if runner_up is None:
        return f"{chosen} is the only distinct change"
    if ranked.rule == "id":
        return f"{chosen} and {len(ranked.tied) - 1} more cannot be told apart"
    margin = next(margin for margin in ranked.margins if margin.rule == ranked.rule)
    shown = [_number(worth) for worth in (margin.first, margin.second)]
    leads = f"{chosen} leads {len(standings)} distinct changes, decided by {ranked.rule}"
    return f"{leads}: {shown[0]} against {shown[1]} of {runner_up}"


def _number(worth: float | None) -> str:
    return "unknown" if worth is None else f"{worth:.3g}"

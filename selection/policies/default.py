"""The default order: gate > targets repaired > weighted probes > own order > votes > verifiers > comparison > agreement > size.

Where gate and probes do not tell the first from the second, a selection trajectory may: it writes tests for the leaders that are level,
and its answer stands above votes and opinions, as it rests on runs; without an answer the order stands.

Execution comes before opinion, and what many came to independently before what one model thinks of it. Of what a proposer says of its own
work only one thing counts, among its own changes alone: which of them it would rather have.
"""

from collections.abc import Sequence

from selection.evidence import COMPARISON, Verdict
from selection.policies.answers import lexicographic, separated
from selection.policies.port import Preferences, Separator
from selection.policies.risk import weigh_risk
from selection.policies.stages import Stage, rank
from selection.standing import Assessment, Standing, believed
from selection.values import Decision

FINALISTS = 3
"""Leaders that a selection trajectory looks at, at most."""
SLACK = 0.05
"""Shares of support, and scores of verifiers, that differ by no more are equal: a twentieth is one doubtful probe in twenty."""


def _gate(standing: Standing) -> float:
    """Unknown is worse than a pass and better than a failure."""
    return {Verdict.PASS: 1.0, Verdict.UNKNOWN: 0.5, Verdict.FAIL: 0.0}[standing.gate]


def _fewest_regressions(standing: Standing) -> float | None:
    """Orders what fell at the gate, for the report."""
    return None if standing.gate is not Verdict.FAIL or standing.regressions is None else -float(standing.regressions)


EXECUTION = (
    Stage("gate", _gate),
    Stage("regressions", _fewest_regressions),
    Stage("repairs", lambda s: float(s.repairs)),
    Stage("probes", lambda s: s.support, SLACK),
    Stage("unknown probes", lambda s: s.support_at_best, SLACK),
)
OPINION = (
    Stage("own order", lambda s: -float(s.behind)),
    Stage("votes", lambda s: s.votes),
    Stage("verifiers", believed, SLACK),
    Stage(COMPARISON, lambda s: s.compared, SLACK),
    Stage("agreement", lambda s: s.agreement),
    Stage("size", lambda s: -float(s.size)),
    Stage("length", lambda s: -float(s.length)),
)
STAGES = (*EXECUTION, *OPINION)


def default(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """See the module. Abstains when every change fell at the gate, or when the best is not worth its risk."""
    decision = lexicographic("default", assessment, STAGES)
    level = leaders_that_are_level(assessment, decision.ranking)
    if len(level) > 1:
        decision = separated(decision, level, separator, assessment, STAGES)
    return weigh_risk(decision, assessment, preferences)


def close_call(assessment: Assessment, most: int) -> tuple[str, ...]:
    """Return the leaders that nothing before a comparison tells from the first, best first, at most so many; none when there is no tie."""
    if not assessment.standings:
        return ()
    before = STAGES[: [stage.name for stage in STAGES].index(COMPARISON)]
    tied = rank(assessment.standings, before).tied
    if len(tied) < 2 or assessment.standings[tied[0]].gate is Verdict.FAIL:
        return ()
    ranking = rank({leader: assessment.standings[leader] for leader in tied}, STAGES).order
    return ranking[:most] if most > 1 else ()


def leaders_that_are_level(assessment: Assessment, ranking: Sequence[str]) -> tuple[str, ...]:
    """Return the first and those after it that no stage of `EXECUTION` tells from it, best first; just the first when there are none.

    What fell at the gate is level with nothing.
    """
    first = assessment.standings[ranking[0]]
    if first.gate is Verdict.FAIL:
        return (first.leader,)
    level = [leader for leader in ranking if _are_level(first, assessment.standings[leader])]
    return tuple(level[:FINALISTS])


def _are_level(one: Standing, other: Standing) -> bool:
    return all(_is_close(stage.worth(one), stage.worth(other), stage.slack) for stage in EXECUTION)


def _is_close(one: float | None, other: float | None, slack: float) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= slack

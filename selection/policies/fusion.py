"""Fusion: the most probable change, all evidence weighed together instead of one kind after another."""

from selection.evidence import Verdict
from selection.policies.answers import answer
from selection.policies.chance import probabilities
from selection.policies.port import Preferences, Separator
from selection.policies.risk import weigh_risk
from selection.policies.stages import Stage, rank
from selection.standing import Assessment
from selection.values import Decision


def fusion(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """Take the most probable. Abstains when it fell at the gate, or is not worth its risk."""
    del separator
    chances = probabilities(assessment)
    stages = (
        Stage("gate", lambda s: float(s.gate is not Verdict.FAIL)),
        Stage("probability", lambda s: chances[s.leader]),
        Stage("size", lambda s: -float(s.size)),
        Stage("length", lambda s: -float(s.length)),
    )
    return weigh_risk(answer("fusion", assessment, rank(assessment.standings, stages)), assessment, preferences)

"""The default order: gate > targets repaired > weighted probes > own order > votes > verifiers > agreement > size.

Execution comes before opinion, and what many came to independently before what one model thinks of it. Of what a proposer says of its own
work only one thing counts, among its own changes alone: which of them it would rather have.
"""

from selection.evidence import Verdict
from selection.policies.answers import lexicographic
from selection.policies.port import Preferences, Separator
from selection.policies.risk import weigh_risk
from selection.policies.stages import Stage
from selection.standing import Assessment, Standing, believed
from selection.values import Decision

SLACK = 0.05
"""Shares of support, and scores of verifiers, that differ by no more are equal: a twentieth is one doubtful probe in twenty."""


def _gate(standing: Standing) -> float:
    """Unknown is worse than a pass and better than a failure."""
    return {Verdict.PASS: 1.0, Verdict.UNKNOWN: 0.5, Verdict.FAIL: 0.0}[standing.gate]


def _fewest_regressions(standing: Standing) -> float | None:
    """Orders what fell at the gate, for the report."""
    return None if standing.gate is not Verdict.FAIL or standing.regressions is None else -float(standing.regressions)


STAGES = (
    Stage("gate", _gate),
    Stage("regressions", _fewest_regressions),
    Stage("repairs", lambda s: float(s.repairs)),
    Stage("probes", lambda s: s.support, SLACK),
    Stage("unknown probes", lambda s: s.support_at_best, SLACK),
    Stage("own order", lambda s: -float(s.behind)),
    Stage("votes", lambda s: s.votes),
    Stage("verifiers", believed, SLACK),
    Stage("agreement", lambda s: s.agreement),
    Stage("size", lambda s: -float(s.size)),
    Stage("length", lambda s: -float(s.length)),
)


def default(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """See the module. Abstains when every change fell at the gate, or when the best is not worth its risk."""
    del separator
    decision = lexicographic("default", assessment, STAGES)
    return weigh_risk(decision, assessment, preferences)

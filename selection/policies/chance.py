"""P(correct) from all evidence, by a small logistic model.

The coefficients are set by hand until enough labelled pools with execution evidence exist to train them; those of votes, agreement and
size are rounded from a fit to pools of published patches. They hold execution above opinion: a change that passes the gate and the
probes outranks one that was not run, whatever verifiers and votes say, because their contributions are bounded.
"""

import math
from collections.abc import Mapping
from statistics import fmean
from typing import NamedTuple

from pydantic import Field

from sandbox.values import Value
from selection.evidence import Verdict
from selection.standing import Assessment, Standing
from selection.weights import ProbeWeight


class Coefficients(Value):
    """Log-odds that each piece of evidence is worth."""

    prior: float = -0.7
    """Of a change of usual size that one voice came to, of which nothing else is known: a third are right."""
    gate_pass: float = Field(default=2.5, ge=0)
    """Nothing that passes on base fails with it."""
    gate_fail: float = Field(default=-5.0, le=0)
    """A confirmed regression, or a target that still fails."""
    support: float = Field(default=3.0, ge=0)
    """All weighted probes passed; the same with a minus for none. Scaled by 1 - exp(-weight), so that one weak probe moves little."""
    reproduced: float = Field(default=1.0, ge=0)
    """Probes that every change in question passes, with a minus for those that none passes; scaled likewise."""
    voice: float = Field(default=1.5, ge=0)
    """A whole voice against next to none, for a voice that divides itself over many changes contradicts itself."""
    vote: float = Field(default=0.7, ge=0)
    """Each voice beyond the first, up to two more."""
    agreement: float = Field(default=1.6, ge=0)
    """Full agreement with all others, against the mean of the pool."""
    consensus: float = Field(default=2.4, ge=0)
    """Full agreement of the whole pool, against the usual 0.3: where all do the same, the task is an easy one."""
    size: float = Field(default=-0.05, le=0)
    """A change e times as large as the mean of the pool."""
    judge: float = Field(default=0.5, ge=0)
    """Each unit of the judge's own log-odds, up to two: judges are overconfident."""
    learned: float = Field(default=0.7, ge=0)
    """Each unit of the learned verifier's log-odds over the usual share of right changes, up to two."""


HAND_SET = Coefficients()
_BOUND = 2.0
_EXTRA_VOICES = 2.0
_USUAL_AGREEMENT = 0.3
_USUAL_SHARE = 0.3
"""Of right changes among all: what the learned verifier was calibrated on."""


class _Pool(NamedTuple):
    """What holds for all changes of a pool, and so ranks none of them."""

    shown: float
    agreement: float | None
    size: float


def probabilities(assessment: Assessment, coefficients: Coefficients = HAND_SET) -> Mapping[str, float]:
    """P(correct) by leader, in (0, 1). Several changes may be right, so they need not sum to 1."""
    standings = assessment.standings
    agreements = [s.agreement for s in standings.values() if s.agreement is not None]
    pool = _Pool(
        shown=_everywhere(assessment),
        agreement=fmean(agreements) if agreements else None,
        size=fmean([_log_size(s) for s in standings.values()]) if standings else 0.0,
    )
    return {leader: round(_squash(_log_odds(s, pool, coefficients)), 9) for leader, s in standings.items()}


def _log_odds(standing: Standing, pool: _Pool, c: Coefficients) -> float:
    """Sum of what is known; what is unknown adds nothing."""
    total = c.prior + c.reproduced * pool.shown
    total += {Verdict.PASS: c.gate_pass, Verdict.UNKNOWN: 0.0, Verdict.FAIL: c.gate_fail}[standing.gate]
    if standing.support is not None:
        strength = 1 - math.exp(-standing.reproduced)
        total += c.support * strength * (2 * standing.support - 1)
    total += c.voice * (min(standing.votes, 1.0) - 1)
    total += c.vote * min(max(standing.votes - 1, 0.0), _EXTRA_VOICES)
    if pool.agreement is not None:
        total += c.consensus * (pool.agreement - _USUAL_AGREEMENT)
        total += c.agreement * ((pool.agreement if standing.agreement is None else standing.agreement) - pool.agreement)
    total += c.size * (_log_size(standing) - pool.size)
    if standing.judge is not None:
        total += c.judge * _bounded(_logit(standing.judge))
    if standing.learned is not None:
        total += c.learned * _bounded(_logit(standing.learned) - _logit(_USUAL_SHARE))
    return total


def _log_size(standing: Standing) -> float:
    return math.log(max(standing.size, 1))


def _everywhere(assessment: Assessment) -> float:
    """From -1 to 1: what probes say that do not split the changes in question. The same for all of them, so it ranks nothing."""
    said = [
        2 * weight.passing - 1
        for weight in assessment.weights
        if _splits_nothing(weight) and weight.passing is not None
    ]
    return math.copysign(1 - math.exp(-abs(sum(said))), sum(said)) if said else 0.0


def _splits_nothing(weight: ProbeWeight) -> bool:
    return weight.weight == 0 and weight.passing in (0.0, 1.0)


def _bounded(log_odds: float) -> float:
    return max(-_BOUND, min(_BOUND, log_odds))


def _logit(probability: float) -> float:
    clipped = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(clipped / (1 - clipped))


def _squash(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))

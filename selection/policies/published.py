"""Rules of published systems, on the same evidence, for comparison. They never abstain where they have a change.

What they count they count as published: raw candidates instead of voices, every test with the same weight.
"""

import math
from collections import Counter

from selection.evidence import ProbeRecord, Verdict
from selection.policies.answers import lexicographic, separated
from selection.policies.port import Preferences, Separator
from selection.policies.stages import Stage
from selection.standing import Assessment, Standing
from selection.values import Decision

FINALISTS = 3

_LENGTH = Stage("length", lambda s: -float(s.length))
_FIRST = Stage("order", lambda s: -float(s.position))


def codemonkeys(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """CodeMonkeys (Ehrlich et al. 2025): most tests passed, then shortest; a selection trajectory picks among the first three.

    Where the trajectory comes to no answer, the first of the three stands.
    """
    del preferences
    stages = (Stage("tests passed", lambda s: float(s.passed)), _LENGTH)
    decision = lexicographic("codemonkeys", assessment, stages)
    finalists = decision.ranking[:FINALISTS]
    if len(finalists) < 2:
        return decision
    return separated(decision, finalists, separator, assessment, stages)


def agentless(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """Agentless (Xia et al. 2024): fewest regressions, then those that pass the reproduction test, then the majority, then the earliest.

    One test is taken of those that fail on base: the one that was written most often. Where nobody passes it, it has no say.
    """
    del preferences, separator
    test = _commonest(assessment)

    def reproduces(standing: Standing) -> float:
        return float(test is not None and assessment.table.verdicts[test][standing.leader] is Verdict.PASS)

    stages = (
        Stage("regressions", _regressions),
        Stage("reproduction", reproduces),
        Stage("majority", lambda s: float(s.copies)),
        _FIRST,
    )
    return lexicographic("agentless", assessment, stages)


def r2egym(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """R2E-Gym (Jain et al. 2025): the n = max(3, K // 2) best by the judge; of those the fewest regressions, the most tests, the judge.

    K counts distinct changes. Ties that the paper averages are broken by length.
    """
    del preferences, separator
    stages = (
        Stage("judge's best", lambda s: s.judge, keep=lambda entrants: max(3, entrants // 2)),
        Stage("regressions", _regressions),
        Stage("tests passed", lambda s: float(s.passed)),
        Stage("judge", lambda s: s.judge),
        _LENGTH,
    )
    return lexicographic("r2egym", assessment, stages)


def _regressions(standing: Standing) -> float:
    """Unknown is worse than any number that was seen."""
    return -math.inf if standing.regressions is None else -float(standing.regressions)


def _commonest(assessment: Assessment) -> str | None:
    """The test that was written most often among those that were shown to fail on base; of equally common ones the smallest digest."""
    shown = [probe for probe in assessment.evidence.probes if probe.base and set(probe.base) == {Verdict.FAIL}]
    if not shown:
        return None
    often = Counter(map(_sign, shown))
    return min(shown, key=lambda probe: (-often[_sign(probe)], _sign(probe), probe.id)).id


def _sign(probe: ProbeRecord) -> str:
    return probe.digest or probe.id

"""Toxic probes: those that pass wrong changes and reject right ones (R2E-Gym, section on test quality), told without labels.

Which changes are right is not known here. Two witnesses stand in for it: the suite, and everything else that is known of a change
(other authors' probes, the judge, the learned verifier). A probe that contradicts both is dropped; one that contradicts only one
stays, because a probe that sees what the others miss is what probes are for.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from selection.evidence import JUDGE, LEARNED, Evidence, Verdict

AGAINST = -0.2
"""A rank correlation below this is a contradiction."""


class Row(NamedTuple):
    """One probe's word on every cluster."""

    probe: str
    author: str | None
    verdicts: Mapping[str, Verdict]
    witness: bool
    """It splits the changes in question, so that its word on others means something."""


def toxic(rows: Sequence[Row], evidence: Evidence) -> Mapping[str, str]:
    """Find toxic probes among those that may vote; returns why, by probe."""
    suite = {gate.leader: float(gate.verdict is Verdict.PASS) for gate in evidence.gates if _known(gate.verdict)}
    found: dict[str, str] = {}
    for row in rows:
        said = {leader: float(verdict is Verdict.PASS) for leader, verdict in row.verdicts.items() if _known(verdict)}
        rejected = sum(said[leader] for leader in said if suite.get(leader) == 0)
        refused = sum(1 - said[leader] for leader in said if suite.get(leader) == 1)
        if not rejected or not refused:
            continue
        liked = _liked(row, rows, evidence)
        against_suite, against_rest = correlation(said, suite), correlation(said, liked)
        if against_suite is None or against_rest is None:
            continue
        if against_suite < AGAINST and against_rest < AGAINST:
            found[row.probe] = (
                f"toxic: passes {rejected:.0f} that the suite rejects, fails {refused:.0f} that it accepts "
                f"(rank correlation {against_suite:+.2f} with the suite, {against_rest:+.2f} with all else)"
            )
    return found


def correlation(one: Mapping[str, float], other: Mapping[str, float]) -> float | None:
    """Spearman's rank correlation over the keys that both have; None below two keys, or when one side is constant."""
    keys = sorted(one.keys() & other.keys())
    if len(keys) < 2:
        return None
    left, right = _ranks([one[key] for key in keys]), _ranks([other[key] for key in keys])
    mean = (len(keys) - 1) / 2
    spread = [sum((rank - mean) ** 2 for rank in ranks) for ranks in (left, right)]
    if not spread[0] or not spread[1]:
        return None
    together = sum((a - mean) * (b - mean) for a, b in zip(left, right, strict=True))
    return together / math.sqrt(spread[0] * spread[1])


def _known(verdict: Verdict) -> bool:
    return verdict is not Verdict.UNKNOWN


def _liked(row: Row, rows: Sequence[Row], evidence: Evidence) -> Mapping[str, float]:
    """By leader: the mean of what other authors' probes and the verifiers say. A leader of which nothing is known is missing."""
    witnesses = (r for r in rows if r.witness and r.probe != row.probe)
    others = [r.verdicts for r in witnesses if r.author is None or r.author != row.author]
    said: dict[str, list[float]] = {leader: [] for leader in evidence.leaders}
    for verdicts in others:
        for leader, verdict in verdicts.items():
            if _known(verdict):
                said[leader].append(float(verdict is Verdict.PASS))
    for score in sorted(evidence.scores, key=lambda s: (s.verifier, s.candidate_id)):
        if score.value is not None and score.verifier in (JUDGE, LEARNED) and score.candidate_id in said:
            said[score.candidate_id].append(score.value)
    return {leader: fmean(values) for leader, values in said.items() if values}


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 0; equal values share the mean of theirs."""
    ordered = sorted(values)
    first = {value: ordered.index(value) for value in set(values)}
    return [first[value] + (values.count(value) - 1) / 2 for value in values]

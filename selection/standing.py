"""What the evidence comes to for each cluster: the numbers that policies compare."""

from collections.abc import Mapping
from statistics import fmean

from pydantic import Field

from sandbox.values import Value
from selection.evidence import AGREEMENT, BEHAVIOUR, COMPARISON, JUDGE, LEARNED, Evidence, Gate, Verdict
from selection.votes import copies, votes
from selection.weights import ProbeWeight, Table, fold, own_clusters, weigh

OWN = 0.5
"""What a probe counts for its own author's changes: they were written to pass it."""


class Standing(Value):
    """One cluster's numbers. None is unknown."""

    leader: str
    gate: Verdict = Verdict.UNKNOWN
    regressions: int | None = None
    """Confirmed; None: the suite was not compared."""
    repairs: int = Field(default=0, ge=0)
    """Targets that were seen to pass with it."""
    support: float | None = None
    """Share of the probes' weight that it is known to pass, in [0, 1]; None when no probe has weight."""
    support_at_best: float | None = None
    """The same if all that is unknown were passes."""
    passed: int = Field(default=0, ge=0)
    """Probes that it passes, whoever wrote them and whatever they weigh; what published systems count."""
    reproduced: float = Field(default=0.0, ge=0)
    """Weight of the probes behind `support`: how much was tried."""
    votes: float = Field(ge=0)
    """See `selection.votes`."""
    copies: int = Field(ge=1)
    """Candidates in the cluster."""
    judge: float | None = None
    learned: float | None = None
    compared: float | None = None
    """Share of the comparisons with other leaders that it won, ties half; None: it was not compared."""
    agreement: float | None = None
    behaviour: float | None = None
    size: int = Field(ge=0)
    """Changed tokens."""
    length: int = Field(ge=0)
    """Characters of the leader's diff."""
    position: int = Field(ge=0)
    """Of the member that came first."""
    behind: int = Field(default=0, ge=0)
    """Changes of its own trajectory that the trajectory ranks before it and that the gate did not reject: 0 for the one that it stands
    for. Of several trajectories that came to it, the least."""


class Assessment(Value):
    """Evidence with its numbers: all that a policy sees."""

    evidence: Evidence
    weights: tuple[ProbeWeight, ...]
    table: Table
    standings: Mapping[str, Standing]
    """By leader, in sorted order."""


def assess(evidence: Evidence) -> Assessment:
    """Reckon every cluster's numbers; a pure function of the evidence."""
    table = fold(evidence)
    weights = weigh(evidence, table)
    gates = {gate.leader: gate for gate in evidence.gates}
    count, repeated, supports = votes(evidence), copies(evidence), _supports(evidence, table, weights)
    scores = {(score.verifier, score.candidate_id): score.value for score in evidence.scores if score.value is not None}
    entries = {entry.candidate_id: entry for entry in evidence.entries}
    later = behind(evidence)
    standings = {}
    for cluster in sorted(evidence.clusters, key=lambda c: c.leader):
        leader = cluster.leader
        gate = gates.get(leader, Gate(leader=leader, verdict=Verdict.UNKNOWN))
        low, high, weight = supports[leader]
        standings[leader] = Standing(
            leader=leader,
            gate=gate.verdict,
            repairs=gate.repairs,
            regressions=None if gate.regressions is None else len(gate.regressions),
            support=low,
            support_at_best=high,
            passed=sum(said[leader] is Verdict.PASS for said in table.verdicts.values()),
            reproduced=weight,
            votes=count[leader],
            copies=repeated[leader],
            judge=scores.get((JUDGE, leader)),
            learned=scores.get((LEARNED, leader)),
            compared=scores.get((COMPARISON, leader)),
            agreement=scores.get((AGREEMENT, leader)),
            behaviour=scores.get((BEHAVIOUR, leader)),
            size=cluster.size,
            length=entries[leader].length,
            position=min(entries[member].position for member in cluster.members),
            behind=later[leader],
        )
    return Assessment(evidence=evidence, weights=weights, table=table, standings=standings)


def behind(evidence: Evidence) -> Mapping[str, int]:
    """By leader: how many changes its own trajectory puts before it; see `Standing.behind`."""
    place = {member: cluster.leader for cluster in evidence.clusters for member in cluster.members}
    fell = {gate.leader for gate in evidence.gates if gate.verdict is Verdict.FAIL}
    found: dict[str, int] = {}
    ranked: dict[str, list[str]] = {}
    for entry in sorted(evidence.entries, key=lambda entry: (entry.order, entry.candidate_id)):
        leader = place.get(entry.candidate_id)
        before = ranked.setdefault(entry.trajectory_id, [])
        if leader is None or leader in before:
            continue
        found[leader] = min(found.get(leader, len(before)), len(before))
        if leader not in fell:
            before.append(leader)
    return found


def believed(standing: Standing) -> float | None:
    """P(correct) without execution: the mean of the verifiers that have a word; None when none has."""
    said = [value for value in (standing.judge, standing.learned) if value is not None]
    return fmean(said) if said else None


def _supports(
    evidence: Evidence, table: Table, weights: tuple[ProbeWeight, ...]
) -> Mapping[str, tuple[float | None, float | None, float]]:
    """By leader: weight passed, weight passed or unknown, both as shares, and the weight that there is."""
    own = own_clusters(evidence)
    found: dict[str, tuple[float | None, float | None, float]] = {}
    for leader in evidence.leaders:
        passed = unknown = total = 0.0
        for weight in weights:
            counts = weight.weight * (OWN if leader in own[weight.probe] else 1.0)
            verdict = table.verdicts[weight.probe][leader]
            total += counts
            passed += counts * (verdict is Verdict.PASS)
            unknown += counts * (verdict is Verdict.UNKNOWN)
        if total:
            found[leader] = (round(passed / total, 9), round((passed + unknown) / total, 9), round(total, 9))
        else:
            found[leader] = (None, None, 0.0)
    return found

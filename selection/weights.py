"""How much a probe counts, and why some count nothing.

A probe has a say in so far as it splits the clusters that are still in question. What everybody passes or nobody does, what
contradicts itself, what was never shown to fail on base and what only its own author passes has none.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pydantic import Field

from sandbox.values import Value
from selection.evidence import Evidence, ProbeRecord, Verdict
from selection.toxicity import Row, toxic
from selection.values import Origin

QUALITY: Mapping[Origin, float] = {
    Origin.ISSUE: 1.0,
    Origin.WRITER: 0.8,
    Origin.TRAJECTORY: 0.8,
    Origin.SELECTION: 0.5,
    Origin.EXTERNAL: 0.5,
}
"""The reporter's own words say what is wanted; a test written with the candidates in view is made to split them, rightly or not."""

BASE_RUNS = 2
"""So often a probe must fail on base before it may vote."""


class ProbeWeight(Value):
    """What a probe counts."""

    probe: str
    weight: float = Field(ge=0, le=1)
    """4p(1-p) times quality, where p is the share of clusters in question, its author's own set aside, that pass of those known."""
    passing: float | None = None
    """p; None when nothing is known of it."""
    reason: str
    """For people: what it counts for, or why nothing."""
    toxic: bool = False
    """It passes what the suite rejects and rejects what everything else likes."""
    same_as: str | None = None
    """The probe that counts in its place; None when it is no duplicate."""


class Table(Value):
    """The matrix with its repetitions folded."""

    verdicts: Mapping[str, Mapping[str, Verdict]]
    """By probe, then by leader; every pair is there."""
    flaky: frozenset[str]
    """Probes that passed and failed on one tree."""


def fold(evidence: Evidence) -> Table:
    """Fold repetitions: a pair that both passed and failed is unknown and its probe flaky; what was not run is unknown."""
    seen: defaultdict[tuple[str, str], set[Verdict]] = defaultdict(set)
    for cell in evidence.cells:
        seen[cell.probe, cell.leader].add(cell.verdict)
    flaky = {probe for (probe, _), said in seen.items() if {Verdict.PASS, Verdict.FAIL} <= said}
    flaky |= {probe.id for probe in evidence.probes if {Verdict.PASS, Verdict.FAIL} <= set(probe.base)}
    verdicts = {
        probe.id: {leader: _folded(seen[probe.id, leader]) for leader in evidence.leaders} for probe in evidence.probes
    }
    return Table(verdicts=verdicts, flaky=frozenset(flaky))


def in_question(evidence: Evidence) -> tuple[str, ...]:
    """Leaders that the gate did not reject, sorted; all of them when it rejected all."""
    rejected = {gate.leader for gate in evidence.gates if gate.verdict is Verdict.FAIL}
    return tuple(leader for leader in evidence.leaders if leader not in rejected) or evidence.leaders


def weigh(evidence: Evidence, table: Table) -> tuple[ProbeWeight, ...]:
    """Weigh every probe, sorted by id."""
    own = own_clusters(evidence)
    probes = sorted(evidence.probes, key=lambda probe: probe.id)
    refused = {probe.id: why for probe in probes if (why := _refusal(probe, table))}
    admitted = [probe for probe in probes if probe.id not in refused]
    twins = _duplicates(admitted, table)
    question = in_question(evidence)
    reckoned = {}
    for probe in admitted:
        others = [leader for leader in question if leader not in own[probe.id]]
        reckoned[probe.id] = _weight(probe, [table.verdicts[probe.id][leader] for leader in others])
    poison = toxic(
        [
            Row(probe.id, probe.author, table.verdicts[probe.id], witness=reckoned[probe.id].weight > 0)
            for probe in admitted
            if probe.id not in twins
        ],
        evidence,
    )
    weights = []
    for probe in probes:
        if probe.id in refused:
            weights.append(ProbeWeight(probe=probe.id, weight=0, reason=refused[probe.id]))
        elif probe.id in twins:
            twin = twins[probe.id]
            weights.append(ProbeWeight(probe=probe.id, weight=0, reason=f"says what {twin} says", same_as=twin))
        elif probe.id in poison:
            weights.append(ProbeWeight(probe=probe.id, weight=0, reason=poison[probe.id], toxic=True))
        else:
            weights.append(reckoned[probe.id])
    return tuple(weights)


def own_clusters(evidence: Evidence) -> Mapping[str, frozenset[str]]:
    """By probe: leaders of clusters in which its author has a candidate."""
    trajectory = {entry.candidate_id: entry.trajectory_id for entry in evidence.entries}
    authors = {cluster.leader: {trajectory[member] for member in cluster.members} for cluster in evidence.clusters}
    return {
        probe.id: frozenset(leader for leader, names in authors.items() if probe.author in names)
        for probe in evidence.probes
    }


def _folded(said: set[Verdict]) -> Verdict:
    """A pass among unknowns is a pass that was seen; a contradiction is no knowledge."""
    known = said - {Verdict.UNKNOWN}
    return known.pop() if len(known) == 1 else Verdict.UNKNOWN


def _refusal(probe: ProbeRecord, table: Table) -> str:
    """Why a probe may not vote at all; empty when it may."""
    if probe.id in table.flaky:
        return "flaky: it passed and failed on the same tree"
    if Verdict.PASS in probe.base:
        return "passes on base: it does not show the problem"
    shown = sum(verdict is Verdict.FAIL for verdict in probe.base)
    if shown < BASE_RUNS or shown < len(probe.base):
        return f"was not shown to fail on base {BASE_RUNS} times for its own reason"
    if all(verdict is Verdict.UNKNOWN for verdict in table.verdicts[probe.id].values()):
        return "no result"
    return ""


def _duplicates(probes: Sequence[ProbeRecord], table: Table) -> dict[str, str]:
    """By probe: the one that counts in its place. Equal tests count once, and so do one author's tests that say the same.

    The best origin stays, then the one without an author in the pool, then the smallest id.
    """
    kept: dict[tuple[object, ...], str] = {}
    twins: dict[str, str] = {}
    for probe in sorted(probes, key=lambda p: (-QUALITY[p.origin], p.author is not None, p.id)):
        vector = tuple(sorted(table.verdicts[probe.id].items()))
        signs: list[tuple[object, ...]] = [("said", probe.author or probe.origin, vector)]
        signs += [("text", probe.digest)] if probe.digest else []
        twin = next((kept[sign] for sign in signs if sign in kept), None)
        if twin is not None:
            twins[probe.id] = twin
        for sign in signs:
            kept.setdefault(sign, twin or probe.id)
    return twins


def _weight(probe: ProbeRecord, verdicts: Sequence[Verdict]) -> ProbeWeight:
    known = [verdict for verdict in verdicts if verdict is not Verdict.UNKNOWN]
    if not known:
        return ProbeWeight(probe=probe.id, weight=0, reason="known only of its author's own change")
    share = known.count(Verdict.PASS) / len(known)
    if share in (0.0, 1.0):
        who = "every" if share else "no"
        return ProbeWeight(probe=probe.id, weight=0, passing=share, reason=f"{who} change in question passes")
    weight = round(4 * share * (1 - share) * QUALITY[probe.origin], 9)
    return ProbeWeight(
        probe=probe.id, weight=weight, passing=share, reason=f"splits the changes in question ({share:.0%} pass)"
    )

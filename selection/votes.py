"""Votes for a change, counted over who could have come to it independently."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from selection.evidence import Evidence


def votes(evidence: Evidence) -> Mapping[str, float]:
    """Count votes by leader.

    Every voice (a family, else a trajectory) has one vote in all. One that came to several changes divides it in proportion, so
    that neither many runs of one system nor many candidates of one run outvote others. Dropped candidates do not vote.
    """
    place = {member: cluster.leader for cluster in evidence.clusters for member in cluster.members}
    spoken: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in evidence.entries:
        if entry.candidate_id in place:
            spoken[entry.voice][place[entry.candidate_id]] += 1
    total = dict.fromkeys(evidence.leaders, 0.0)
    for voice in sorted(spoken):
        said = spoken[voice]
        for leader in sorted(said):
            total[leader] += said[leader] / said.total()
    return {leader: round(count, 9) for leader, count in total.items()}


def copies(evidence: Evidence) -> Mapping[str, int]:
    """Count candidates by leader, whoever made them: how published systems vote."""
    return {cluster.leader: len(cluster.members) for cluster in evidence.clusters}

"""Agreement of behaviour: who does the same with the issue's own code, where nobody knows what would be right.

Many snippets of issues have no clear verdict, but they can be run. What several independent changes make of one is likelier to be meant
than what one alone does, as in AlphaCode's clustering by behaviour (Li et al. 2022) and minimum Bayes risk decoding by execution
(Shi et al. 2022); a change under which the code does what it did on base has likely not touched the problem.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from statistics import fmean

from pydantic import Field

from sandbox.values import Value
from selection.evidence import BEHAVIOUR, Evidence
from selection.values import Score

_UNCHANGED = 0.5
"""What agreement counts for a change under which the code does what it did on base, while it does something else under others."""


class Behaviour(Value):
    """What one piece of code does."""

    check: str
    base: str | None = None
    """Signature of what it does on base; equal for equal behaviour. None: not known, or not the same twice."""
    by_leader: Mapping[str, str | None] = Field(default_factory=dict)
    """Signature with each change; None, or missing: not known."""


def behaviour(evidence: Evidence, seen: tuple[Behaviour, ...]) -> tuple[Score, ...]:
    """Score every leader in [0, 1]: the share of all other voices that come to the same behaviour, over all code that tells changes apart.

    A voice (a family, else a trajectory) does not agree with itself. Unknown where nothing tells changes apart, or there is no other voice.
    """
    place = {member: cluster.leader for cluster in evidence.clusters for member in cluster.members}
    voices: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in evidence.entries:
        if entry.candidate_id in place:
            voices[entry.voice][place[entry.candidate_id]] += 1
    found: defaultdict[str, list[float]] = defaultdict(list)
    for one in sorted(seen, key=lambda one: one.check):
        known = {leader: sign for leader, sign in one.by_leader.items() if sign is not None}
        if len(set(known.values())) < 2:
            continue
        for leader, sign in known.items():
            value = _agreement(leader, sign, known, voices)
            if value is not None:
                found[leader].append(value * (_UNCHANGED if sign == one.base else 1.0))
    return tuple(
        Score(
            verifier=BEHAVIOUR,
            candidate_id=leader,
            value=round(fmean(found[leader]), 9) if found[leader] else None,
            reason=f"does the same as others with {len(found[leader])} pieces of code"
            if found[leader]
            else "no code tells it from others",
        )
        for leader in evidence.leaders
    )


def _agreement(leader: str, sign: str, known: Mapping[str, str], voices: Mapping[str, Counter[str]]) -> float | None:
    """For the voice of this change that finds most agreement: the mean over other voices of how much of theirs behaves the same."""
    shares = {
        voice: fmean([float(known[at] == sign) for at, count in spoken.items() if at in known for _ in range(count)])
        for voice, spoken in voices.items()
        if any(at in known for at in spoken)
    }
    own = [voice for voice, spoken in voices.items() if leader in spoken]
    means = [
        fmean([share for other, share in shares.items() if other != voice])
        for voice in own
        if any(other != voice for other in shares)
    ]
    return max(means) if means else None

"""How much a change shares with what others, independently, did: votes for those that are alike but not the same.

Several right fixes of one bug seldom have one text, but they take out and bring in much the same words. The measure needs no
repository, no test and no model.
"""

from collections.abc import Mapping
from statistics import fmean

from selection.evidence import AGREEMENT, Evidence
from selection.text_form import TextForm, text_form
from selection.values import Score


def agreement(evidence: Evidence, diffs: Mapping[str, str]) -> tuple[Score, ...]:
    """Score every leader in [0, 1]: the mean, over all other voices, of the likest change that the voice came to.

    Likeness of two changes is the overlap (intersection over union) of the words that they bring in and take out. A voice (a family,
    else a trajectory) does not agree with itself. Unknown where there is no other voice.

    Args:
        evidence: says which candidates are in the pool, and who made them.
        diffs: of every candidate in a cluster, by id.
    """
    place = {member: cluster.leader for cluster in evidence.clusters for member in cluster.members}
    changes: dict[str, dict[str, frozenset[str]]] = {}
    for entry in evidence.entries:
        if entry.candidate_id in place:
            form = text_form(diffs[entry.candidate_id])
            leader = place[entry.candidate_id]
            changes.setdefault(entry.voice, {})[leader] = form.words if isinstance(form, TextForm) else frozenset()
    found: dict[str, float] = {}
    for voice, own in changes.items():
        others = [changes[other] for other in sorted(changes) if other != voice]
        for leader, words in own.items():
            if others:
                value = fmean(
                    max(1.0 if at == leader else _overlap(words, theirs) for at, theirs in other.items())
                    for other in others
                )
                found[leader] = max(found.get(leader, 0.0), round(value, 9))
    return tuple(
        Score(verifier=AGREEMENT, candidate_id=leader, value=found.get(leader), reason=_reason(len(changes) - 1))
        for leader in evidence.leaders
    )


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0


def _reason(others: int) -> str:
    return f"likeness to what {others} others changed" if others > 0 else "nobody else to agree with"

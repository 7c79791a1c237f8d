"""Candidates -> pool: what cannot be right is dropped with its reason, what is one change becomes one cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.values import Candidate
from envs.errors import PatchRejected
from envs.normal_form import NormalForm, normalise
from envs.patches import BaseTree, only_tests
from selection.values import Cluster, Dropped


@dataclass(frozen=True)
class Pool:
    """What is left to choose between."""

    clusters: tuple[Cluster, ...]
    """Ordered by the leader's demands (more first), then the best place in a proposer's own order, votes, size, and the leader's id."""
    candidates: dict[str, Candidate]
    """Those in clusters, by id."""
    dropped: tuple[Dropped, ...]


def build_pool(candidates: Sequence[Candidate], base: BaseTree, demands: Callable[[Candidate], int]) -> Pool:
    """Apply every candidate on a clean copy and cluster by normalised syntax tree.

    Args:
        candidates: in any order.
        base: the base commit's files.
        demands: how many targets a candidate has to pass.

    The voting of CodeMonkeys and Agentless counts equal text; here two patches are equal when their changed functions are,
    so that comments, formatting and the shape of the diff split no votes.
    """
    forms: dict[str, NormalForm] = {}
    dropped: list[Dropped] = []
    kept: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: c.id):
        form = _form_or_reason(candidate, base)
        if isinstance(form, str):
            dropped.append(Dropped(candidate_id=candidate.id, reason=form))
        else:
            forms[candidate.id] = form
            kept[candidate.id] = candidate
    groups: dict[str, list[str]] = {}
    for identifier, form in forms.items():
        groups.setdefault(form.digest, []).append(identifier)
    clusters = [_cluster(members, kept, forms) for members in groups.values()]
    clusters.sort(key=lambda c: (-demands(kept[c.leader]), _place(c, kept), -_votes(c, kept), c.size, c.leader))
    return Pool(clusters=tuple(clusters), candidates=kept, dropped=tuple(dropped))


def _form_or_reason(candidate: Candidate, base: BaseTree) -> NormalForm | str:
    """The normal form of a candidate that may enter the pool, or why it may not."""
    if candidate.patch.is_empty:
        return "empty patch"
    try:
        changes = base.apply(candidate.patch)
    except PatchRejected as rejected:
        return f"does not apply: {rejected}"
    if only_tests(changes):
        return "changes nothing but tests"
    form = normalise(changes)
    return form if form.size else "changes nothing but comments or formatting"


def _cluster(members: list[str], kept: dict[str, Candidate], forms: dict[str, NormalForm]) -> Cluster:
    """One cluster; its leader is the member with the shortest diff, then the smallest id."""
    leader = min(members, key=lambda m: (len(kept[m].patch.diff), m))
    return Cluster(leader=leader, members=tuple(sorted(members)), size=forms[leader].size)


def _place(cluster: Cluster, kept: dict[str, Candidate]) -> int:
    """Where a proposer ranks it, at best."""
    return min(kept[member].order for member in cluster.members)


def _votes(cluster: Cluster, kept: dict[str, Candidate]) -> int:
    """Trajectories that came to this change; one trajectory that repeats itself has one vote."""
    return len({kept[member].trajectory_id for member in cluster.members})

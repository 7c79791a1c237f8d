"""Candidates -> pool: what cannot be right is dropped with its reason, what is one change becomes one cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.context.kinds import Kind, kind_of
from agent.values import Candidate
from envs.errors import PatchRejected
from envs.normal_form import NormalForm, normalise
from envs.patches import BaseTree, FileChange
from selection.lifted import Parts, take_apart
from selection.values import Cluster, Dropped

_ASIDE = (Kind.CHANGELOG, Kind.DOCS)


@dataclass(frozen=True)
class Pool:
    """What is left to choose between."""

    clusters: tuple[Cluster, ...]
    """Sorted by leader."""
    candidates: Mapping[str, Candidate]
    """Those in clusters, by id, as they came."""
    parts: Mapping[str, Parts]
    """Of those in clusters, and of what was dropped only because it holds nothing but tests, by id."""
    dropped: tuple[Dropped, ...]


def build_pool(candidates: Sequence[Candidate], base: BaseTree) -> Pool:
    """Apply every candidate on a clean copy, take it apart, and cluster the changes by normalised syntax tree.

    Tests, scratch files, changelogs and documentation do not tell changes of code apart.

    The voting of CodeMonkeys and Agentless counts equal text; here two patches are equal when their changed functions are,
    so that comments, formatting and the shape of the diff split no votes.
    """
    tests_at_top = any("/" not in file.path and kind_of(file.path) is Kind.TEST for file in base.tree.files())
    forms: dict[str, NormalForm] = {}
    dropped: list[Dropped] = []
    parts: dict[str, Parts] = {}
    kept: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: c.id):
        taken = _parts_or_reason(candidate, base, tests_at_top)
        if isinstance(taken, str):
            dropped.append(Dropped(candidate_id=candidate.id, reason=taken))
            continue
        parts[candidate.id] = taken
        form = normalise(_telling(taken.changes))
        if form.size:
            forms[candidate.id] = form
            kept[candidate.id] = candidate
            continue
        nothing = "tests or scratch files" if not taken.changes else "comments or formatting"
        dropped.append(Dropped(candidate_id=candidate.id, reason=f"changes nothing but {nothing}"))
    groups: dict[str, list[str]] = {}
    for identifier, form in forms.items():
        groups.setdefault(form.digest, []).append(identifier)
    clusters = sorted((_cluster(members, kept, forms) for members in groups.values()), key=lambda c: c.leader)
    return Pool(clusters=tuple(clusters), candidates=kept, parts=parts, dropped=tuple(dropped))


def _parts_or_reason(candidate: Candidate, base: BaseTree, tests_at_top: bool) -> Parts | str:
    """A candidate in its parts, or why it may not enter the pool."""
    if candidate.patch.is_empty:
        return "empty patch"
    try:
        changes = base.apply(candidate.patch)
        return take_apart(candidate.patch, changes, tests_at_top=tests_at_top)
    except PatchRejected as rejected:
        return f"does not apply: {rejected}"


def _telling(changes: Sequence[FileChange]) -> Sequence[FileChange]:
    """Changes of code; all of them where there are no others."""
    return [change for change in changes if kind_of(change.path) not in _ASIDE] or changes


def _cluster(members: list[str], kept: Mapping[str, Candidate], forms: Mapping[str, NormalForm]) -> Cluster:
    """One cluster; its leader is the member with the shortest diff, then the smallest id."""
    leader = min(members, key=lambda m: (len(kept[m].patch.diff), m))
    return Cluster(leader=leader, members=tuple(sorted(members)), size=forms[leader].size)

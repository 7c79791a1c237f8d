"""How alike two patches are, from the same files down to the same lines."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from selection.verifier.edits import Edit
from selection.verifier.lexer import KEYWORDS, Tokens, is_word

LEVELS = ("equal", "lines", "inserted", "deleted", "pairs", "names", "files", "scopes", "place")
"""What is compared; each likeness is in [0, 1]."""

_MOST = 1500  # features of one patch that are compared at each level: rivals of any size cost the same
_NEAR = 2  # lines of the old file


@dataclass(frozen=True)
class Print:
    """What of a patch is compared."""

    key: frozenset[tuple[str, Tokens, Tokens]]
    lines: Mapping[object, float]
    inserted: Mapping[object, float]
    deleted: Mapping[object, float]
    pairs: Mapping[object, float]
    names: Mapping[object, float]
    files: Mapping[object, float]
    scopes: Mapping[object, float]
    place: Mapping[object, float]


def print_of(edit: Edit) -> Print:
    """Prepare a patch for comparison. Only code of source files counts."""
    inserted: Counter[str] = Counter()
    deleted: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    lines: Counter[tuple[bool, Tokens]] = Counter()
    known: set[str] = set()
    for hunk in edit.hunks:
        added = Counter(token for line in hunk.added for token in line)
        removed = Counter(token for line in hunk.removed for token in line)
        inserted += added - removed
        deleted += removed - added
        pairs += _pairs(hunk.added) - _pairs(hunk.removed)
        lines.update((True, line) for line in hunk.added)
        lines.update((False, line) for line in hunk.removed)
        known.update(token for line in (*hunk.removed, *hunk.context) for token in line)
    names = {token for token in inserted if token not in known and (is_word(token) or token.startswith('"'))}
    near: dict[object, float] = {
        (hunk.path, line + step): 1.0 / (1 + abs(step))
        for step in sorted(range(-_NEAR, _NEAR + 1), key=abs, reverse=True)
        for hunk in edit.hunks
        for line in hunk.touched
    }
    return Print(
        key=frozenset((h.path, _flat(h.added), _flat(h.removed)) for h in edit.hunks),
        lines=_weighted({line: n * sum(map(_weight, line[1])) for line, n in lines.items()}),
        inserted=_weighted({token: n * _weight(token) for token, n in inserted.items()}),
        deleted=_weighted({token: n * _weight(token) for token, n in deleted.items()}),
        pairs=_weighted({pair: n * (_weight(pair[0]) + _weight(pair[1])) for pair, n in pairs.items()}),
        names=_weighted(dict.fromkeys(names, 1.0)),
        files=dict.fromkeys((file.path for file in edit.sources), 1.0),
        scopes=dict.fromkeys(((hunk.path, hunk.scope) for hunk in edit.hunks), 1.0),
        place=_weighted(near),
    )


def likeness(one: Print, other: Print) -> tuple[float, ...]:
    """Compare at every level of `LEVELS`; symmetric. Two empty sides are not alike: there is nothing to agree on."""
    return (
        float(bool(one.key) and one.key == other.key),
        _jaccard(one.lines, other.lines),
        _jaccard(one.inserted, other.inserted),
        _jaccard(one.deleted, other.deleted),
        _jaccard(one.pairs, other.pairs),
        _jaccard(one.names, other.names),
        _jaccard(one.files, other.files),
        _jaccard(one.scopes, other.scopes),
        _jaccard(one.place, other.place),
    )


def likenesses(prints: Sequence[Print]) -> list[list[tuple[float, ...]]]:
    """Everybody with everybody; the diagonal says nothing and is 0."""
    table = [[(0.0,) * len(LEVELS)] * len(prints) for _ in prints]
    for one in range(len(prints)):
        for other in range(one):
            table[one][other] = table[other][one] = likeness(prints[one], prints[other])
    return table


def _jaccard(one: Mapping[object, float], other: Mapping[object, float]) -> float:
    """Weighted: the smaller weights over the larger ones."""
    if not one or not other:
        return 0.0
    if len(other) < len(one):
        one, other = other, one
    both = sum(min(weight, other[key]) for key, weight in one.items() if key in other)
    return both / (sum(one.values()) + sum(other.values()) - both)


def _pairs(lines: Iterable[Tokens]) -> Counter[tuple[str, str]]:
    return Counter(pair for line in lines for pair in zip(("", *line), line, strict=False))


def _flat(lines: Iterable[Tokens]) -> Tokens:
    return tuple(token for line in lines for token in line)


def _weight(token: str) -> float:
    """Names and texts say what a patch means; signs hardly do."""
    if is_word(token) or token[:1] == '"' or token[:1].isdigit():
        return 1.0
    return 0.5 if token in KEYWORDS else 0.2


def _weighted(weights: Mapping[object, float]) -> Mapping[object, float]:
    """At most `_MOST` entries, the heaviest first, so that the choice does not depend on order."""
    if len(weights) <= _MOST:
        return weights
    return dict(sorted(weights.items(), key=lambda item: (-item[1], repr(item[0])))[:_MOST])

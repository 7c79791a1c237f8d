"""How a patch stands among its rivals: who agrees with it, on what, and how independent they are.

A *voice* is whatever witnesses independently: a family of systems, or a trajectory where there is only one family. What comes from one
voice counts once, by its member most alike, so that repetition wins nothing.
"""

import math
from collections.abc import Mapping, Sequence

from selection.verifier.likeness import LEVELS

Likeness = Sequence[Sequence[tuple[float, ...]]]
"""Likeness of each candidate (row) to each (column), at every level."""

_MAIN = LEVELS.index("inserted")
_HEARD = ("lines", "inserted", "names")
_STANDING = ("agree_inserted", "agree_lines", "agree_place", "heard_inserted")


def pool_features(likeness: Likeness, voices: Sequence[str]) -> list[dict[str, float]]:
    """Features by name for every candidate, in the given order; with nobody to compare with all are 0.

    Args:
        likeness: of each candidate to each.
        voices: whose each candidate is.
    """
    between = _between(likeness, voices)
    found = []
    for at, own in enumerate(voices):
        heard = _heard(likeness[at], voices, own)
        found.append(_agreement(heard, _weights(between, own, heard)))
    _add_standing(found, voices)
    return found


def _heard(row: Sequence[tuple[float, ...]], voices: Sequence[str], own: str) -> dict[str, tuple[float, ...]]:
    """For each other voice, its largest likeness to a candidate, level by level; in the order of names."""
    found: dict[str, tuple[float, ...]] = {}
    for voice, levels in zip(voices, row, strict=True):
        if voice != own:
            found[voice] = tuple(map(max, found[voice], levels)) if voice in found else levels
    return dict(sorted(found.items()))


def _between(likeness: Likeness, voices: Sequence[str]) -> dict[tuple[str, str], float]:
    """How alike two voices are at best."""
    best: dict[tuple[str, str], float] = {}
    for row, one in zip(likeness, voices, strict=True):
        for levels, other in zip(row, voices, strict=True):
            if one != other:
                best[one, other] = max(best.get((one, other), 0.0), levels[_MAIN])
    return best


def _weights(between: Mapping[tuple[str, str], float], own: str, heard: Mapping[str, object]) -> dict[str, float]:
    """How much each voice is worth listening to: how alike it is to the remaining ones, the candidate's own left out."""
    weights = {}
    for voice in heard:
        others = [between[voice, other] for other in heard if other != voice]
        weights[voice] = 0.15 + (math.fsum(others) / len(others) if others else 0.3)
    return weights


def _agreement(heard: Mapping[str, tuple[float, ...]], weights: Mapping[str, float]) -> dict[str, float]:
    count = len(heard)
    features = {"voices": math.log1p(count)}
    for level, name in enumerate(LEVELS):
        values = sorted((levels[level] for levels in heard.values()), reverse=True)
        features[f"agree_{name}"] = math.fsum(values) / (count + 1)
        features[f"most_{name}"] = values[0] if values else 0.0
        features[f"second_{name}"] = values[1] if count > 1 else 0.0
    total = math.fsum(weights.values())
    for name in _HEARD:
        level = LEVELS.index(name)
        features[f"heard_{name}"] = math.fsum(weights[v] * levels[level] for v, levels in heard.items()) / (total + 0.4)
    return features


def _add_standing(found: list[dict[str, float]], voices: Sequence[str]) -> None:
    """Compare each candidate's agreement with what the other voices reach at best."""
    for name in _STANDING:
        top: dict[str, float] = {}
        for features, voice in zip(found, voices, strict=True):
            top[voice] = max(top.get(voice, 0.0), features[name])
        for features, own in zip(found, voices, strict=True):
            others = [value for voice, value in sorted(top.items()) if voice != own]
            features[f"pool_{name}"] = math.fsum(others) / (len(others) + 1)
            features[f"lead_{name}"] = features[name] - max(others, default=features[name])

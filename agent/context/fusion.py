"""Many rankings into one: reciprocal rank fusion (Cormack et al. 2009), because the signals' scores have no common scale."""

from collections.abc import Mapping
from itertools import groupby

_DEPTH = 200
"""Places of a ranking that count."""


def ranks(scores: Mapping[str, float]) -> dict[str, int]:
    """Places from 1, best first. Equals share the last of their places: a signal that cannot tell ten files apart points at none."""
    ordered = sorted(
        ((score, path) for path, score in scores.items() if score > 0), key=lambda item: (-item[0], item[1])
    )
    places: dict[str, int] = {}
    for _, group in groupby(ordered, key=lambda item: item[0]):
        paths = [path for _, path in group]
        place = len(places) + len(paths)
        places.update(dict.fromkeys(paths, place))
    return {path: place for path, place in places.items() if place <= _DEPTH}


def fuse(
    rankings: Mapping[str, Mapping[str, float]], weights: Mapping[str, float], *, k: float = 20.0
) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    """Return fused scores, best first, and for each file the signals that named it, strongest first.

    Args:
        rankings: scores by path, by signal.
        weights: of each signal; those without one do not count.
        k: how much the first places stand out; small is more.
    """
    parts: dict[str, list[tuple[float, str]]] = {}
    for signal, scores in rankings.items():
        weight = weights.get(signal, 0.0)
        if weight <= 0:
            continue
        for path, place in ranks(scores).items():
            parts.setdefault(path, []).append((weight / (k + place), signal))
    totals = {path: sum(share for share, _ in sorted(shares)) for path, shares in parts.items()}
    ordered = dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))
    reasons = {
        path: tuple(signal for _, signal in sorted(parts[path], key=lambda item: (-item[0], item[1])))
        for path in ordered
    }
    return ordered, reasons

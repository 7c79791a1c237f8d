"""BM25 (Robertson and Zaragoza 2009) over counts of the query's terms."""

import math
from collections.abc import Iterable, Mapping, Sequence

_K1 = 1.2


def rarity(holders: int, total: int) -> float:
    """Inverse document frequency of what `holders` of `total` documents hold; never negative."""
    return math.log(1.0 + (total - holders + 0.5) / (holders + 0.5))


def term_rarities(terms: Iterable[str], documents: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Rarity of each term in these documents."""
    holders = dict.fromkeys(terms, 0)
    for counts in documents:
        for term in counts:
            if term in holders:
                holders[term] += 1
    return {term: rarity(count, len(documents)) for term, count in holders.items()}


def bm25(
    counts: Mapping[str, int],
    length: int,
    *,
    weights: Mapping[str, float],
    rarities: Mapping[str, float],
    mean: float,
    b: float = 0.75,
) -> float:
    """Score one document.

    Args:
        counts: its terms.
        length: its words.
        weights: of the query's terms.
        rarities: as from `term_rarities`.
        mean: mean length of the documents.
        b: how much long documents are held back, 0 to 1.
    """
    norm = _K1 * (1.0 - b + b * length / (mean or 1.0))
    return sum(
        weights[term] * rarities[term] * count * (_K1 + 1.0) / (count + norm)
        for term, count in counts.items()
        if term in weights
    )

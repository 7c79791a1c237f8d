"""Which symbols of a ranked file matter."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence

from agent.context.bm25 import bm25, term_rarities
from agent.context.query import Query
from agent.context.words import WORD, terms_of
from envs.symbols import Symbol

_FRAME, _QUALIFIED, _NAMED = 30.0, 20.0, 6.0


def rank_symbols(
    query: Query, files: Mapping[str, tuple[Sequence[Symbol], bytes]], *, most: int
) -> dict[str, tuple[Symbol, ...]]:
    """Return for each file its symbols that matter, most relevant first.

    A symbol counts by stack frames inside it, by its name in the issue, and by BM25 of its own lines; a class's own lines end
    where its first method begins.

    Args:
        query: what to look for.
        files: symbols and content, by path.
        most: for each file.
    """
    bodies: list[tuple[str, Symbol, Counter[str], int]] = []
    for path, (symbols, content) in files.items():
        lines = content.decode("utf-8", "replace").split("\n")
        starts = sorted(symbol.line for symbol in symbols)
        for symbol in symbols:
            end = symbol.end_line
            if symbol.kind == "class":
                at = bisect_right(starts, symbol.line)
                end = min(end, starts[at] - 1) if at < len(starts) else end
            words = WORD.findall("\n".join(lines[symbol.line - 1 : max(end, symbol.line)]))
            counts = Counter(term for word in words for term in terms_of(word) if term in query.terms)
            bodies.append((path, symbol, counts, len(words)))
    rarities = term_rarities(query.terms, [counts for _, _, counts, _ in bodies])
    mean = sum(length for *_, length in bodies) / max(1, len(bodies))
    scored: dict[str, list[tuple[float, int, Symbol]]] = {}
    for path, symbol, counts, length in bodies:
        score = bm25(counts, length, weights=query.terms, rarities=rarities, mean=mean, b=0.6) + _named(
            query, path, symbol
        )
        if score > 0:
            scored.setdefault(path, []).append((-score, symbol.line, symbol))
    return {
        path: tuple(symbol for *_, symbol in sorted(found, key=lambda item: item[:2])[:most])
        for path, found in scored.items()
    }


def _named(query: Query, path: str, symbol: Symbol) -> float:
    score = 0.0
    if any(f.path.endswith(path) and symbol.line <= f.line <= symbol.end_line for f in query.frames):
        score += _FRAME if symbol.kind != "class" else _NAMED
    if "." in symbol.name and any(name.endswith(symbol.name) for name in query.dotted):
        score += _QUALIFIED
    return score + _NAMED * query.names.get(symbol.name.rpartition(".")[2], 0.0)

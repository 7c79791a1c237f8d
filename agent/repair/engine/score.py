"""How much to believe in a plausible edit: where it is, what kind it is, how natural it reads, how small it is, and how few others pass."""

from __future__ import annotations

import io
import math
import tokenize
from collections import Counter

from .candidates import Candidate
from .chance import Chance
from .edits import DELETES
from .localize import Map

_CHANCE = 0.5
"""Weight of the rate at which edits of the same place pass. Less than 1, since they are not independent of each other."""


class Scorer:
    """Scores by the search's own priority, a token trigram model of the searched files, and what else passes at the same place."""

    def __init__(self, found: Map) -> None:
        self._counts: dict[tuple[str, ...], int] = {}
        self._vocabulary: set[str] = set()
        for path in sorted(found.sources):
            tokens = _tokens(found.sources[path].text.decode("utf-8", "replace"))
            self._vocabulary.update(tokens)
            for index in range(2, len(tokens)):
                for size in (1, 2, 3):
                    gram = tuple(tokens[index - size + 1 : index + 1])
                    self._counts[gram] = self._counts.get(gram, 0) + 1

    def score(self, candidate: Candidate, chance: Chance) -> float:
        """Higher is better; only good for comparing edits of one search, at one moment."""
        source, edit = candidate.unit.source, candidate.edit
        line = source.text.rfind(b"\n", 0, edit.start) + 1
        stop = source.text.find(b"\n", edit.end)
        stop = len(source.text) if stop < 0 else stop
        old = source.text[line:stop].decode("utf-8", "replace")
        new = (
            source.text[line : edit.start] + edit.text.encode("utf-8", "surrogatepass") + source.text[edit.end : stop]
        ).decode("utf-8", "replace")
        natural = self._surprise(new) - self._surprise(old)
        before = _tokens(source.text[edit.start : edit.end].decode("utf-8", "replace"))
        size = 1 + _difference(before, _tokens(edit.text))
        penalty = 2.0 if DELETES in edit.flags else 0.0
        own = math.log(candidate.priority + 1e-9) - 0.15 * max(-4.0, min(natural, 12.0)) - 0.08 * size - penalty
        return own - _CHANCE * chance.log_rate(candidate)

    def _surprise(self, text: str) -> float:
        """Mean bits per token of a piece of code under the trigram model, with back-off."""
        tokens = ["", "", *_tokens(text)]
        total = 0.0
        for index in range(2, len(tokens)):
            total += -math.log2(self._chance(tokens[index - 2], tokens[index - 1], tokens[index]))
        return total / max(1, len(tokens) - 2)

    def _chance(self, one: str, two: str, three: str) -> float:
        flat = (self._counts.get((three,), 0) + 0.1) / (sum(1 for _ in self._vocabulary) + 1000)
        pair = self._counts.get((two, three), 0) / (self._counts.get((two,), 0) or 1)
        triple = self._counts.get((one, two, three), 0) / (self._counts.get((one, two), 0) or 1)
        return min(1.0, max(1e-6, 0.6 * triple + 0.3 * pair + 0.1 * min(1.0, flat)))


def _difference(one: list[str], two: list[str]) -> int:
    """Tokens that only one of two texts has: a mere change of order has none."""
    left, right = Counter(one), Counter(two)
    return sum(((left - right) + (right - left)).values())


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
                found.append(token.string if token.type != tokenize.NEWLINE else "\n")
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return found

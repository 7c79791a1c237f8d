"""How easily an edit passes by chance: where many different edits of one place pass, that one of them does says little about it.

Of two edits that pass the same tests, the one whose neighbours all fail is the better explanation: the tests watch its place. The
rate of passing edits at a place is shrunk towards that of its function, and that towards the rate of the whole search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .candidates import Candidate

_SHRINK = 20.0
"""So many edits at the rate of the wider place are added to what was seen at the narrower one."""


@dataclass
class _Seen:
    """Edits of one function: where each lies, and whether it passed."""

    spans: list[tuple[int, int, int, bool]] = field(default_factory=list)

    def near(self, candidate: Candidate) -> tuple[int, int]:
        """How many edits of the same statement passed that overlap with a candidate, and how many there are."""
        edit = candidate.edit
        found = [
            passed
            for line, start, end, passed in self.spans
            if line == edit.line and (start == edit.start or (start < edit.end and edit.start < end))
        ]
        return sum(found), len(found)

    def all(self) -> tuple[int, int]:
        """The same for the function."""
        return sum(passed for _, _, _, passed in self.spans), len(self.spans)


class Chance:
    """Counts edits that passed their first evaluation, by place."""

    def __init__(self) -> None:
        self._functions: dict[tuple[str, str], _Seen] = {}

    def note(self, candidate: Candidate, passed: bool) -> None:
        """Count one evaluated edit."""
        edit = candidate.edit
        self._functions.setdefault(_function(candidate), _Seen()).spans.append(
            (edit.line, edit.start, edit.end, passed)
        )

    def log_rate(self, candidate: Candidate) -> float:
        """Natural logarithm of the rate at which edits like this one pass; the lower, the more its passing says."""
        rate, count = 0.05, 10.0
        for passed, tried in (
            self._whole(),
            self._function(candidate).all(),
            self._function(candidate).near(candidate),
        ):
            rate, count = (passed + rate * count) / (tried + count), _SHRINK
        return math.log(rate)

    def _whole(self) -> tuple[int, int]:
        counts = [seen.all() for seen in self._functions.values()]
        return sum(passed for passed, _ in counts), sum(tried for _, tried in counts)

    def _function(self, candidate: Candidate) -> _Seen:
        return self._functions.get(_function(candidate), _Seen())


def _function(candidate: Candidate) -> tuple[str, str]:
    return candidate.unit.source.path, candidate.unit.qualname

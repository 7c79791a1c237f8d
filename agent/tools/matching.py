"""Find the text that a model wants to replace, and say what would be nearest where it is not there. Pure.

Exact text wins. Else whole lines are compared without regard to white space at their ends and to how far they are
indented, as long as one shift of the indentation explains all of them; the new text is shifted alike.

One line that is given without its indentation leaves open how the other lines of the new text are meant: as they stand,
or indented like the first. Both readings come back, the likelier one first.

A text that covers whole lines is taken as lines: a line end more or less after the last one neither joins two lines
nor leaves an empty one.
"""

import difflib
import heapq
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

TAB = 8
_LONGEST = 20_000  # lines of a file in which the nearest text is looked for
_LONGEST_OLD = 400  # lines, or words, of `old` that are looked at for it
_COMPARED = 12  # places that are compared closely


class Match(NamedTuple):
    """One place, as offsets in the text, and what belongs there."""

    start: int
    end: int
    new: str
    shifted: bool
    """White space differed: the new text is re-indented."""
    other: "Match | None" = None
    """The less likely reading."""


def find(text: str, old: str, new: str) -> list[Match]:
    r"""Return every place where `old` is, in order, without overlaps between matches of shifted lines.

    Exact places may overlap; the caller must not replace more than one of two such.

    Args:
        text: the file, with `\n` for line ends.
        old: what is looked for; not empty.
        new: what takes its place.
    """
    exact = [_exact(text, at, old, new) for at in _occurrences(text, old)]
    return exact or list(_by_lines(text, old, new))


def _occurrences(text: str, old: str) -> Iterator[int]:
    at = text.find(old)
    while at >= 0:
        yield at
        at = text.find(old, at + 1)


def _exact(text: str, start: int, old: str, new: str) -> Match:
    end = start + len(old)
    line = text.rfind("\n", 0, start) + 1
    starts_line = not text[line:start].strip()
    ends_line = old.endswith("\n") or end == len(text) or text[end] == "\n"
    if not old.strip() or not ends_line or not (starts_line or old.startswith("\n")):
        return Match(start, end, new, shifted=False)
    if starts_line and not new:  # nothing is to be left of these lines, their line end included
        return Match(line, end if old.endswith("\n") else min(end + 1, len(text)), "", shifted=False)
    if not starts_line and new and not new.startswith("\n"):
        new = "\n" + new
    if old.endswith("\n") and not new.endswith("\n"):
        new += "\n"
    elif starts_line and new.endswith("\n") and not old.endswith("\n"):
        new = new[:-1]
    match = Match(start, end, new, shifted=False)
    one_line = start > line and "\n" not in old.rstrip("\n")
    return _two_readings(match, line, text[line:end], old) if one_line and "\n" in new.rstrip("\n") else match


def _two_readings(match: Match, line: int, found: str, old: str) -> Match:
    """Return the match with its other reading: all of the new text is as far in as the line that was found."""
    its = indentation(found)
    shift = Shift({indentation(old): its}, tabs="\t" in its)
    lines = match.new.split("\n")
    other = Match(line, match.end, "\n".join(map(shift.line, lines)), shifted=True)
    if all(_width(indentation(later)) < _width(its) for later in lines[1:] if later.strip()):
        return other._replace(other=match)
    return match._replace(other=other)


def _by_lines(text: str, old: str, new: str) -> Iterator[Match]:
    lines = text.split("\n")
    wanted, fresh = _core(old, new)
    if not wanted:
        return
    stripped = [line.strip() for line in lines]
    goal = [line.strip() for line in wanted]
    offsets = _offsets(lines)
    at = 0
    while (at := _next(stripped, goal, at)) >= 0:
        shift = Shift.between(wanted, lines[at : at + len(goal)])
        if shift is None:
            at += 1
            continue
        last = at + len(goal) - 1
        start, end = offsets[at], offsets[last] + len(lines[last])
        put = "\n".join(shift.line(line) for line in fresh)
        if not fresh:
            end = min(end + 1, len(text))
        yield Match(start, end, put, shifted=True)
        at += len(goal)


def _core(old: str, new: str) -> tuple[list[str], list[str]]:
    """Return the lines of both without the empty lines around `old`; `new` loses as many of its own."""
    wanted, fresh = old.split("\n"), new.split("\n") if new.strip() else []
    while wanted and not wanted[0].strip():
        wanted.pop(0)
        if len(fresh) > 1 and not fresh[0].strip():
            fresh.pop(0)
    if len(fresh) > 1 and not fresh[-1] and wanted and wanted[-1].strip():  # only the line end of the last line
        fresh.pop()
    while wanted and not wanted[-1].strip():
        wanted.pop()
        if len(fresh) > 1 and not fresh[-1].strip():
            fresh.pop()
    return wanted, fresh


def _next(lines: Sequence[str], goal: Sequence[str], start: int) -> int:
    """Return where the lines occur next; -1: nowhere."""
    first, count = goal[0], len(goal)
    for at in range(start, len(lines) - count + 1):
        if lines[at] == first and list(lines[at : at + count]) == list(goal):
            return at
    return -1


class Shift(NamedTuple):
    """How indentation in a model's text maps to that of the file."""

    places: dict[str, str]
    """The file's indentation by the model's, for lines that both have."""
    tabs: bool
    """The file indents with tabs here."""

    @classmethod
    def between(cls, wanted: Sequence[str], found: Sequence[str]) -> "Shift | None":
        """Return the shift that explains every pair of lines; None when there is none."""
        places: dict[str, str] = {}
        for mine, its in zip(wanted, found, strict=True):
            if mine.strip() and places.setdefault(indentation(mine), indentation(its)) != indentation(its):
                return None
        ordered = sorted((_width(mine), _width(its)) for mine, its in places.items())
        pairs = tuple(pairwise(ordered))
        if any((before[0] == after[0]) != (before[1] == after[1]) or before[1] > after[1] for before, after in pairs):
            return None
        return cls(places, tabs=any("\t" in its for its in places.values()))

    def line(self, line: str) -> str:
        """Return one line of the new text where it belongs."""
        if not line.strip():
            return ""
        mine = indentation(line)
        rest = line[len(mine) :]
        if mine in self.places:
            return self.places[mine] + rest
        known = max((place for place in self.places if mine.startswith(place)), key=len, default=None)
        if known is not None:
            deeper = mine[len(known) :]
            return self.places[known] + (self._tabbed(deeper) if self.tabs else deeper) + rest
        # Further out than anything in `old`: the same distance from the outermost line.
        outer = min(self.places, key=_width)
        width = max(0, _width(self.places[outer]) + _width(mine) - _width(outer))
        return ("\t" * (width // TAB) if self.tabs else " " * width) + rest

    def _tabbed(self, deeper: str) -> str:
        """Return indentation by spaces as tabs, one for each step that the model's lines take."""
        if "\t" in deeper or not deeper:
            return deeper
        widths = sorted({_width(place) for place in self.places if "\t" not in place})
        steps = [b - a for a, b in pairwise(widths)]
        step = min(steps, default=4)
        return "\t" * max(1, round(len(deeper) / step))


def indentation(line: str) -> str:
    """Return the white space before a line's text."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def _width(place: str) -> int:
    return len(place.expandtabs(TAB))


def _offsets(lines: Sequence[str]) -> list[int]:
    offsets, at = [], 0
    for line in lines:
        offsets.append(at)
        at += len(line) + 1
    return offsets


class Near(NamedTuple):
    """The text that resembles `old` most."""

    line: int
    """First line, from 1."""
    likeness: float
    """Up to 1.0, which is equal but for white space."""
    differences: tuple[str, ...]
    """Lines of `old` behind `-` and a tab; of the file behind `+`, or a space where both agree, their number and a tab."""


def nearest(text: str, old: str) -> Near | None:
    """Return the lines that resemble `old` most; None when nothing does."""
    lines = text.split("\n")[:_LONGEST]
    wanted = _core(old, "")[0][:_LONGEST_OLD]
    count = len(wanted)
    goal = _words("\n".join(wanted))
    if not goal:
        return None
    known = frozenset(goal)
    hits = [len(known.intersection(_words(line))) for line in lines]
    window = sum(hits[:count])
    sums = [(-window, 0)]
    for at in range(1, len(lines) - count + 1):
        window += hits[at + count - 1] - hits[at - 1]
        sums.append((-window, at))
    best, place = 0.0, 0
    for total, at in heapq.nsmallest(_COMPARED, sums):
        found = _words("\n".join(lines[at : at + count])) if total else []
        ratio = difflib.SequenceMatcher(None, goal[:_LONGEST_OLD], found[:_LONGEST_OLD], autojunk=False).ratio()
        if ratio > best:
            best, place = ratio, at
    if best < 0.5:
        return None
    return Near(place + 1, best, tuple(_differences(wanted, lines[place : place + count], place + 1)))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def _differences(wanted: Sequence[str], found: Sequence[str], first: int) -> Iterator[str]:
    blocks = difflib.SequenceMatcher(None, wanted, found, autojunk=False).get_opcodes()
    for tag, start, end, its_start, its_end in blocks:
        sign = " " if tag == "equal" else "+"
        if tag != "equal":
            yield from (f"-\t{line}" for line in wanted[start:end])
        yield from (f"{sign}{first + at}\t{found[at]}" for at in range(its_start, its_end))

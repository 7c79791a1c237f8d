"""Where the bug may be: Ochiai over the lines that tests run, with cues from tracebacks and names.

The cues and their weights are measured: on injected bugs they raise the true function's share of first places from 42 % to 56 %
and the true line's share of the first ten from 70 % to 81 %.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, field
from typing import Iterable

from .baseline import Baseline
from .source import Source, UnreadableSource, class_chain, functions
from .swap import Unit

_STACK = 0.3
_NAME = 0.25
_SHOWN = 0.4
"""Factor for functions that a failing assertion calls only to show what it compared."""
_WORD = re.compile(r"[A-Za-z_]\w+")
_COMMON = {
    "self",
    "test",
    "tests",
    "assert",
    "def",
    "return",
    "import",
    "from",
    "for",
    "in",
    "is",
    "not",
    "and",
    "or",
    "None",
    "True",
    "False",
}


@dataclass
class Place:
    """One function with the lines that failing tests run in it."""

    unit: Unit
    lines: dict[int, float] = field(default_factory=dict)
    """Suspicion by line, in [0, 2)."""
    score: float = 0.0
    """Suspicion of the function: that of its worst line, cues included."""


@dataclass
class Map:
    """All places, most suspicious first, and the sources that they are in."""

    places: list[Place]
    sources: dict[str, Source]


def locate(baseline: Baseline, hint: str, test_text: str) -> Map:
    """Rank the functions that failing tests run."""
    spectrum = _spectrum(baseline)
    words = _words([hint, test_text] + [item.message for item in baseline.failing])
    stack = _stack(baseline)
    sources: dict[str, Source] = {}
    places: list[Place] = []
    for path in sorted({path for path, _ in spectrum}):
        try:
            source = sources[path] = Source.load(path)
        except UnreadableSource:
            continue
        lines = {line: value for (file, line), value in spectrum.items() if file == path}
        for node in functions(source):
            inside = {line: value for line, value in lines.items() if node.lineno <= line <= (node.end_lineno or 0)}
            inside = {line: value for line, value in inside.items() if not _is_header(node, line)}
            if inside:
                places.append(_place(Unit(source, node), inside, words, stack))
    places.sort(key=lambda place: (-place.score, place.unit.source.path, place.unit.node.lineno))
    return Map(places, sources)


def _is_header(node: ast.FunctionDef | ast.AsyncFunctionDef, line: int) -> bool:
    return line < node.body[0].lineno and line != node.lineno


def _place(unit: Unit, lines: dict[int, float], words: dict[str, int], stack: dict[tuple[str, int], int]) -> Place:
    """Add the cues to the spectrum of one function."""
    node = unit.node
    depths = [depth for (path, line), depth in stack.items() if path == unit.source.path and unit.contains(line)]
    bonus = _STACK / (1 + min(depths)) * 0.5 if depths else 0.0
    name = node.name.strip("_")
    if node.name in ("__init__", "__call__", "__new__", "__eq__", "__repr__", "__str__", "__len__", "__iter__"):
        chain = class_chain(unit.source, node)
        name = chain[-1].name if chain else name
        bonus += _NAME / 2 if name in words else 0.0
    elif name in words:
        bonus += _NAME
    shown = node.name in ("__repr__", "__str__") and not depths and not {"repr", "str"} & words.keys()
    scored = {}
    for line, value in lines.items():
        depth = stack.get((unit.source.path, line))
        scored[line] = (
            value * (_SHOWN if shown else 1.0) + bonus + (_STACK / (1 + depth) * 0.5 if depth is not None else 0.0)
        )
    return Place(unit, scored, max(scored.values()))


def _spectrum(baseline: Baseline) -> dict[tuple[str, int], float]:
    """Ochiai of every line that a failing test runs."""
    failed = [_lines(item.lines) for item in baseline.failing if item.lines]
    passed = [_lines(item.lines) for item in baseline.passing]
    hits_failed: dict[tuple[str, int], int] = {}
    for lines in failed:
        for line in lines:
            hits_failed[line] = hits_failed.get(line, 0) + 1
    hits_passed: dict[tuple[str, int], int] = {}
    for lines in passed:
        for line in lines:
            if line in hits_failed:
                hits_passed[line] = hits_passed.get(line, 0) + 1
    total = max(1, len(failed))
    return {line: count / math.sqrt(total * (count + hits_passed.get(line, 0))) for line, count in hits_failed.items()}


def _lines(lines: dict[tuple[str, int, str], list[int]]) -> set[tuple[str, int]]:
    return {(path, line) for (path, _, _), hit in lines.items() for line in hit}


def _stack(baseline: Baseline) -> dict[tuple[str, int], int]:
    """Depth of each line in the tracebacks, 0 for where it was raised."""
    depths: dict[tuple[str, int], int] = {}
    for item in baseline.failing:
        for depth, frame in enumerate(item.frames):
            depths[frame] = min(depth, depths.get(frame, depth))
    return depths


def _words(texts: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        for word in _WORD.findall(text):
            bare = word.strip("_")
            if bare not in _COMMON:
                counts[bare] = counts.get(bare, 0) + 1
    return counts

"""What a judge is shown of a change: the code before it and what it does to it, without its author's words.

Comments that the change brings are left out, as they are its author's narration, or talk to whoever reads them; so are tests and scratch
files, which say what the author believes.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, unified_diff
from typing import NamedTuple

from envs.comments import comments, without_comments
from envs.errors import PatchRejected
from envs.patches import BaseTree, FileChange
from envs.symbols import Symbol, find_symbols
from envs.values import Patch
from selection.text_form import is_beside

_PYTHON = (".py", ".pyi")
_AROUND = 12  # lines before and after a change that lies in no function
_WHOLE = 160  # lines up to which a function is shown whole
_CONTEXT = 3
_HELPERS = 6  # definitions of the same file that changed lines name
_SHORT = 30  # lines of one of them


class Exhibit(NamedTuple):
    """One change, for a judge."""

    change: str
    """A unified diff."""
    code: str
    """The functions, or the lines, that it changes, as they are on base and numbered."""
    names: tuple[str, ...]
    """Functions and classes that it changes, by their last names."""
    beside: tuple[str, ...]
    """Tests and scratch files that it changes too, which are not shown."""


def exhibit(patch: Patch, base: BaseTree) -> Exhibit | None:
    """Lay a change out; None when it does not apply, or changes nothing but tests and scratch files."""
    try:
        changes = base.apply(patch)
    except PatchRejected:
        return None
    shown = [change for change in changes if not _is_beside(change)]
    if not shown:
        return None
    return Exhibit(
        change="\n".join(_diff(change) for change in shown),
        code=_code(shown),
        names=tuple(sorted({name for change in shown for name in _names(change)})),
        beside=tuple(change.path for change in changes if change not in shown),
    )


def code_before(patches: Sequence[Patch], base: BaseTree) -> str:
    """Return the code that any of several changes touches, each line once; those must apply."""
    return _code([change for patch in patches for change in base.apply(patch) if not _is_beside(change)])


def _is_beside(change: FileChange) -> bool:
    return is_beside(change.path, created=change.before is None)


def _diff(change: FileChange) -> str:
    """What it does to one file."""
    before, after = change.before or b"", _without_news(change)
    if b"\0" in before + after:
        return f"binary file {change.path} changes"
    old = "/dev/null" if change.before is None else f"a/{change.renamed_from or change.path}"
    new = "/dev/null" if change.after is None else f"b/{change.path}"
    lines = list(unified_diff(_lines(before), _lines(after), old, new, n=_CONTEXT, lineterm=""))
    if not lines:
        return f"--- {old}\n+++ {new}\n(no line changes)"
    return "\n".join(lines)


def _without_news(change: FileChange) -> bytes:
    """The file afterwards, without comments that were not there before."""
    after = change.after or b""
    if not change.path.endswith(_PYTHON):
        return after
    return without_comments(after, keep=frozenset(comments(change.before or b"")))


def _code(changes: Sequence[FileChange]) -> str:
    """The code before, where it changes, by file."""
    spans: dict[str, list[tuple[int, int]]] = {}
    texts: dict[str, list[str]] = {}
    for change in changes:
        if change.before and b"\0" not in change.before:
            name = change.renamed_from or change.path
            texts[name] = _lines(change.before)
            spans.setdefault(name, []).extend(_spans(change, texts[name]))
    return "\n\n".join(_numbered(name, texts[name], spans[name]) for name in sorted(spans) if spans[name])


def _numbered(name: str, lines: Sequence[str], spans: Sequence[tuple[int, int]]) -> str:
    parts, last = [f"{name} before the change:"], 0
    for start, end in _merged(spans):
        if start > last + 1:
            parts.append("     …")
        parts += [f"{number:>6} {lines[number - 1]}".rstrip() for number in range(start, end + 1)]
        last = end
    return "\n".join(parts)


class _Place(NamedTuple):
    """One stretch of lines that changes, numbered from 1, and the definitions around it."""

    start: int
    end: int
    around: tuple[Symbol, ...]

    @property
    def inner(self) -> Symbol | None:
        """The smallest definition that holds all of it."""
        return min(self.around, key=lambda symbol: symbol.end_line - symbol.line, default=None)


def _places(change: FileChange, lines: Sequence[str]) -> Iterator[_Place]:
    after = _lines(_without_news(change))
    symbols = [s for s in find_symbols(change.path, change.before or b"") if s.kind != "constant"]
    for tag, first, last, _, _ in SequenceMatcher(None, lines, after, autojunk=len(lines) > 2000).get_opcodes():
        if tag == "equal" or not lines:
            continue
        start, end = min(first + 1, len(lines)), max(first + 1, min(last, len(lines)))
        yield _Place(start, end, tuple(s for s in symbols if s.line <= start and end <= s.end_line))


def _helpers(change: FileChange, lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Short definitions of the same file that lines which come or go name: without them nobody can follow a change."""
    after = _lines(_without_news(change))
    moved = [line[1:] for line in unified_diff(lines, after, n=0, lineterm="") if line[:1] in "+-"]
    said = set(re.findall(r"\w+", "\n".join(moved)))
    named = [s for s in find_symbols(change.path, change.before or b"") if s.name.rpartition(".")[2] in said]
    short = [symbol for symbol in named if symbol.end_line - symbol.line < _SHORT]
    yield from ((symbol.line, symbol.end_line) for symbol in short[:_HELPERS])


def _spans(change: FileChange, lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Line numbers that are worth seeing for each stretch that changes."""
    yield from _helpers(change, lines)
    for place in _places(change, lines):
        inner = place.inner
        for symbol in place.around:
            yield symbol.line, symbol.line  # the class that a method belongs to
        if inner is not None and inner.end_line - inner.line < _WHOLE:
            yield inner.line, inner.end_line
        else:
            low, high = (inner.line, inner.end_line) if inner is not None else (1, len(lines))
            yield max(low, place.start - _AROUND), min(high, place.end + _AROUND)


def _names(change: FileChange) -> Iterator[str]:
    """What others may use of what changes; a method with double underscores is called without its name."""
    for place in _places(change, _lines(change.before or b"")):
        name = place.inner.name.rpartition(".")[2] if place.inner else ""
        if name and not name.startswith("__"):
            yield name


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same lines without overlap, in order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[: None if not data.endswith(b"\n") else -1]

"""When two patches are the same change, and how large a change is.

Votes are counted over changes, not over diffs: two tries that fix a bug alike differ in comments, spacing and order. A change is
compared as the set of functions, methods and class bodies that differ before and after, each free of formatting (majority voting over
normalised patches as in Agentless, Xia et al. 2024, with the AST in place of its text).
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from envs.python_units import Units, leaves, units
from envs.trees import FileChange
from sandbox.values import Value

_PYTHON = (".py", ".pyi")
_INDENTED = (".py", ".pyi", ".pyx", ".pxd", ".yml", ".yaml", ".mk", "makefile", ".coffee", ".haml", ".pug", ".rst")
"""Here the space before a line is part of what it says."""
_LONGEST = 4000  # tokens on either side for an exact comparison, which takes quadratic time


class NormalForm(Value):
    """A change without its formatting."""

    digest: str
    """Equal for equal changes (64 hexadecimal digits). Changes that are only comments, docstrings or formatting share the digest of
    no change at all."""
    size: int
    """Tokens changed: of each stretch that differs the longer side, deleted or inserted, so that one replaced operator counts 1. A file
    that appears, disappears, is renamed or changes its mode counts 1 more. 0: nothing but comments, docstrings or formatting."""
    functions: tuple[str, ...]
    """What differs, sorted: `pkg/module.py::Class.method`, `pkg/module.py::Class` for the class's own code, `pkg/module.py` for a
    module's own code and for other files. The second of two same names is `name#2`."""


class _Piece(NamedTuple):
    """One place that differs."""

    path: str
    name: str
    kind: str
    before: tuple[str, ...] | None
    after: tuple[str, ...] | None


def normalise(changes: Sequence[FileChange]) -> NormalForm:
    """Reduce a change to what it does.

    In Python files that parse before and after, comments, docstrings, blank lines, formatting, parentheses and trailing commas that
    change nothing, quotes and the order of functions do not count. Other files, and Python that does not parse, are compared as text
    without regard to space between tokens and to line breaks (to indentation neither, unless it has a meaning there); such a form never
    equals that of a file that parses.

    Args:
        changes: as from `BaseTree.apply`; a rename counts as the old file's end and the new one's beginning in the digest.
    """
    pieces: list[_Piece] = []
    size = 0
    for change in changes:
        if change.renamed_from is None:
            found = list(_pieces(change))
            size += sum(map(_size, found))
        else:
            gone = change.model_copy(
                update={"path": change.renamed_from, "after": None, "mode_after": None, "renamed_from": None}
            )
            made = change.model_copy(update={"before": None, "mode_before": None, "renamed_from": None})
            found = [*_pieces(gone), *_pieces(made)]
            size += 1 + sum(map(_size, _pieces(change)))
        pieces += found
    ordered = sorted(pieces, key=lambda piece: (piece.path, piece.name, piece.kind))
    digest = hashlib.sha256()
    for piece in ordered:
        digest.update(json.dumps(piece).encode() + b"\n")
    names = {f"{piece.path}::{piece.name}" if piece.name else piece.path for piece in ordered}
    return NormalForm(digest=digest.hexdigest(), size=size, functions=tuple(sorted(names)))


def _pieces(change: FileChange) -> Iterator[_Piece]:
    """Where a file differs. Its being there, and its mode, are pieces of their own."""
    modes = (
        change.mode_before if change.before is not None else None,
        change.mode_after if change.after is not None else None,
    )
    if modes[0] != modes[1]:
        before, after = (None if mode is None else (f"{mode:o}",) for mode in modes)
        yield _Piece(change.path, "", "mode", before, after)
    kind, before_units, after_units = _take_apart(change, 0o120000 in modes)
    for name in dict.fromkeys([*before_units, *after_units]):
        old, new = before_units.get(name), after_units.get(name)
        if (old or ()) != (new or ()):
            yield _Piece(change.path, name, kind, old, new)


def _take_apart(change: FileChange, is_link: bool) -> tuple[str, Units, Units]:
    before, after = change.before or b"", change.after or b""
    if not is_link and change.path.endswith(_PYTHON):
        old, new = units(before), units(after)
        if old is not None and new is not None:
            return "python", old, new
        return "broken python", {"": _words(before, indented=True)}, {"": _words(after, indented=True)}
    indented = (change.path.lower()).endswith(_INDENTED)
    return "text", {"": _words(before, indented=indented)}, {"": _words(after, indented=indented)}


def _words(data: bytes, *, indented: bool) -> tuple[str, ...]:
    """Words and single signs of a text; the hash of what is no text."""
    if b"\0" in data:
        return (hashlib.sha256(data).hexdigest(),)
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "backslashreplace")
    if not indented:
        return tuple(re.findall(r"\w+|[^\w\s]", text))
    lines = (line.expandtabs() for line in text.splitlines() if line.strip())
    return tuple(
        word for line in lines for word in (f"\0{len(line) - len(line.lstrip())}", *re.findall(r"\w+|[^\w\s]", line))
    )


def _size(piece: _Piece) -> int:
    if piece.kind == "mode":
        return 1
    old, new = leaves(piece.before or ()), leaves(piece.after or ())
    if old == new:
        return 1  # the structure differs: parentheses or indentation that change the meaning
    start = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    old, new = old[start:], new[start:]
    end = next(
        (at for at, (a, b) in enumerate(zip(reversed(old), reversed(new), strict=False)) if a != b),
        min(len(old), len(new)),
    )
    old, new = old[: len(old) - end], new[: len(new) - end]
    if max(len(old), len(new)) > _LONGEST:
        return max((Counter(old) - Counter(new)).total(), (Counter(new) - Counter(old)).total(), 1)
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in blocks if tag != "equal")

"""A patch as what it changes in the code: files by kind, and changed lines as tokens with the place where they stand."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Literal

from envs.diffs import FileDiff, parse
from envs.errors import PatchRejected
from envs.patches import is_test_path
from selection.verifier.lexer import Tokens, lex

MAX_LINES = 3000
"""Lines of hunks that are read of one patch; what follows is not seen."""

Kind = Literal["source", "test", "scratch", "other"]

_SUFFIXES = """
.py .pyi .pyx .pxd .c .h .cc .cpp .hpp .cs .go .java .js .jsx .ts .tsx .mjs .kt .php .rb .rs .scala .swift .lua .pl .r .sh .sql .m .vue
.html .css .jinja .j2 .ex .exs .erl .hs .clj .dart .groovy .jl
"""
_CODE = frozenset(_SUFFIXES.split())
_SCRATCH = re.compile(
    r"(?i)(reprod|repro[_.]|bug|demo|debug|scratch|example|issue|tmp|temp|verify|check_|minimal|edge_case|final_|simple_|script|run_)"
)
_HEADER = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@ ?(.*)")
_DEFINITION = re.compile(r"\s*(?:async\s+)?(?:def|class|function|func|fn)\s+([^\W\d]\w*)")


@dataclass(frozen=True)
class Hunk:
    """A change at one place. Lines without code are left out; so are lines that are taken away and given back."""

    path: str
    scope: str
    """Name of the function or class around it, as far as the fragment shows; empty when it does not."""
    added: tuple[Tokens, ...]
    removed: tuple[Tokens, ...]
    context: tuple[Tokens, ...]
    touched: tuple[int, ...]
    """Lines of the old file that are removed, or before which something is put; numbers from 1."""


@dataclass(frozen=True)
class FileEdit:
    """What a patch does to one file."""

    path: str
    kind: Kind
    """`scratch`: a new file that looks like a trial. `other`: documentation, data, settings."""
    created: bool
    deleted: bool
    hunks: tuple[Hunk, ...]


@dataclass(frozen=True)
class Edit:
    """A patch."""

    files: tuple[FileEdit, ...]

    @cached_property
    def sources(self) -> tuple[FileEdit, ...]:
        """The files that count: sources that are changed in code."""
        return tuple(file for file in self.files if file.kind == "source" and (file.hunks or file.deleted))

    @cached_property
    def hunks(self) -> tuple[Hunk, ...]:
        """All hunks of the files that count."""
        return tuple(hunk for file in self.sources for hunk in file.hunks)


def read_edit(diff: str) -> Edit:
    """Read a patch.

    Raises:
        PatchRejected: it holds no diff, or a malformed one.
    """
    parts = parse(diff)
    if not parts:
        raise PatchRejected("The text holds no diff.", hint="It must be what `git diff` prints.")
    files = []
    budget = MAX_LINES
    for part in sorted(parts, key=lambda file: (file.new or file.old or "", file.lines)):
        files.append(_file(part, budget))
        budget = max(0, budget - len(part.lines))
    return Edit(tuple(files))


def _file(part: FileDiff, budget: int) -> FileEdit:
    path = part.new or part.old or ""
    created, deleted = part.old is None, part.new is None
    kind = _kind(path, created=created)
    hunks = tuple(_hunks(path, part.lines[:budget])) if kind in ("source", "test") else ()
    return FileEdit(path=path, kind=kind, created=created, deleted=deleted, hunks=hunks)


def _kind(path: str, *, created: bool) -> Kind:
    place = PurePosixPath(path)
    suffix = place.suffix.lower()
    if created and suffix in _CODE and (len(place.parts) == 1 or _SCRATCH.search(place.name)):
        return "scratch"
    if is_test_path(path):
        return "test"
    return "source" if suffix in _CODE else "other"


def _hunks(path: str, lines: Sequence[str]) -> Iterator[Hunk]:
    start = next((at for at, line in enumerate(lines) if line.startswith("@@ -")), len(lines))
    while start < len(lines):
        end = next((at for at in range(start + 1, len(lines)) if lines[at].startswith("@@ -")), len(lines))
        hunk = _hunk(path, lines[start], [line for line in lines[start + 1 : end] if not line.startswith("\\")])
        if hunk.added or hunk.removed:
            yield hunk
        start = end


def _hunk(path: str, header: str, body: list[str]) -> Hunk:
    match = _HEADER.match(header)
    first, section = (int(match[1]), match[2]) if match else (1, "")
    olds = [at for at, line in enumerate(body) if line[:1] != "+"]
    news = [at for at, line in enumerate(body) if line[:1] != "-"]
    old = dict(zip(olds, lex(path, [body[at][1:] for at in olds]), strict=True))
    new = dict(zip(news, lex(path, [body[at][1:] for at in news]), strict=True))
    removed = [old[at] for at in olds if body[at][:1] == "-" and old[at]]
    added = [new[at] for at in news if body[at][:1] == "+" and new[at]]
    back = Counter(added) & Counter(removed)  # moved or given back: no change
    added, removed = _without(added, back), _without(removed, back)
    scope, touched, number = _scope(section), [], first
    for at, line in enumerate(body):
        code = old.get(at) if line[:1] == "-" else new.get(at)
        if line[:1] in "+-" and code:
            touched.append(number)
        if line[:1] != "+":
            if not touched and (name := _scope(line[1:])):
                scope = name
            number += 1
    context = tuple(old[at] for at in olds if body[at][:1] != "-" and old[at])
    return Hunk(path, scope, tuple(added), tuple(removed), context, tuple(dict.fromkeys(touched)))


def _without(lines: list[Tokens], taken: Counter[Tokens]) -> list[Tokens]:
    left = taken.copy()
    kept = []
    for line in lines:
        if left[line]:
            left[line] -= 1
        else:
            kept.append(line)
    return kept


def _scope(line: str) -> str:
    match = _DEFINITION.match(line)
    return match[1] if match else ""

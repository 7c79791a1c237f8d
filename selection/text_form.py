"""When two patches are the same change, told from their text alone, where there is no repository to apply them to.

Weaker than `envs.normal_form`, which compares syntax trees of whole files: what is the same edit at two places of one file counts as one
change, a line that was rewritten whole differs from one that was changed in part, docstrings are known only when they begin and end on
lines of their own, and nobody checks that a patch applies. Changes to tests and scratch files are left out of account.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby
from pathlib import PurePosixPath
from typing import NamedTuple

from envs.diffs import FileDiff, parse
from envs.errors import PatchRejected
from envs.patches import is_test_path

_PYTHON = (".py", ".pyi")
_DOCSTRING = re.compile(r"^[ \t]*[rRuU]?(\"\"\"|''').*?\1[ \t]*$", re.DOTALL | re.MULTILINE)
_TOKEN = re.compile(
    r"""(?P<string>[A-Za-z]{0,2}(?:'''[\s\S]*?'''|\"\"\"[\s\S]*?\"\"\"|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))"""
    r"|(?P<comment>\#[^\n]*)|(?P<word>\w+)|(?P<sign>[^\w\s])"
)
_SCRATCH = re.compile(
    r"(repro|reproduce|reproduction|debug|scratch|demo|tmp|temp|try|check|verify|example)[\w-]*\.\w+$|test\w*\.\w+$"
)
_LONGEST = 4000  # tokens on either side for an exact comparison, which takes quadratic time


Block = tuple[tuple[str, ...], tuple[str, ...]]
"""Tokens that go, and tokens that come in their place."""


class TextForm(NamedTuple):
    """A change without its formatting, as far as text shows it."""

    digest: str
    """Equal for equal changes."""
    size: int
    """Tokens changed in source files: of each stretch that differs the longer side. 0: nothing but comments or formatting."""
    words: frozenset[str]
    """Words and signs that a file's new lines have and its old ones do not, behind `+`; the other way round behind `-`."""
    paths: tuple[str, ...]
    """Source files that change, sorted."""


@lru_cache(maxsize=65_536)
def text_form(diff: str) -> TextForm | str:
    """Reduce a diff to what it does, or say why it cannot enter a pool."""
    if not diff.strip():
        return "empty patch"
    try:
        files = parse(diff)
    except PatchRejected as rejected:
        return f"cannot be read: {rejected}"
    if not files:
        return "holds no diff"
    sources = [file for file in files if not is_aside(file)]
    if not sources:
        return "changes nothing but tests or scratch files"
    pieces, words, size = [], set[str](), 0
    for file in sources:
        blocks = tuple(_blocks(file))
        if not blocks and file.old == file.new:
            continue
        old, new = ({token for block in blocks for token in block[side]} for side in (0, 1))
        size += sum(_size(*block) for block in blocks) + (file.old != file.new)
        words |= {f"+{word}" for word in new - old} | {f"-{word}" for word in old - new}
        pieces.append((file.old or "", file.new or "", blocks))
    if not pieces:
        return "changes nothing but comments or formatting"
    digest = hashlib.sha256(json.dumps(sorted(pieces)).encode()).hexdigest()
    names = sorted({new or old for old, new, _ in pieces})
    return TextForm(digest, size, frozenset(words), tuple(names))


def is_aside(file: FileDiff) -> bool:
    """Say whether a file is no part of the fix: a test, or a script that was made at the top to try something out."""
    return is_beside(file.new or file.old or "", created=file.old is None)


def is_beside(path: str, *, created: bool) -> bool:
    """The same of a path, and whether the change makes that file."""
    return is_test_path(path) or (created and "/" not in path and bool(_SCRATCH.match(path)))


def _blocks(file: FileDiff) -> Iterator[Block]:
    """Runs of lines that go and come, between lines that stay, without those in which only formatting differs.

    What is moved goes at one place and comes at another, so the runs are kept apart. What a binary part holds is compared as it is.
    """
    if "GIT binary patch" in file.lines:
        yield (), tuple(file.lines)
        return
    start = next((at for at, line in enumerate(file.lines) if line.startswith("@@ ")), len(file.lines))
    python = PurePosixPath(file.new or file.old or "").suffix in _PYTHON
    for changes, lines in groupby(file.lines[start:], lambda line: line[:1] in ("-", "+", "\\")):
        if changes:
            run = list(lines)
            old, new = (_read([line[1:] for line in run if line.startswith(sign)], python) for sign in "-+")
            if old != new:
                yield old, new


def _read(lines: Sequence[str], python: bool) -> tuple[str, ...]:
    """Tokens of a run; where it begins says to which block it belongs, so that a line that only moves out of a branch is a change."""
    tokens = tuple(_tokens("\n".join(lines), python))
    if not python or not tokens:
        return tokens
    first = next(
        line
        for line in lines
        if (line.strip() and not line.lstrip().startswith(("#", '"""', "'" * 3))) or line is lines[-1]
    )
    return (f"\0{len(first) - len(first.lstrip())}", *tokens)


def _tokens(text: str, python: bool) -> Iterable[str]:
    if not python:
        return re.findall(r"\w+|[^\w\s]", text)
    return (
        _requoted(match["string"]) if match["string"] else match[0]
        for match in _TOKEN.finditer(_DOCSTRING.sub("", text))
        if not match["comment"]
    )


def _requoted(literal: str) -> str:
    """One kind of quote, where the text holds neither."""
    match = re.match(r"([A-Za-z]*)('''|\"\"\"|'|\")([\s\S]*)\2$", literal)
    if match is None or re.search(r"['\"\\]", match[3]):
        return literal
    return f'{match[1].lower()}"{match[3]}"'


def _size(old: Sequence[str], new: Sequence[str]) -> int:
    if max(len(old), len(new)) > _LONGEST:
        return max(len(old), len(new))
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return max(1, sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in blocks if tag != "equal"))

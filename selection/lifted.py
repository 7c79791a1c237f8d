"""A patch taken apart: what is the change, what are tests that it brings along, what was only made to try something out.

Tests and scripts that candidates carry are lifted out and put to every candidate. What is scratch is no part of what is delivered.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from envs.diffs import FileDiff, parse
from envs.patches import FileChange, is_test_path
from envs.values import Patch

_TRIED = re.compile(
    r"(re-?produc|repro(?![a-z])|debug|scratch|demo|tmp|temp(?![a-z])|verif|check_|try_|minimal|example|edge_case|run_|simple_|final_|comprehensive)"
    r"|(?:^|_)(issue|bug|fix)(?:_|$|\d)",
    re.IGNORECASE,
)
_ALWAYS = re.compile(r"(re-?produc(e|er|tion)|repro)([_-].*|\d*)$", re.IGNORECASE)
_LEFTOVER = (".orig", ".rej", ".bak", ".log", ".swp", ".pyc")
_NOTES = (".py", ".sh", ".txt", ".md", ".json", ".html", ".ipynb", ".diff", ".patch", "")
_DEFINES_TESTS = re.compile(r"^[ \t]*(?:async )?def test|^class \w*Test", re.MULTILINE)
_MOST = 400_000
"""Characters of a file that may be a probe."""


class Parts(NamedTuple):
    """A patch in its parts."""

    patch: Patch
    """Without scratch files: what is delivered."""
    core: Patch
    """Without tests, too: what is put to the test."""
    changes: tuple[FileChange, ...]
    """What `core` changes."""
    tests: Mapping[str, str]
    """Test files that it adds or rewrites, with their new content, by path."""
    scripts: Mapping[str, str]
    """Python programs that were made to try something out."""
    rewritten: tuple[str, ...]
    """Test files of the base that it changes, moves or takes away."""


def take_apart(patch: Patch, changes: Sequence[FileChange], *, tests_at_top: bool) -> Parts:
    """Take a patch apart.

    Args:
        patch: as it came.
        changes: what it does, from `BaseTree.apply`.
        tests_at_top: whether the base keeps tests in its top folder, so that a new one there may be meant to stay.
    """
    scratch = {change.path for change in changes if _is_scratch(change, changes, tests_at_top)}
    tests: dict[str, str] = {}
    scripts: dict[str, str] = {}
    for change in changes:
        text = _text(change)
        if text is None or not change.path.endswith(".py"):
            continue
        if is_test_path(change.path) and _DEFINES_TESTS.search(text):
            tests[change.path] = text
        elif change.path in scratch:
            scripts[change.path] = text
    aside = scratch | {change.path for change in changes if is_test_path(change.path)}
    rewritten = {
        name
        for change in changes
        if change.before is not None and (name := change.renamed_from or change.path) and is_test_path(name)
    }
    return Parts(
        patch=_without(patch, scratch),
        core=_without(patch, aside),
        changes=tuple(change for change in changes if change.path not in aside),
        tests=tests,
        scripts=scripts,
        rewritten=tuple(sorted(rewritten)),
    )


def _is_scratch(change: FileChange, changes: Sequence[FileChange], tests_at_top: bool) -> bool:
    """New, and made to try something out: told by its name, or by lying at the top where nothing that changes mentions it."""
    if change.before is not None or change.renamed_from is not None:
        return False
    path = PurePosixPath(change.path)
    if path.suffix in _LEFTOVER or _ALWAYS.match(path.stem):
        return True
    if len(path.parts) > 1:
        return False
    if is_test_path(change.path):
        return not tests_at_top
    named = any(
        re.search(rb"\b" + re.escape(path.stem.encode()) + rb"\b", other.after or b"")
        for other in changes
        if other.path != change.path and not is_test_path(other.path)
    )
    if named:
        return False
    return path.suffix == ".py" or (path.suffix in _NOTES and bool(_TRIED.search(path.stem)))


def _without(patch: Patch, paths: set[str]) -> Patch:
    """The same without some files; the very same where none is among them."""
    if not paths:
        return patch
    files = parse(patch.diff)
    kept = [file for file in files if _name(file) not in paths]
    if len(kept) == len(files):
        return patch
    return Patch(diff="".join(f"{line}\n" for file in kept for line in file.lines))


def _name(file: FileDiff) -> str:
    return file.new or file.old or ""


def _text(change: FileChange) -> str | None:
    if change.after is None or len(change.after) > _MOST:
        return None
    try:
        return change.after.decode()
    except UnicodeDecodeError:
        return None

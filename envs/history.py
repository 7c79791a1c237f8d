"""What was changed together before the base. Nothing later than the named commit is read."""

from pathlib import Path
from typing import NamedTuple

from envs.errors import RepositoryUnusable
from envs.repository import open_checkout

_START, _SUBJECT_END = b"\x01", b"\x02"
_MAX_SUBJECT = 200  # characters
# Local configuration must change neither what is listed nor in which order.
_PLAIN = (
    "--no-merges",
    "--name-only",
    "--no-renames",
    "--no-color",
    "--no-notes",
    "--no-mailmap",
    "--no-show-signature",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=all",
    "-O/dev/null",
)


class Commit(NamedTuple):
    """One commit, merges excepted."""

    subject: str
    """First line of its message; clipped when long. Untrusted."""
    paths: tuple[str, ...]
    """What it added, changed or deleted, in git's order; names that are not UTF-8 are left out."""


def read_history(repository: Path, commit: str | None, *, most: int = 2000, largest: int = 500) -> tuple[Commit, ...]:
    """Return a commit and those before it, newest first; nothing when there is no history, or none that can be read.

    Args:
        repository: any path in the user's work tree.
        commit: where to start; None before the first commit.
        most: how many commits are looked at.
        largest: commits that touch more files say nothing about which belong together, and are left out.
    """
    if commit is None:
        return ()
    words = ("log", "-z", f"-n{most}", "--format=%x01%s%x02", *_PLAIN, "--end-of-options", commit, "--")
    try:
        answer = open_checkout(repository).git.ask(*words)
    except RepositoryUnusable:
        return ()
    # A partial or damaged clone ends early, and what came before the end is still true.
    entries = (entry.partition(_SUBJECT_END) for entry in answer.out.split(_START)[1:])
    commits = (Commit(_subject(subject), _paths(names)) for subject, mark, names in entries if mark)
    return tuple(commit for commit in commits if 0 < len(commit.paths) <= largest)


def _subject(raw: bytes) -> str:
    return " ".join(raw.decode("utf-8", "replace").split())[:_MAX_SUBJECT]


def _paths(raw: bytes) -> tuple[str, ...]:
    found = []
    for name in raw.split(b"\0"):
        try:
            text = name.decode().strip("\n")
        except UnicodeDecodeError:
            continue
        if text:
            found.append(text)
    return tuple(found)

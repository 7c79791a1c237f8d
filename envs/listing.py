"""Which files of a checkout are part of the base."""

import os
import re
import stat
from typing import NamedTuple

from envs.errors import RepositoryUnusable
from envs.repository import Checkout, open_checkout

_GITLINK = b"160000"


class Listing(NamedTuple):
    """What is there, as git sees it."""

    paths: list[bytes]
    """Tracked and untracked but not ignored, relative to the top, sorted. Some may be deleted, or no files at all."""
    dirty: bool
    """Something is not as HEAD has it."""


def list_files(checkout: Checkout) -> Listing:
    """List a checkout with the repositories inside it: submodules that are checked out, and untracked clones.

    Raises:
        RepositoryUnusable: a folder cannot be read.
    """
    git = checkout.git
    staged = [entry.split(b"\t", 1) for entry in git.run("ls-files", "-z", "--stage").split(b"\0") if entry]
    others = _untracked(checkout)
    state = git.run("status", "--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames")
    dirty = bool(others or state)
    paths = {path for about, path in staged if not about.startswith(_GITLINK)}
    paths |= {path for path in others if not path.endswith(b"/")}
    nested = {path: about.split(b" ")[1] for about, path in staged if about.startswith(_GITLINK)}
    nested |= {path.rstrip(b"/"): b"" for path in others if path.endswith(b"/")}
    for path, commit in nested.items():
        inner = _nested(checkout, path)
        if inner is None:
            continue
        inside = list_files(inner)
        dirty |= inside.dirty or inner.git.ask("rev-parse", "--verify", "-q", "HEAD").out.strip() != commit
        paths |= {path + b"/" + name for name in inside.paths}
    return Listing(sorted(paths), dirty)


def _untracked(checkout: Checkout) -> list[bytes]:
    answer = checkout.git.ask("ls-files", "-z", "--others", "--exclude-standard")
    unread = re.search(r"could not open directory '(.*)'", answer.err)
    if unread or answer.status != 0:
        what = f"The folder {unread[1]}" if unread else f"{checkout.top}"
        raise RepositoryUnusable(
            f"{what} cannot be read: {answer.reason}.",
            hint="Change its permissions, or add it to .gitignore if it is not part of the project.",
        )
    return [path for path in answer.out.split(b"\0") if path]


def _nested(checkout: Checkout, path: bytes) -> Checkout | None:
    """None for a submodule that is not checked out, or that something else has replaced."""
    folder = checkout.top / os.fsdecode(path)
    if not os.path.lexists(folder / ".git") or not stat.S_ISDIR(folder.lstat().st_mode):
        return None
    inner = open_checkout(folder)
    return inner if inner.top == folder else None

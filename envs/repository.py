"""The user's repository: where it is, and git on it that reads only what is asked for.

Nothing here writes. A repository may have been unpacked from anywhere, so its configuration is data, never commands: see `envs.git`.
"""

import os
from pathlib import Path
from typing import NamedTuple

from envs.errors import RepositoryUnusable
from envs.git import Answer, Git

_USER_KEYS = r"^core\.(autocrlf|eol|excludesfile)$"


class Checkout(NamedTuple):
    """One work tree of the user's, and git on it."""

    top: Path
    """Top of the work tree, absolute and without symbolic links."""
    git: Git
    """Closed: no program that the repository or the user configured can start."""
    user: Git
    """With the user's configuration, for questions only."""


def find_repository(start: Path) -> Path:
    """Return the top of the work tree that holds a path.

    Linked work trees and submodules are work trees like any other.

    Raises:
        RepositoryUnusable: there is none, it is bare, it cannot be read, or git does not trust its owner.
    """
    folder = _folder(start)
    user = Git(folder, as_user=True)
    answer = user.ask("rev-parse", "--show-toplevel")
    if answer.status != 0:
        raise _refusal(start, answer, user)
    top = _path(answer.out)
    # `core.worktree` in a foreign repository could name the user's home as its tree.
    if not os.path.lexists(top / ".git"):
        raise RepositoryUnusable(
            f"{folder} belongs to a repository whose work tree is set to be elsewhere, at {top}.",
            hint="Repositories with `core.worktree` are not supported; use a clone.",
        )
    return top


def open_checkout(start: Path) -> Checkout:
    """Find a work tree and return git on it.

    Raises:
        RepositoryUnusable: as `find_repository`.
    """
    top = find_repository(start)
    user = Git(top, as_user=True)
    git_dir = _path(user.run("rev-parse", "--absolute-git-dir"))
    found = user.ask("config", "-z", "--get-regexp", _USER_KEYS)
    config = dict(entry.split("\n", 1) for entry in os.fsdecode(found.out).split("\0") if "\n" in entry)
    if "core.excludesfile" in config:
        config["core.excludesfile"] = str(Path(config["core.excludesfile"]).expanduser())
    config |= _no_filters(Git(top, git_dir=git_dir))
    return Checkout(top, Git(top, git_dir=git_dir, config=config), Git(top, git_dir=git_dir, as_user=True))


def _no_filters(git: Git) -> dict[str, str]:
    """Clean and smudge commands are programs that the repository names; emptied, they pass content through."""
    keys = os.fsdecode(git.ask("config", "-z", "--name-only", "--get-regexp", r"^filter\.").out).split("\0")
    names = {key.removeprefix("filter.").rpartition(".")[0] for key in keys if key.count(".") >= 2}
    for name in names:
        if "=" in name:
            raise RepositoryUnusable(
                f"The repository configures a filter whose name holds `=`, {name!r}, which cannot be switched off.",
                hint="Remove it from .git/config.",
            )
    empty = {f"filter.{name}.{verb}": "" for name in sorted(names) for verb in ("clean", "smudge", "process")}
    return empty | {f"filter.{name}.required": "false" for name in sorted(names)}


def _folder(start: Path) -> Path:
    try:
        start = start.absolute()
        if not start.exists():
            raise RepositoryUnusable(f"{start} does not exist.", hint="Name a folder inside a git repository.")
        return start if start.is_dir() else start.parent
    except OSError as error:
        raise RepositoryUnusable(f"{start} cannot be read: {error.strerror}.", hint="Check its permissions.") from error


def _path(line: bytes) -> Path:
    return Path(os.fsdecode(line.removesuffix(b"\n")))


def _refusal(start: Path, answer: Answer, user: Git) -> RepositoryUnusable:
    said, reason = answer.err, answer.reason
    if "dubious ownership" in said or "unsafe repository" in said:
        message = f"git does not trust the repository at {start}, because somebody else owns it."
        hint = f"If you trust it, run `git config --global --add safe.directory {start.absolute()}`."
    elif "Permission denied" in said or "cannot change to" in said:
        message, hint = f"The repository at {start} cannot be read: {reason}.", "Check its permissions."
    elif "must be run in a work tree" in said:
        if user.ask("rev-parse", "--is-bare-repository").out.strip() == b"true":
            message = f"{start} is a bare repository, which has no files to work on."
            hint = "Clone it, and use the clone."
        else:
            message, hint = f"{start} lies inside a .git folder.", "Use the folder above it."
    elif "not a git repository (or any" in said:
        message = f"{start} is not in a git repository."
        hint = "Go to a clone, or run `git init` there; nothing needs to be committed."
    elif "not a git repository" in said:
        message = f"{start} refers to a repository that is gone: {reason}."
        hint = "A linked work tree or a submodule needs its main repository; `git worktree repair` may help."
    else:
        message, hint = f"The repository at {start} cannot be used: {reason}.", "Run `git status` there."
    return RepositoryUnusable(message, hint=hint)

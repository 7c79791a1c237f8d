"""Paths and files of a work tree in a sandbox, as tools need them."""

import difflib
import os
import posixpath
from collections.abc import Sequence
from typing import Literal, NamedTuple

from envs.workspace import GIT, GIT_ENV, Workspace

SECONDS = 60.0
LISTING_BYTES = 16 << 20
_MOST_SUGGESTED = 3

# For each path: where it really is, `link` or nothing, its mode in hexadecimal and its size; all empty when there is nothing.
_LOOK = r"""
for path; do
    have=$path rest=
    while [ ! -e "$have" ] && [ ! -L "$have" ]; do
        rest=/${have##*/}$rest have=${have%/*}
        [ -n "$have" ] || have=/
    done
    printf '%s\0' "$(readlink -f -- "$have")$rest"
    if [ -L "$path" ]; then printf 'link\0'; else printf '\0'; fi
    printf '%s\0' "$(stat -L -c '%f %s' -- "$path" 2>/dev/null)"
done
"""


class Place(NamedTuple):
    """What a path leads to."""

    path: str
    """As it is shown: relative inside the work tree, else absolute."""
    real: str
    """Absolute, with no links in it; empty when the links lead nowhere."""
    kind: Literal["file", "folder", "other", "nothing"]
    link: bool
    """The path itself is a symbolic link."""
    mode: int
    """Permission bits; 0 where there is nothing."""
    size: int
    """Bytes."""


class Tree:
    """The work tree of an open workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.box = workspace.box
        self.top = posixpath.normpath(workspace.box.workdir)
        self._real_top = self.top

    def absolute(self, path: str) -> str:
        """Return a path as an absolute one, by its name alone."""
        return posixpath.normpath(posixpath.join(self.top, path.strip() or "."))

    def shown(self, path: str) -> str:
        """Return an absolute path as it is shown."""
        if path == self.top:
            return "."
        return path.removeprefix(f"{self.top}/")

    def look(self, paths: Sequence[str]) -> list[Place]:
        """Return what each path leads to.

        Raises:
            ValueError: a path is empty, too long, or holds what no path can.
        """
        for path in paths:
            _check(path)
        wanted = [self.absolute(path) for path in paths]
        result = self.box.exec(("sh", "-c", _LOOK, "sh", self.top, *wanted), timeout=SECONDS, max_bytes=LISTING_BYTES)
        fields = os.fsdecode(result.stdout).split("\0")
        if len(fields) < 3 * len(wanted) + 4:
            raise OSError(f"paths cannot be looked up: {result.err.strip()[:200]}")
        self._real_top = fields[0]
        return [self._place(path, *fields[at * 3 : at * 3 + 3]) for at, path in enumerate(wanted, 1)]

    def _place(self, path: str, real: str, link: str, status: str) -> Place:
        real = posixpath.normpath(real) if real.startswith("/") else ""
        mode, size = 0, 0
        kind: Literal["file", "folder", "other", "nothing"] = "nothing"
        if status:
            bits, _, length = status.partition(" ")
            mode, size = int(bits, 16), int(length)
            kind = "folder" if mode >> 12 == 4 else "file" if mode >> 12 == 8 else "other"
        return Place(self.shown(path), real, kind, bool(link), mode & 0o7777, size)

    def forbidden(self, place: Place) -> str:
        """Say why a place must not be changed; empty when it may be."""
        inside = place.real.removeprefix(f"{self._real_top}/") if place.real != self._real_top else ""
        if not place.real:
            return f"{place.path} is a symbolic link that leads nowhere."
        if inside == place.real:
            how = f" (it leads to {place.real})" if place.real != self.absolute(place.path) else ""
            return f"{place.path} is outside of the work tree{how}; only files in it can be changed."
        if not inside:
            return f"{place.path} is the work tree itself."
        if ".git" in (*inside.split("/"), *place.path.split("/")):
            return f"{place.path} belongs to git, which nothing may change by hand."
        return ""

    def read(self, path: str, *, max_bytes: int) -> bytes:
        """Return a file's content; see `Sandbox.read`.

        Raises:
            ValueError: see `look`.
            OSError: see `Sandbox.read`.
        """
        _check(path)
        return self.box.read(self.absolute(path), max_bytes=max_bytes)

    def files(self, folder: str = ".") -> list[str]:
        """Return tracked and new files below a folder of the tree, sorted; those that git ignores are left out.

        Args:
            folder: relative to the tree.
        """
        script = f'{GIT} ls-files -z -co --exclude-standard -- "$1"; printf "/\\0"; {GIT} ls-files -z -d -- "$1"'
        argv = ("sh", "-c", script, "sh", folder)
        result = self.box.exec(argv, timeout=SECONDS, env=GIT_ENV, max_bytes=LISTING_BYTES)
        names = result.out.split("\0")
        end = names.index("/") if "/" in names else len(names)
        return sorted(set(names[:end]) - set(names[end:]) - {""})

    def similar(self, path: str) -> list[str]:
        """Return files of the tree that somebody may have meant, likeliest first."""
        path = self.shown(self.absolute(path))
        name = posixpath.basename(path)
        files = self.files()
        same = [file for file in files if posixpath.basename(file).lower() == name.lower()]
        if same:
            close = difflib.get_close_matches(path, same[:500], n=_MOST_SUGGESTED, cutoff=0)
            return close or same[:_MOST_SUGGESTED]
        folder = posixpath.dirname(path)
        siblings = [file for file in files if posixpath.dirname(file) == folder]
        pool = siblings if siblings else files
        names = {posixpath.basename(file): file for file in reversed(pool[:5000])}
        return [names[close] for close in difflib.get_close_matches(name, names, n=_MOST_SUGGESTED, cutoff=0.6)]

    def missing(self, path: str) -> str:
        """Say that a path does not exist, and which one may be meant."""
        near = self.similar(path)
        guess = f" Did you mean {' or '.join(near)}?" if near else ""
        return f"{self.shown(self.absolute(path))} does not exist.{guess}"


def _check(path: str) -> None:
    if not path.strip() or "\0" in path or len(path) > 4000:
        raise ValueError(f"{path[:80]!r} is no path")

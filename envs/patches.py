"""Patches: made, read, tried on the base, and told apart by what they touch."""

import re
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from envs.diff_names import check_path
from envs.diffs import parse, paths
from envs.disk import room_for
from envs.errors import PatchRejected, RepositoryUnusable
from envs.trees import BaseFile, FileChange, Tree
from envs.values import Patch, Snapshot

__all__ = ["BaseFile", "BaseTree", "FileChange", "clean", "is_test_path", "make_patch", "only_tests", "paths"]

_TEST_FOLDERS = {"tests", "__tests__", "testsuite", "testdata", "test_data"}
_TEST_FILE = re.compile(
    r"(test|tests|test_.*|.*_tests?|conftest)\.(py|pyi)$|.*([._-](test|spec))\.[jt]sx?$|.*_test\.(go|c|cc|cpp|rb)$|.*_spec\.rb$|.*Test\.java$"
)


class BaseTree:
    """The base of a snapshot, on the host, for trying patches; a context manager that owns a folder while it is open.

    Only git's objects are taken out of the archive, no work tree. Several threads may use it at once.
    """

    def __init__(self, snapshot: Snapshot, *, folder: Path | None = None) -> None:
        """Prepare; `folder` says where the private folder is made (None: the system's place for temporary files).

        Entering raises `RepositoryUnusable` when the archive is gone or broken, and `DiskFull`.
        """
        self._snapshot = snapshot
        self._folder = folder
        self._tree: Tree | None = None

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(dir=self._folder, prefix="winnow-base-")
        try:
            with room_for("the base"):
                self._tree = self._open(Path(self._temporary.name))
        except BaseException:
            self._temporary.cleanup()
            raise
        return self

    def _open(self, place: Path) -> Tree:
        _extract_git(Path(self._snapshot.archive), place)
        return Tree(place, place / ".git")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tree = None
        self._temporary.cleanup()

    @property
    def tree(self) -> Tree:
        """The tree, while the context is open."""
        assert self._tree is not None, "a BaseTree is used inside its `with` block"
        return self._tree

    def read(self, path: str) -> bytes | None:
        """Return a file's content on base; None when there is no such file there, or it is a symbolic link or a folder."""
        try:
            check_path(path)
        except PatchRejected:
            return None
        stored = self.tree.find([path]).get(path)
        if stored is None or stored.mode not in (0o100644, 0o100755):
            return None
        return self.tree.contents([stored.blob])[stored.blob]

    def apply(self, patch: Patch) -> tuple[FileChange, ...]:
        """Apply a patch to a clean copy of the base and say what it changes, sorted by path.

        What comes back depends only on the resulting tree, never on how the patch spells it.

        Raises:
            PatchRejected: it is malformed or larger than 5 MB, does not apply exactly, leaves the work tree, writes through or
                makes a symbolic link that points outside, or touches `.git`, a submodule or a device.
        """
        return self.tree.apply(patch)


def clean(text: str) -> Patch:
    """Find the diff in a text and spell it as git does.

    Prose and code fences around it, missing or unusual `a/` `b/` prefixes, a diff whose lines all end in CRLF and a lost last
    newline are put right; whatever could be meant in two ways is refused.

    Raises:
        PatchRejected: it holds no diff, or a malformed or ambiguous one.
    """
    files = parse(text)
    if not files and text.strip():
        raise PatchRejected("The text holds no diff.", hint="It must be what `git diff` prints.")
    return Patch(diff="".join(f"{line}\n" for file in files for line in file.lines))


def make_patch(base: BaseTree, files: Mapping[str, bytes | None]) -> Patch:
    """Make the patch that gives these files these contents (None: deletes the file). No difference gives an empty patch.

    Modes stay as they are on base; new files are plain ones. Files that are not UTF-8 are written as binary.

    Raises:
        PatchRejected: a name is not valid UTF-8 or not inside the work tree, or a file would lie under another file.
    """
    return Patch(diff=base.tree.diff(files))


def is_test_path(path: str) -> bool:
    """Say whether a path belongs to the tests, by the usual names of folders and files.

    A folder called `test` counts only at the top or below `src`: further down it may be a library for writing tests.
    """
    *folders, name = path.split("/")
    if _TEST_FOLDERS.intersection(folders) or _TEST_FILE.match(name):
        return True
    return folders[:1] == ["test"] or folders[:2] == ["src", "test"]


def only_tests(changes: Sequence[FileChange]) -> bool:
    """Say whether there are changes and all are to tests."""
    names = [name for change in changes for name in (change.path, change.renamed_from) if name is not None]
    return bool(names) and all(map(is_test_path, names))


def _extract_git(archive: Path, place: Path) -> None:
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                if not (member.name + "/").startswith(".git/") or ".." in member.name.split("/"):
                    break  # git's own files come first
                target = place / member.name
                if member.isdir():
                    target.mkdir(exist_ok=True)
                elif (source := tar.extractfile(member)) is not None:
                    target.write_bytes(source.read())
    except (FileNotFoundError, PermissionError, tarfile.TarError) as error:
        raise RepositoryUnusable(
            f"The base archive {archive} cannot be read: {error}.", hint="Start the run again."
        ) from error
    if not (place / ".git/index").exists():
        raise RepositoryUnusable(f"The base archive {archive} holds no repository.", hint="Start the run again.")

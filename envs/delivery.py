"""Puts a patch where the user wants it: into the checkout, on a new branch, or in a file. All or nothing."""

import os
import tempfile
from pathlib import Path

from envs import pending
from envs.branch import commit_on_branch
from envs.diffs import paths
from envs.disk import room_for
from envs.errors import PatchConflict, Undeliverable
from envs.files import install, leftover, read_file, replace_file, writing
from envs.repository import open_checkout
from envs.trees import FileChange, Tree
from envs.values import Patch

__all__ = ["apply_to_work_tree", "commit_on_branch", "forget_patch", "tidy_up", "write_patch"]


def apply_to_work_tree(repository: Path, patch: Patch, *, note: Path | None = None) -> tuple[str, ...]:
    """Change the user's checkout, with whatever uncommitted work is in it, and return the paths that changed, sorted.

    Bytes are compared and written exactly as they lie on disk, as the base was read: no line-end rule or filter applies. The index
    is not touched. Either every file is changed or none is.

    Args:
        repository: a folder in the checkout.
        patch: against the checkout as it is.
        note: a file outside of the checkout where what is under way is written down: a call after a kill, with the same note, finishes
            what was begun, or finds it done. It is the caller's to remove once the result is known to be kept; after an error that left
            everything as it was there is none. None: after a kill, changes and temporary files (`.NAME.….winnow`) stay as they are.

    Raises:
        Undeliverable: the checkout has changed since the base was read, so that the patch no longer applies, or cannot be written.
        DiskFull: no room; nothing was changed.
        PatchRejected: the patch is malformed or leaves the work tree.
        RepositoryUnusable: no such repository.
    """
    top = open_checkout(repository).top
    begun = pending.find(note) if note else None
    if begun is not None and begun.top == str(top):
        changes = begun.changes
        install(top, changes, begun.mark)
    else:
        changes = _changes(top, patch)
        begun = pending.begin(note, top, changes) if note else None
        try:
            install(top, changes, begun.mark if begun else str(os.getpid()))
        except BaseException:
            if note:
                note.unlink()
            raise
    return tuple(
        sorted({path for change in changes for path in (change.path, change.renamed_from) if path is not None})
    )


def tidy_up(note: Path) -> list[str]:
    """Remove temporary files that a killed `apply_to_work_tree` left in a checkout, and return their paths."""
    return pending.tidy(note)


def _changes(top: Path, patch: Patch) -> tuple[FileChange, ...]:
    """What the patch makes of the files as they lie on disk."""
    with room_for("a scratch tree"), tempfile.TemporaryDirectory(prefix="winnow-apply-") as folder:
        tree = Tree(Path(folder))
        tree.fill({path: file for path in paths(patch) if (file := read_file(top, path)) is not None})
        try:
            return tree.apply(patch)
        except PatchConflict as error:
            raise Undeliverable(
                f"The checkout has changed since the run began, and the patch no longer fits. {error}",
                hint="Undo the change, or take the patch as a file with --patch-out.",
            ) from error


def write_patch(path: Path, patch: Patch, *, mark: str | None = None) -> None:
    """Write a patch to a file, whole or not at all; an existing file is replaced, a pipe or terminal is written to.

    Args:
        path: the file.
        patch: what to write.
        mark: part of the temporary file's name beside it; a call after a kill, with the same mark, clears that away. None: the process id.

    Raises:
        Undeliverable: the folder does not exist, or cannot be written to.
        DiskFull: no room.
    """
    data = patch.diff.encode()
    with writing(str(path)):
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
            return
        target = path.resolve()
        if target.is_dir():
            raise Undeliverable(f"{path} is a folder.", hint="Name a file in it.")
        replace_file(target, data, mark or str(os.getpid()))


def forget_patch(path: Path, mark: str) -> list[str]:
    """Remove the temporary file that a killed `write_patch` left, and return its path."""
    file = leftover(path.resolve(), mark)
    try:
        file.unlink()
    except OSError:
        return []
    return [str(file)]

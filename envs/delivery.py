"""Puts a patch where the user wants it: into the checkout, on a new branch, or in a file. All or nothing."""

import tempfile
from pathlib import Path

from envs.branch import commit_on_branch
from envs.diffs import paths
from envs.disk import room_for
from envs.errors import PatchConflict, Undeliverable
from envs.files import install, read_file, replace_file, writing
from envs.repository import open_checkout
from envs.trees import Tree
from envs.values import Patch

__all__ = ["apply_to_work_tree", "commit_on_branch", "write_patch"]


def apply_to_work_tree(repository: Path, patch: Patch) -> tuple[str, ...]:
    """Change the user's checkout, with whatever uncommitted work is in it, and return the paths that changed, sorted.

    Bytes are compared and written exactly as they lie on disk, as the base was read: no line-end rule or filter applies. The index
    is not touched. Either every file is changed or none is.

    Raises:
        Undeliverable: the checkout has changed since the base was read, so that the patch no longer applies, or cannot be written.
        DiskFull: no room; nothing was changed.
        PatchRejected: the patch is malformed or leaves the work tree.
        RepositoryUnusable: no such repository.
    """
    top = open_checkout(repository).top
    with room_for("a scratch tree"), tempfile.TemporaryDirectory(prefix="winnow-apply-") as folder:
        tree = Tree(Path(folder))
        tree.fill({path: file for path in paths(patch) if (file := read_file(top, path)) is not None})
        try:
            changes = tree.apply(patch)
        except PatchConflict as error:
            raise Undeliverable(
                f"The checkout has changed since the run began, and the patch no longer fits. {error}",
                hint="Undo the change, or take the patch as a file with --patch-out.",
            ) from error
    install(top, changes)
    return tuple(
        sorted({path for change in changes for path in (change.path, change.renamed_from) if path is not None})
    )


def write_patch(path: Path, patch: Patch) -> None:
    """Write a patch to a file, whole or not at all; an existing file is replaced, a pipe or terminal is written to.

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
        replace_file(target, data)

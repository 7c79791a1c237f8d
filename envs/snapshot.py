"""The repository as it lies on disk now, cut off from its past and its future."""

import os
import re
import tempfile
from pathlib import Path

from packaging.version import InvalidVersion, Version

from envs.archive import new_git_dir, write_archive
from envs.diff_names import quoted
from envs.errors import RepositoryUnusable
from envs.git import Git
from envs.listing import list_files
from envs.repository import Checkout, open_checkout
from envs.values import Snapshot


def take_snapshot(repository: Path, into: Path, *, commit: str | None = None) -> Snapshot:
    """Copy a tree into `into/base.tar`.

    What is on disk is tracked files with uncommitted changes, and untracked ones that are not ignored. Bytes, symbolic links and executable
    bits are kept; no filter or line-end rule applies. The archive's `.git` knows one commit, the same for the same content, and has no
    remotes, tags or hooks. Submodules and clones inside the work tree become plain files of the one tree. The user's repository is only
    read.

    Args:
        repository: any path in the work tree.
        into: an existing folder; also used for scratch files meanwhile.
        commit: a commit of the repository, whose tree is taken instead of what is on disk; None: what is on disk.

    Raises:
        RepositoryUnusable: no such repository or commit, or a file in it cannot be read.
        DiskFull: no room in `into`.
    """
    checkout = open_checkout(repository)
    if commit is not None:
        with tempfile.TemporaryDirectory(dir=into, prefix=".commit-") as folder:
            named = _check_out(checkout, commit, Path(folder))
            taken = take_snapshot(Path(folder), into)
        return taken.model_copy(
            update={
                "head_commit": named,
                "dirty": False,
                "origin": str(checkout.top),
                "version": _version(checkout.git, named),
            }
        )
    listing = list_files(checkout)
    archive = into.absolute() / "base.tar"
    with tempfile.TemporaryDirectory(dir=into, prefix=".base-") as scratch:
        packed = write_archive(checkout.top, listing.paths, archive, Path(scratch))
    head = checkout.git.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return Snapshot(
        archive=str(archive),
        base_commit=packed.base_commit,
        head_commit=head.out.decode().strip() if head.status == 0 else None,
        dirty=listing.dirty,
        origin=str(checkout.top),
        version=_version(checkout.git, "HEAD"),
        files=packed.files,
    )


def _check_out(checkout: Checkout, commit: str, folder: Path) -> str:
    """Lay a commit's files out in a folder, with a repository of its own that borrows the objects; returns the commit's full name."""
    answer = checkout.git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    if answer.status != 0:
        raise RepositoryUnusable(f"There is no commit {commit} in {checkout.top}.", hint="`git log` lists commits.")
    named = answer.out.decode().strip()
    git_dir = folder / ".git"
    new_git_dir(git_dir)
    objects = (checkout.top / os.fsdecode(checkout.git.run("rev-parse", "--git-path", "objects")).strip()).resolve()
    (git_dir / "objects/info/alternates").write_text(f"{quoted(str(objects))}\n")
    git = Git(folder, git_dir=git_dir)
    git.run("read-tree", named)
    git.run("checkout-index", "-a", "-f", "-q")
    return named


def _version(git: Git, commit: str) -> str | None:
    """The version that the closest tag with a number names; None when it names none."""
    answer = git.ask("describe", "--tags", "--abbrev=0", "--match", "*[0-9]*", commit)
    numbers = re.search(r"\d.*", answer.out.decode("utf-8", "replace").strip()) if answer.status == 0 else None
    try:
        return str(Version(numbers[0])) if numbers else None
    except InvalidVersion:
        return None

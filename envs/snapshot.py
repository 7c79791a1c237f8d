"""The repository as it lies on disk now, cut off from its past and its future."""

import re
import tempfile
from pathlib import Path

from packaging.version import InvalidVersion, Version

from envs.archive import write_archive
from envs.git import Git
from envs.listing import list_files
from envs.repository import open_checkout
from envs.values import Snapshot


def take_snapshot(repository: Path, into: Path) -> Snapshot:
    """Copy what is on disk into `into/base.tar`: tracked files with uncommitted changes, and untracked ones that are not ignored.

    Bytes, symbolic links and executable bits are exactly those on disk; no filter or line-end rule applies. The archive's `.git`
    knows one commit, the same for the same content, and has no remotes, tags or hooks. Submodules and clones inside the work tree
    become plain files of the one tree. The user's repository is only read.

    Args:
        repository: any path in the work tree.
        into: an existing folder; also used for scratch files meanwhile.

    Raises:
        RepositoryUnusable: no such repository, or a file in it cannot be read.
        DiskFull: no room in `into`.
    """
    checkout = open_checkout(repository)
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
        version=_version(checkout.git),
        files=packed.files,
    )


def _version(git: Git) -> str | None:
    """The version that the closest tag with a number names; None when it names none."""
    answer = git.ask("describe", "--tags", "--abbrev=0", "--match", "*[0-9]*")
    numbers = re.search(r"\d.*", answer.out.decode("utf-8", "replace").strip()) if answer.status == 0 else None
    try:
        return str(Version(numbers[0])) if numbers else None
    except InvalidVersion:
        return None

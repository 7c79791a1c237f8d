"""Where a task's repository comes from: local copies of it, or an address."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from envs.datasets.values import Record
from envs.disk import room_for
from envs.errors import RepositoryUnusable
from envs.git import Git
from sandbox.values import Value

URL = "https://github.com/{repository}.git"
_FETCH = {"GIT_ALLOW_PROTOCOL": "file:https:http:ssh:git"}
"""The one place where git may use the network: it fetches one commit into an empty repository."""
_HINT = "Name a folder of repositories with --mirror, or an address with --repository-url."


class Sources(Value):
    """Where repositories are looked for."""

    mirrors: tuple[str, ...] = ()
    """Folders of repositories, bare or not: OWNER__NAME.git, OWNER/NAME.git, OWNER__NAME, OWNER/NAME. They are asked first."""
    url: str | None = URL
    """Address with `{repository}` (OWNER/NAME), `{owner}` or `{name}` in it. None: mirrors alone."""

    def mirror_of(self, repository: str) -> Path | None:
        """Return the local copy of a repository; None when there is none."""
        for folder in self.mirrors:
            for name in (repository.replace("/", "__"), repository):
                for path in (Path(folder, f"{name}.git"), Path(folder, name)):
                    if (path / "objects").is_dir() or (path / ".git").exists():
                        return path.absolute()
        return None

    def address_of(self, repository: str) -> str | None:
        """Return the address of a repository; None when addresses are off."""
        owner, _, name = repository.partition("/")
        return self.url.format(repository=repository, owner=owner, name=name) if self.url else None


class Checkout(NamedTuple):
    """A work tree of one commit, without history before or after it."""

    folder: Path
    commit: str
    """Full hash."""
    date: str
    """Of the commit, YYYY-MM-DD."""
    version: str | None
    """What the project would call itself there, by its tags; None where they are not known."""


def check_out(record: Record, sources: Sources, folder: Path, *, commit: str = "") -> Checkout:
    """Make a work tree of the task's base commit.

    Args:
        record: names the repository and the commit.
        sources: where to look.
        folder: an empty folder, or one that does not exist.
        commit: another one than the base.

    Raises:
        RepositoryUnusable: nobody has the repository or the commit.
        DiskFull: no room in `folder`.
    """
    wanted = commit or record.base_commit
    mirror = sources.mirror_of(record.repository)
    address = f"file://{mirror}" if mirror else sources.address_of(record.repository)
    if address is None:
        raise RepositoryUnusable(f"There is no copy of {record.repository} here.", hint=_HINT)
    with room_for("the repository"):
        folder.mkdir(parents=True, exist_ok=True)
    git = Git(folder, git_dir=folder / ".git", work_tree=folder)
    git.run("init", "-q")
    fetched = git.ask("fetch", "-q", "--depth=1", "--no-tags", address, wanted, env=_FETCH)
    if fetched.status:
        raise RepositoryUnusable(
            f"The commit {wanted[:12]} of {record.repository} cannot be had from {address}: {fetched.reason}.",
            hint=_HINT,
        )
    git.run("checkout", "-q", "--detach", "FETCH_HEAD")
    for name in ("FETCH_HEAD", "ORIG_HEAD"):
        (folder / ".git" / name).unlink(missing_ok=True)
    full, date = git.run("show", "-s", "--format=%H %cs", "HEAD").decode().split()
    return Checkout(folder, full, date, _version(mirror, full) if mirror else None)


@contextmanager
def checked_out(record: Record, sources: Sources, *, commit: str = "") -> Iterator[Checkout]:
    """Make a work tree for a while; see `check_out`."""
    with tempfile.TemporaryDirectory(prefix="winnow-tree-") as folder:
        yield check_out(record, sources, Path(folder), commit=commit)


def _version(mirror: Path, commit: str) -> str | None:
    """The next development version after the closest tag, as setuptools_scm guesses it."""
    answer = Git(mirror, git_dir=mirror if (mirror / "objects").is_dir() else mirror / ".git").ask(
        "describe", "--tags", "--long", "--match", "*[0-9]*", commit
    )
    said = re.fullmatch(r"\D*(\d.*)-(\d+)-g[0-9a-f]+", answer.out.decode("utf-8", "replace").strip())
    if answer.status or not said:
        return None
    try:
        tag = Version(said[1])
    except InvalidVersion:
        return None
    if said[2] == "0":
        return str(tag)
    if tag.pre or tag.dev is not None:
        return f"{tag.base_version}.dev{said[2]}"
    *first, last = tag.release
    return ".".join(map(str, (*first, last + 1))) + f".dev{said[2]}"

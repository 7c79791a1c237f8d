"""Writes the base: a tar file of a tree, and a `.git` of one commit in front of it."""

import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from envs.disk import room_for
from envs.errors import RepositoryUnusable
from envs.git import Git

BRANCH = "refs/heads/main"
_WHO = b"Winnow <winnow@localhost> 1000000000 +0000"
_MTIME = 1_000_000_000  # like the commit's date: equal content gives equal archives, and zip files accept it (not before 1980)
_CHUNK = 1 << 20

CONFIG = """[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = false
[user]
\tname = Winnow
\temail = winnow@localhost
"""

# Whatever the tree's .gitattributes say, git passes bytes through as they are. This file outranks them. An encoding cannot be
# unset with `-`, because git takes that for the name of one.
ATTRIBUTES = "* -text !eol -ident -filter !working-tree-encoding !diff !merge -export-subst -export-ignore\n"


class Packed(NamedTuple):
    """What was written."""

    base_commit: str
    files: int


def new_git_dir(folder: Path, *, attributes: str = ATTRIBUTES) -> None:
    """Make an empty git directory that has no hooks and no remotes, and whose unborn branch is `BRANCH`."""
    for name in ("objects/pack", "objects/info", "refs/heads", "info"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text(f"ref: {BRANCH}\n")
    (folder / "config").write_text(CONFIG)
    (folder / "info/attributes").write_text(attributes)


def write_archive(top: Path, paths: Iterable[bytes], archive: Path, scratch: Path) -> Packed:
    """Read each file once, into a commit and into a tar file, and put both together.

    Sockets, pipes, devices and files that are gone are left out. Every member has the same owner and date, so that equal trees
    give equal archives.

    Args:
        top: where the paths start.
        paths: relative, sorted.
        archive: what is made; replaced at once when everything is there.
        scratch: an empty folder on the same file system.

    Raises:
        RepositoryUnusable: a file cannot be read, or changed while it was read.
        DiskFull: no room for the archive.
    """
    git_dir, body, whole = scratch / ".git", scratch / "body.tar", scratch / "whole.tar"
    with room_for("the base archive"):
        new_git_dir(git_dir)
        git = Git(scratch, git_dir=git_dir, config={"core.compression": "1", "fastimport.unpackLimit": "0"})
        with _tar(body) as tar, git.feed("fast-import", "--quiet") as commits:
            files = _copy(top, paths, tar, commits)
        git.run("read-tree", BRANCH)
        with _tar(whole) as tar:
            for path in (git_dir, *sorted(git_dir.rglob("*"))):
                _add_own(tar, path, scratch)
        # The first archive ends where its end mark begins, which is where the second one goes on.
        with whole.open("r+b") as target, body.open("rb") as source:
            target.seek(tar.offset - 2 * tarfile.BLOCKSIZE)
            target.truncate()
            shutil.copyfileobj(source, target, _CHUNK)
        commit = git.run("rev-parse", BRANCH).decode().strip()
        whole.replace(archive)
    return Packed(commit, files)


def _copy(top: Path, paths: Iterable[bytes], tar: tarfile.TarFile, commits: IO[bytes]) -> int:
    commits.write(b"commit %s\ncommitter %s\ndata 4\nbase\n" % (BRANCH.encode(), _WHO))
    folders: dict[bytes, bool] = {b"": True}
    made = {b""}
    files = 0
    for path in paths:
        parent = path.rpartition(b"/")[0]
        if not _is_folder(top, parent, folders):
            continue
        status = _status(top, path)
        if status is None or not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            continue
        for folder in _missing(parent, made):
            tar.addfile(_member(folder, tarfile.DIRTYPE, 0o755))
        _copy_one(top, path, status, tar, commits)
        files += 1
    return files


def _copy_one(top: Path, path: bytes, status: os.stat_result, tar: tarfile.TarFile, commits: IO[bytes]) -> None:
    if stat.S_ISLNK(status.st_mode):
        with _reading(path):
            target = os.readlink(_full(top, path))  # noqa: PTH115 (a Path would tidy the bytes up)
        member = _member(path, tarfile.SYMTYPE, 0o777)
        member.linkname = target.decode("utf-8", "surrogateescape")
        commits.write(b"M 120000 inline %s\ndata %d\n%s\n" % (_quoted(path), len(target), target))
        tar.addfile(member)
        return
    with _reading(path):
        source = os.open(_full(top, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(source, "rb", buffering=0) as file:
        size = os.fstat(source).st_size
        executable = bool(status.st_mode & stat.S_IXUSR)
        member = _member(path, tarfile.REGTYPE, 0o755 if executable else 0o644)
        member.size = size
        commits.write(b"M %s inline %s\ndata %d\n" % (b"100755" if executable else b"100644", _quoted(path), size))
        tar.addfile(member, _Tee(file, path, commits))
        commits.write(b"\n")


class _Tee(io.RawIOBase):
    """Reads a file and passes what it read on."""

    def __init__(self, source: IO[bytes], path: bytes, sink: IO[bytes]) -> None:
        self._source, self._path, self._sink = source, path, sink

    def read(self, size: int = -1) -> bytes:
        with _reading(self._path):
            data = self._source.read(size)
        if len(data) < size:
            raise _unreadable(self._path, "it was changed while it was read")
        self._sink.write(data)
        return data


def _is_folder(top: Path, path: bytes, known: dict[bytes, bool]) -> bool:
    """False when a parent is a symbolic link or gone: git counts what lies behind it as deleted."""
    if path not in known:
        status = _status(top, path) if _is_folder(top, path.rpartition(b"/")[0], known) else None
        known[path] = status is not None and stat.S_ISDIR(status.st_mode)
    return known[path]


def _missing(path: bytes, made: set[bytes]) -> Iterator[bytes]:
    """Folders that the archive lacks, outermost first: some unpackers give folders that are not listed to another owner."""
    if path not in made:
        yield from _missing(path.rpartition(b"/")[0], made)
        made.add(path)
        yield path


def _status(top: Path, path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(_full(top, path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error


@contextmanager
def _reading(path: bytes) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _unreadable(path, "it was deleted while it was read") from error
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error


def _unreadable(path: bytes, why: str) -> RepositoryUnusable:
    name = path.decode("utf-8", "backslashreplace")
    hint = "Try again when nothing writes to it." if "while" in why else "Change its permissions, or ignore it."
    return RepositoryUnusable(f"The file {name!r} cannot be read: {why}.", hint=hint)


def _tar(path: Path) -> tarfile.TarFile:
    # GNU headers carry names as plain bytes; not every unpacker reads the mark by which pax says that a name is not UTF-8.
    return tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape")


def _member(path: bytes, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path.decode("utf-8", "surrogateescape"))
    member.type, member.mode, member.mtime = kind, mode, _MTIME
    return member


def _add_own(tar: tarfile.TarFile, path: Path, scratch: Path) -> None:
    name = os.fsencode(path.relative_to(scratch))
    if path.is_dir():
        tar.addfile(_member(name, tarfile.DIRTYPE, 0o755))
        return
    member = _member(name, tarfile.REGTYPE, 0o644)
    member.size = path.stat().st_size
    with path.open("rb") as file:
        tar.addfile(member, file)


def _full(top: Path, path: bytes) -> bytes:
    return os.fsencode(top) + b"/" + path


def _quoted(path: bytes) -> bytes:
    return b'"' + path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'

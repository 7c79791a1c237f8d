"""Files of the machine, read and written for the owner with the rights of its commands."""

import errno
import os
import stat

from sandbox.inside.wire import Line, Refused, encode

MYPY = False
if MYPY:  # see wire
    import tarfile
    from collections.abc import Callable
    from typing import Any

PIECE = 1 << 20


def read(line: Line, path: bytes, max_bytes: int) -> None:
    """Answer with a regular file's content; a pipe or a device would block or never end."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    line.post(b"D", None, data)


def write(line: Line, path: bytes, data: bytes, mode: int) -> None:
    """Create or replace a file, with its parent folders."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fchmod(fd, mode)
    line.post(b"K")


class Incoming:
    """The data frames of one upload, as a file that can be read once."""

    def __init__(self, line: Line) -> None:
        self.line, self.rest, self.ended = line, b"", False

    def read(self, size: int) -> bytes:
        """Return that many bytes, fewer at the end."""
        parts = []
        while size and not self.ended:
            if not self.rest:
                kind, _, self.rest = self.line.receive()
                self.ended = kind == b"Z"
                continue
            part, self.rest = self.rest[:size], self.rest[size:]
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def skip(self) -> None:
        """Read to the end, so that the next frame is a request again."""
        while not self.ended:
            self.read(PIECE)


def unpack(line: Line, to: bytes) -> None:
    """Unpack the tar stream that follows.

    Links are made as they are and never followed: no member may lie beneath one, whether it came from the archive or was
    there before.
    """
    import tarfile  # noqa: PLC0415  (megabytes and milliseconds that most machines can do without)

    incoming = Incoming(line)
    umask = os.umask(0)  # open() then sets each file's mode in the same call
    try:
        os.makedirs(to, 0o755, exist_ok=True)
        safe = {os.path.realpath(to)}
        source: Any = incoming
        with tarfile.open(fileobj=source, mode="r|*", encoding="utf-8", errors="surrogateescape") as archive:
            for member in archive:
                extract(archive, member, os.path.realpath(to), safe)
                archive.members = []  # type: ignore[attr-defined]  # the stream keeps every header otherwise
    except (tarfile.TarError, EOFError, OverflowError) as error:
        raise Refused(f"not a readable tar file: {error}") from None
    finally:
        os.umask(umask)
        incoming.skip()
    line.post(b"K")


def extract(archive: "tarfile.TarFile", member: "tarfile.TarInfo", root: bytes, safe: "set[bytes]") -> None:
    """Create one member below `root`; `safe` remembers folders that are known to be no links."""
    path = inside(root, member.name)
    parent = os.path.dirname(path)
    if path == root:
        return
    ensure(parent, safe)
    if member.isdir():
        ensure(path, safe)
        os.chmod(path, member.mode & 0o777 | 0o700)
        return
    if path in safe or (os.path.isdir(path) and not os.path.islink(path)):
        raise Refused(f"a folder is in the way of {member.name!r}")
    if member.issym():
        fresh(lambda: os.symlink(encode(member.linkname), path), path)
    elif member.islnk():
        source = inside(root, member.linkname)
        ensure(os.path.dirname(source), safe)
        fresh(lambda: os.link(source, path, follow_symlinks=False), path)
    elif member.isreg():
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = fresh(lambda: os.open(path, flags, member.mode & 0o777), path)
        with os.fdopen(fd, "wb", buffering=0) as file:
            content = archive.extractfile(member)
            assert content
            for piece in iter(lambda: content.read(PIECE), b""):
                view = memoryview(piece)
                while view:
                    view = view[file.write(view) :]
            os.utime(fd, (member.mtime, member.mtime))
    else:
        raise Refused(f"{member.name!r} is neither file, folder nor link")


def inside(root: bytes, name: str) -> bytes:
    """Return the path of a member, which must lie below `root` by its name alone."""
    parts = [part for part in encode(name).split(b"/") if part not in (b"", b".")]
    if name.startswith("/") or b".." in parts:
        raise Refused(f"{name!r} lies outside the folder")
    return os.path.join(root, *parts)


def ensure(folder: bytes, safe: "set[bytes]") -> None:
    """Make a folder and those above it, up to one that is known to be safe; none may be a link."""
    unknown = []
    while folder not in safe:
        unknown.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(unknown):
        try:
            os.mkdir(path, 0o755)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise Refused(f"{path!r} is no folder, and something lies beneath it") from None
        safe.add(path)


def fresh(create: "Callable[[], Any]", path: bytes) -> "Any":
    """Create a name; what bears it already gives way."""
    try:
        return create()
    except FileExistsError:
        os.unlink(path)
        return create()

"""What a confined local machine sees of the system: an allow-list, decided here and mounted by bubblewrap or by ourselves."""

import os
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from sandbox.errors import SandboxUnavailable
from sandbox.values import SandboxSpec

SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "nix", "snap")
"""Folders of the root that are shown, read-only. Homes, /tmp, /run, /var, /mnt, /media and the rest do not exist inside."""

UID = 1000
"""User and group number of commands inside."""
OUTER_UID = 64317
"""User and group number outside when Winnow runs as root: one that nothing else uses."""
SHM_MB = 64
HOME = "/tmp/home"  # noqa: S108  (inside; a private tmpfs)


class Mount(NamedTuple):
    """One step of building the file system, in order."""

    kind: Literal["readonly", "writable", "link", "tmpfs"]
    path: str
    """Absolute, inside; for binds the same outside."""
    detail: str = ""
    """Target of a link; size in bytes of a tmpfs."""
    mode: int = 0o755
    """Permissions of a tmpfs."""


def as_root() -> bool:
    """Winnow runs as root, so that commands must be given another user."""
    return os.geteuid() == 0


def interpreter() -> tuple[str, tuple[str, ...]]:
    """Return a Python that exists inside, and folders that must be shown for it."""
    system = Path("/usr/bin/python3")
    if system.exists():
        return str(system), ()
    own = Path(sys.base_prefix).resolve()
    return str(own / "bin" / f"python3.{sys.version_info.minor}"), (str(own),)


def mounts(spec: SandboxSpec, shown: tuple[str, ...] = ()) -> list[Mount]:
    """Return the steps that build a machine's file system; parents come before what lies beneath them.

    Args:
        spec: names the work tree, its size, and further paths to show.
        shown: further read-only paths, of the interpreter.

    Raises:
        SandboxUnavailable: a path to show does not exist or is not absolute.
    """
    steps = [_system(Path("/", name)) for name in SYSTEM if Path("/", name).exists()]
    shared = {path: Mount("readonly", path) for path in (*shown, *spec.readonly, *_resolver(spec))}
    shared |= {path: Mount("writable", path) for path in spec.writable}
    for path in shared:
        if not path.startswith("/") or not Path(path).exists():
            raise SandboxUnavailable(f"cannot show {path!r} in the sandbox: no such file or folder")
    disk = str(spec.disk_mb << 20)
    private = [
        Mount("tmpfs", "/tmp", disk, 0o1777),  # noqa: S108  (inside)
        Mount("tmpfs", spec.workdir, disk),
        *shared.values(),
    ]
    private.sort(key=lambda mount: mount.path.rstrip("/").count("/"))
    return [*steps, Mount("link", "/var/tmp", "/tmp"), *private]  # noqa: S108  (inside)


def _system(path: Path) -> Mount:
    return Mount("link", str(path), str(path.readlink())) if path.is_symlink() else Mount("readonly", str(path))


def _resolver(spec: SandboxSpec) -> list[str]:
    """With network, the file that /etc/resolv.conf points to, which is often under the hidden /run."""
    target = Path("/etc/resolv.conf").resolve()
    return [str(target)] if spec.network and target.exists() and not target.is_relative_to("/etc") else []

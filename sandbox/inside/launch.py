"""Builds the file system of a confined machine and becomes its supervisor.

Runs as PID 1 in fresh mount, PID, network, IPC and UTS namespaces, with the power to mount in them. Its only argument is
a JSON object: `mounts`, the steps of `sandbox.view`, and `argv`, the program to become.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys

from sandbox.inside import lockdown

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, SLAVE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 19
DETACH = 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
MOUNT_SETATTR = 442
"""System call number, the same on every architecture (Linux 5.12)."""
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

BASE = "/tmp"  # noqa: S108  (any folder will do: a tmpfs is put on it and becomes the root)
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise OSError when a system call failed."""
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount, or raise OSError."""
    parts = [os.fsencode(part) for part in (source, target, kind)]
    check(libc.mount(*parts, ctypes.c_ulong(flags), os.fsencode(options)), f"mount {target}")


def pivot(new: str, old: str) -> None:
    """Make `new` the root and put the old one on `old`."""
    number = PIVOT_ROOT[os.uname().machine]
    check(libc.syscall(ctypes.c_long(number), os.fsencode(new), os.fsencode(old)), "pivot_root")


def bind(path: str, writable: bool) -> None:
    """Show a path of the old root, with everything mounted beneath it."""
    source, target = "/old" + path, "/new" + path
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_RDONLY, 0o644))
    mount(source, target, flags=BIND | REC)
    attributes = (ctypes.c_uint64 * 4)(ATTR_NOSUID | ATTR_NODEV | (0 if writable else ATTR_RDONLY), 0, 0, 0)
    result = libc.syscall(
        ctypes.c_long(MOUNT_SETATTR),
        ctypes.c_int(AT_FDCWD),
        os.fsencode(target),
        ctypes.c_uint(AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    check(result, f"mount_setattr {path}")


def devices(shm: str) -> None:
    """Make a minimal /dev: the harmless devices, terminals of its own, shared memory of limited size."""
    os.mkdir("/new/dev")
    mount("tmpfs", "/new/dev", "tmpfs", NOSUID | NOEXEC, "mode=755,size=65536")
    for name in DEVICES:
        os.close(os.open("/new/dev/" + name, os.O_CREAT | os.O_RDONLY, 0o644))
        mount("/old/dev/" + name, "/new/dev/" + name, flags=BIND)
    for name, target in LINKS.items():
        os.symlink(target, "/new/dev/" + name)
    os.mkdir("/new/dev/pts")
    mount("devpts", "/new/dev/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    os.mkdir("/new/dev/shm")
    mount("tmpfs", "/new/dev/shm", "tmpfs", NOSUID | NODEV, f"mode=1777,size={shm}")
    mount("none", "/new/dev", flags=REMOUNT | BIND | RDONLY | NOSUID | NOEXEC)


def build(steps: "list[list[str]]", shm: str) -> None:
    """Mount a new root at /new beside the old one at /old, then leave the old one."""
    mount("none", "/", flags=REC | SLAVE)
    mount("tmpfs", BASE, "tmpfs", NOSUID | NODEV, "mode=755")
    os.mkdir(BASE + "/old")
    os.mkdir(BASE + "/new")
    mount(BASE + "/new", BASE + "/new", flags=BIND)
    pivot(BASE, BASE + "/old")
    os.chdir("/")
    mount("tmpfs", "/new", "tmpfs", NOSUID | NODEV, "mode=755,size=1048576")
    for kind, path, detail, mode in steps:
        if kind == "link":
            os.makedirs("/new" + os.path.dirname(path), exist_ok=True)
            os.symlink(detail, "/new" + path)
        elif kind == "tmpfs":
            os.makedirs("/new" + path, exist_ok=True)
            mount("tmpfs", "/new" + path, "tmpfs", NOSUID | NODEV, f"mode={int(mode):o},size={detail}")
        else:
            bind(path, kind == "writable")
    devices(shm)
    os.mkdir("/new/proc")
    mount("proc", "/new/proc", "proc", NOSUID | NODEV | NOEXEC)
    mount("none", "/new", flags=REMOUNT | BIND | RDONLY | NOSUID | NODEV)
    check(libc.umount2(b"/old", DETACH), "umount")
    os.chdir("/new")
    pivot(".", ".")
    check(libc.umount2(b".", DETACH), "umount")
    os.chdir("/")


def loopback() -> None:
    """Bring up the loopback interface, which a fresh network namespace leaves down; tests start servers on it."""
    with socket.socket() as probe:
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING


def main() -> None:
    """Build, drop the power to mount, become the supervisor."""
    config = json.loads(sys.argv[1])
    os.umask(0o022)
    if not config["network"]:
        loopback()
    build(config["mounts"], config["shm"])
    lockdown.prctl(lockdown.PR_CAP_AMBIENT, lockdown.PR_CAP_AMBIENT_CLEAR_ALL)
    os.execv(config["argv"][0], config["argv"])  # noqa: S606  (an argument list by design)

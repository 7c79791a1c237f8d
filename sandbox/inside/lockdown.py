"""What the supervisor takes from itself, and so from every command, before the first one runs."""

import ctypes
import errno
import os
import resource
import struct
import sys

MYPY = False
if MYPY:  # annotations are strings; importing typing takes milliseconds of every start
    from typing import Any

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 22, 36, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
CLONE_NEWUSER = 0x10000000

ARCHITECTURES = {
    "x86_64": (0xC000003E, {"prlimit64": 302, "unshare": 272, "clone": 56, "clone3": 435}),
    "aarch64": (0xC00000B7, {"prlimit64": 261, "unshare": 97, "clone": 220, "clone3": 435}),
}
"""AUDIT_ARCH constant and system call numbers, by `os.uname().machine`."""


def prctl(option: int, argument: int = 0, pointer: "Any" = None) -> None:
    """Ask the kernel; raise OSError when it refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(argument), pointer, ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def become(outer: int, uid: int, folders: "list[str]") -> None:
    """Change from root to an ordinary user in a user namespace of its own, for good.

    Args:
        outer: user and group number outside.
        uid: the same inside.
        folders: handed over to the new user, with everything in them.
    """
    for folder in folders:
        hand_over(folder, outer)
    parent = os.getpid()
    reader, writer = os.pipe()
    helper = os.fork()
    if not helper:  # only a process outside may map the namespace's numbers to others than its own
        os.close(writer)
        os.read(reader, 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{parent}/{name}", "w") as file:
                file.write(f"{uid} {outer} 1")
        os._exit(0)
    os.close(reader)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "no user namespace")
    os.close(writer)
    if os.waitpid(helper, 0)[1]:
        raise OSError(errno.EPERM, "cannot map user numbers")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    drop(libc)
    prctl(PR_SET_DUMPABLE, 1)  # the change took our own /proc files from us; `seal` comes after the last use of them


def hand_over(folder: str, uid: int) -> None:
    """Give a folder and all beneath it to a user: links themselves, and nothing that is mounted read-only in it."""
    os.lchown(folder, uid, uid)
    for path, folders, names in os.walk(folder):
        for name in (*folders, *names):
            try:
                os.lchown(os.path.join(path, name), uid, uid)
            except OSError as error:
                if error.errno != errno.EROFS:
                    raise
                if name in folders:
                    folders.remove(name)


def drop(libc: "ctypes.CDLL") -> None:
    """Give up every capability of this process."""
    version = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    if libc.capset(version, ctypes.create_string_buffer(24)):
        raise OSError(ctypes.get_errno(), "cannot drop capabilities")


def limit(rlimits: "dict[str, int]", cores: "list[int]") -> None:
    """Set limits, soft and hard, that every command inherits."""
    for name, value in dict(rlimits, CORE=0).items():
        kind = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))
    if cores:
        os.sched_setaffinity(0, cores)
    os.umask(0o022)


def seal() -> None:
    """Make this process, PID 1 of its namespace, untouchable for commands of the same user.

    Not dumpable: its memory, descriptors and environment are closed to them, so they cannot forge frames. No new
    privileges: set-user-id programs gain nothing. System call filter: see `forbid`. Signals need nothing: the kernel
    keeps those without a handler from PID 1.
    """
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    forbid()


def adopt() -> None:
    """On a shared machine: orphans of our commands become our children and can be found. Linux only."""
    if sys.platform == "linux":
        prctl(PR_SET_CHILD_SUBREAPER, 1)


def forbid() -> None:
    """Install a seccomp filter: no nested user namespaces, no resource limits put on PID 1.

    clone3 passes its flags in memory, which a filter cannot read; it is reported as missing, and libc falls back to clone.
    """
    if os.uname().machine not in ARCHITECTURES:
        return
    code = program(*ARCHITECTURES[os.uname().machine])
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("HP", len(code) // 8, ctypes.addressof(buffer)))
    try:
        prctl(PR_SET_SECCOMP, 2, header)
    except OSError as error:  # emulated processors have none; it is the second fence, not the first
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise


def program(arch: int, number: "dict[str, int]") -> bytes:
    """Assemble the filter."""
    allow, refuse, missing = 0x7FFF0000, 0x00050001, 0x00050026  # ALLOW, ERRNO|EPERM, ERRNO|ENOSYS
    load, equal, above, masked, give = 0x20, 0x15, 0x35, 0x45, 0x06
    call, architecture, argument = 0, 4, 16  # offsets in struct seccomp_data
    # Each line: operation, jump if true, jump if false (instructions to skip), operand.
    lines = [
        (load, 0, 0, architecture),
        (equal, 1, 0, arch),
        (give, 0, 0, missing),
        (load, 0, 0, call),
        (above, 9, 0, 0x40000000),  # the x32 twins of every call
        (equal, 8, 0, number["clone3"]),
        (equal, 4, 0, number["unshare"]),
        (equal, 3, 0, number["clone"]),
        (equal, 0, 4, number["prlimit64"]),
        (load, 0, 0, argument),
        (equal, 4, 2, 1),
        (load, 0, 0, argument),
        (masked, 2, 0, CLONE_NEWUSER),
        (give, 0, 0, allow),
        (give, 0, 0, missing),
        (give, 0, 0, refuse),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)

"""Confined machines by bubblewrap (bwrap)."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sandbox.confined import confined, confinement, possible, probe
from sandbox.errors import SandboxUnavailable
from sandbox.local import supervisor
from sandbox.port import Sandbox
from sandbox.values import Availability, SandboxSpec
from sandbox.view import SHM_MB, UID, Mount, as_root, interpreter, mounts

OLDEST = (0, 7)
"""The first version that limits the size of a tmpfs."""
INSTALL = "Install the package bubblewrap, 0.7 or later."


class BubblewrapProvider:
    """Opens machines made by bubblewrap."""

    kind = "bubblewrap"

    def check(self) -> Availability:
        """See `SandboxProvider.check`."""
        try:
            detail = "bubblewrap " + ".".join(map(str, _version(_tool())))
        except SandboxUnavailable as error:
            return Availability(kind=self.kind, available=False, detail=str(error), hint=error.hint)
        return probe(self.kind, self.open(SandboxSpec(lifetime_s=60)), detail)

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """See `SandboxProvider.open`."""
        return self._open(spec)

    @contextmanager
    def _open(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        possible()
        python, shown = interpreter()
        argv = [_tool(), *_flags(spec)]
        for step in mounts(spec, shown):
            argv += _mount(step)
        argv += ["--perms", "1777", "--size", str(SHM_MB << 20), "--tmpfs", "/dev/shm"]  # noqa: S108  (inside)
        argv += ["--remount-ro", "/dev", "--remount-ro", "/", "--"]
        argv += supervisor([python], confinement(spec))
        with confined(self.kind, argv, spec, package="bubblewrap") as sandbox:
            yield sandbox


def _tool() -> str:
    tool = shutil.which("bwrap")
    if not tool:
        raise SandboxUnavailable("there is no bwrap command", hint=INSTALL)
    return tool


def _version(tool: str) -> tuple[int, ...]:
    printed = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(map(int, re.findall(r"\d+", printed)))
    if version < OLDEST:
        raise SandboxUnavailable(f"{printed.strip() or 'bwrap'} is too old", hint=INSTALL)
    return version


def _flags(spec: SandboxSpec) -> list[str]:
    flags = [
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--hostname",
        "sandbox",
        "--as-pid-1",
        "--cap-drop",
        "ALL",
    ]
    if not spec.network:
        flags.append("--unshare-net")
    if as_root():  # the supervisor changes to an ordinary user: bubblewrap can only map root to another number
        for capability in ("CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"):
            flags += ["--cap-add", capability]
    else:
        flags += ["--unshare-user", "--uid", str(UID), "--gid", str(UID)]
    return [*flags, "--proc", "/proc", "--dev", "/dev"]


def _mount(step: Mount) -> list[str]:
    if step.kind == "link":
        return ["--symlink", step.detail, step.path]
    if step.kind == "tmpfs":
        return ["--perms", f"{step.mode:o}", "--size", step.detail, "--tmpfs", step.path]
    return ["--ro-bind" if step.kind == "readonly" else "--bind", step.path, step.path]

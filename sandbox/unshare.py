"""Confined machines by namespaces alone: util-linux and our own mounts."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sandbox.bundle import program
from sandbox.confined import confined, confinement, possible, probe
from sandbox.errors import SandboxUnavailable
from sandbox.local import supervisor
from sandbox.port import Sandbox
from sandbox.values import Availability, SandboxSpec
from sandbox.view import SHM_MB, UID, as_root, interpreter, mounts


class UnshareProvider:
    """Opens machines made of Linux namespaces; needs nothing but util-linux and a kernel that permits it."""

    kind = "unshare"

    def check(self) -> Availability:
        """See `SandboxProvider.check`."""
        return probe(self.kind, self.open(SandboxSpec(lifetime_s=60)), "util-linux unshare")

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """See `SandboxProvider.open`."""
        return self._open(spec)

    @contextmanager
    def _open(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        possible()
        tool = shutil.which("unshare")
        if not tool:
            raise SandboxUnavailable("there is no unshare command", hint="Install the package util-linux.")
        python, shown = interpreter()
        config = {
            "mounts": mounts(spec, shown),
            "shm": str(SHM_MB << 20),
            "network": spec.network,
            "argv": supervisor([python], confinement(spec)),
        }
        launcher = [sys.executable, "-I", "-S", "-c", *program("lockdown", "launch"), json.dumps(config)]
        with confined(self.kind, [tool, *_flags(spec), "--", *launcher], spec, package="util-linux") as sandbox:
            yield sandbox


def _flags(spec: SandboxSpec) -> list[str]:
    flags = ["--mount", "--pid", "--fork", "--ipc", "--uts", "--kill-child"]
    if not spec.network:
        flags.append("--net")
    if not as_root():
        flags += ["--user", f"--map-user={UID}", f"--map-group={UID}", "--keep-caps"]
    return flags

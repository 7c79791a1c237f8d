"""Who opened a machine, said so that it can be found out later whether they are still there."""

import os
import socket
from functools import cache
from pathlib import Path
from typing import Literal

from sandbox.values import Value


class Owner(Value):
    """A process, told apart from a later one with the same number."""

    pid: int
    started: str
    """Clock ticks after boot at which it started; empty where there is no /proc."""
    boot: str
    """Names this boot of the machine and this PID namespace."""
    host: str

    def state(self) -> Literal["alive", "gone", "unknown"]:
        """Say whether the process still runs. Unknown: it runs, or ran, on another machine or in another container."""
        here = me()
        if self.host != here.host:
            return "unknown"
        if self.boot.partition("/")[0] != here.boot.partition("/")[0]:
            return "gone"
        if self.boot != here.boot:
            return "unknown"
        return "alive" if _started(self.pid) == self.started and _exists(self.pid) else "gone"


def me() -> Owner:
    """Return this process as an owner."""
    return _process(os.getpid())


@cache
def _process(pid: int) -> Owner:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        boot = namespace = ""
    return Owner(pid=pid, started=_started(pid), boot=f"{boot}/{namespace}", host=socket.gethostname())


def _started(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

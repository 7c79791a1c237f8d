"""Everything that runs because of a command: found, weighed, killed and reaped."""

import contextlib
import os
import resource
import select
import signal
import time

KILL_PATIENCE = 10.0
"""Seconds until processes that survive SIGKILL (stuck in the kernel) make the machine give up."""


class Processes:
    """Everything that runs because of a command: found, weighed, killed and reaped."""

    def __init__(self, init: bool, memory: int) -> None:
        self.init, self.memory = init, memory
        self.statuses: dict[int, tuple[int, float]] = {}
        self.group = 0
        self.wake, waker = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)

        self.oom = os.open("/proc/self/oom_score_adj", os.O_WRONLY) if init else -1

    def expose(self, to_the_killer: bool) -> None:
        """While a command is being started, take the score that it shall inherit: the kernel out of memory spares us."""
        if self.oom >= 0:
            os.write(self.oom, b"500" if to_the_killer else b"0")

    def reap(self) -> bool:
        """Collect the dead; say whether anything is alive still."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 4096)
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            self.statuses[pid] = code, usage.ru_utime + usage.ru_stime

    def kill(self) -> None:
        """Kill everything and wait until it is gone. Orphans come to us, so no child means no descendant."""
        deadline = time.monotonic() + KILL_PATIENCE
        while self.reap():
            if time.monotonic() > deadline:
                raise RuntimeError("processes that survive SIGKILL")
            for pid in [-1] if self.init else self.alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            select.select([self.wake], [], [], 0.01)

    def alive(self) -> "list[int]":
        """Process ids: in a namespace of our own all but us, else our descendants."""
        try:
            pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        except OSError:  # no /proc (macOS): only the group of the command is known
            return [-self.group]
        if self.init:
            return [pid for pid in pids if pid != 1]
        parents = {}
        for pid in pids:
            try:
                with open(f"/proc/{pid}/stat", "rb") as file:
                    parents[pid] = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
        family = {os.getpid()}
        for _ in parents:
            more = {pid for pid, parent in parents.items() if parent in family} - family
            if not more:
                break
            family |= more
        return list(family - {os.getpid()})

    def too_big(self) -> bool:
        """Resident memory is over the limit. Shared pages count once, but only looked at when a quick sum is over."""
        if not self.memory:
            return False
        pids = self.alive()
        return sum(map(resident, pids)) > self.memory and sum(map(proportional, pids)) > self.memory


def resident(pid: int) -> int:
    """Bytes; 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def proportional(pid: int) -> int:
    """Bytes, each shared page divided among its sharers; the resident size when the process hides."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for row in file:
                if row.startswith(b"Pss:"):
                    return int(row.split()[1]) << 10
    except OSError:
        pass
    return resident(pid)

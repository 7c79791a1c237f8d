"""Work done item by item in forked children, so that no item can hurt the next.

A child reports when it starts and ends each item. One that dies, overruns its CPU limit or goes silent is replaced, and the
item that it was at takes the blame.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import struct
import time
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Optional

_LENGTH = struct.Struct("<I")
_FRAME_MAX = 64 << 20


@dataclass(frozen=True)
class Limits:
    """What one item may use: CPU seconds, seconds of silence, and bytes of memory and of any one file. 0 is no limit."""

    cpu_s: float
    wall_s: float
    memory: int = 1 << 30
    file: int = 64 << 20


@dataclass(frozen=True)
class Done:
    """What became of one item: `payload` when `status` is `ok`, else None."""

    index: int
    status: str
    """`ok`, `timeout` (CPU or silence) or `died`."""
    payload: Any = None


class Pipe:
    """One end of a stream of JSON frames."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._buffer = b""

    def send(self, message: Any) -> None:
        """Write one frame. Raises OSError when nobody reads."""
        data = json.dumps(message).encode()
        data = _LENGTH.pack(len(data)) + data
        while data:
            data = data[os.write(self.fd, data) :]

    def receive(self, timeout: Optional[float]) -> Any:
        """Read one frame; raises TimeoutError, or EOFError at the end and for what is not a frame."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if len(self._buffer) >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._buffer)
                if length > _FRAME_MAX:
                    raise EOFError
                if len(self._buffer) >= _LENGTH.size + length:
                    data = self._buffer[_LENGTH.size : _LENGTH.size + length]
                    self._buffer = self._buffer[_LENGTH.size + length :]
                    try:
                        return json.loads(data)
                    except ValueError:
                        raise EOFError from None
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self.fd], [], [], left)[0]:
                raise TimeoutError
            chunk = os.read(self.fd, 1 << 16)
            if not chunk:
                raise EOFError
            self._buffer += chunk


def forked(
    count: int,
    work: Callable[[int], Any],
    limits: Callable[[int], Limits],
    *,
    first: int = 0,
    batch: int = 1,
    lost: int = 1 << 30,
    finish: Optional[Callable[[], Any]] = None,
) -> Iterator[Done]:
    """Do `work(index)` for `first <= index < count` in forked children, at most `batch` items in each; yield in order.

    `work` returns what JSON can hold. `finish` runs in a child after its last item, when the child is still well; its result
    comes as an extra `Done` with index -1. After `lost` lost children the rest is left out.
    """
    index = first
    while index < count and lost > 0:
        stop = min(count, index + batch)
        for done in _one_child(index, stop, work, limits, finish):
            if done.index >= 0:
                index = done.index + 1
            if done.status != "ok":
                lost -= 1
            yield done


def _one_child(
    first: int,
    stop: int,
    work: Callable[[int], Any],
    limits: Callable[[int], Limits],
    finish: Optional[Callable[[], Any]],
) -> Iterator[Done]:
    """Fork once; yield results until the child has done its items or one item killed it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            _child(Pipe(writer), first, stop, work=work, limits=limits, finish=finish)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    pipe = Pipe(reader)
    index, reaped = first, False
    try:
        while index < stop or finish is not None:
            try:
                message = pipe.receive(limits(min(index, stop - 1)).wall_s or None)
            except TimeoutError:
                yield Done(min(index, stop - 1), "timeout")
                return
            except (EOFError, OSError):
                reaped = True
                status = _reap(pid)
                killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGXCPU)
                if index < stop:
                    yield Done(index, "timeout" if killed else "died")
                return
            if message[0] == "end":
                yield Done(-1, "ok", message[1])
                return
            if message[0] == "done":
                yield Done(index, "ok", message[1])
                index += 1
    finally:
        os.close(reader)
        if not reaped:
            _reap(pid)


def _reap(pid: int) -> int:
    """Kill a child and everything in its group, and return its wait status."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return 0


def _child(
    pipe: Pipe,
    first: int,
    stop: int,
    *,
    work: Callable[[int], Any],
    limits: Callable[[int], Limits],
    finish: Optional[Callable[[], Any]],
) -> None:
    """The child's life. Every failure ends it: the parent sees which item it was at."""
    os.setpgid(0, 0)
    me = os.getpid()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    bound = limits(first)
    _limit(resource.RLIMIT_FSIZE, bound.file)
    _limit(resource.RLIMIT_CORE, 0)
    if bound.memory:
        _limit(resource.RLIMIT_AS, _address_space() + bound.memory)
    for index in range(first, stop):
        signal.setitimer(signal.ITIMER_PROF, limits(index).cpu_s)
        pipe.send(["start", index])
        payload = work(index)
        if os.getpid() != me:
            os._exit(0)  # a test forked, and its child came home to us
        signal.setitimer(signal.ITIMER_PROF, 0)
        pipe.send(["done", payload])
    if finish is not None:
        pipe.send(["end", finish()])


def _limit(kind: int, value: int) -> None:
    """Lower a resource limit, as far as the machine has it."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, hard))


def _address_space() -> int:
    """Bytes of address space in use; 1 TiB, which limits nothing, where it cannot be known."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 1 << 40


def cpu_seconds() -> float:
    """CPU seconds of this process and of the children it waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

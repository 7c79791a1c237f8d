"""One command: started, fed, read, limited and reported."""

import errno
import os
import select
import subprocess
import time

from sandbox.inside.processes import Processes
from sandbox.inside.wire import BACKLOG, Line, encode

MYPY = False
if MYPY:  # annotations are strings; importing typing takes milliseconds of every start
    from typing import Any

CHUNK = 1 << 16
NOT_FOUND, NOT_EXECUTABLE = 127, 126
TICK = 0.05
"""Seconds between two looks at the memory of the running command."""


class Clip:
    """The first and the last half of a stream, in bounded memory."""

    def __init__(self, cap: int) -> None:
        self.total = 0
        self.first, self.last = cap // 2, cap - cap // 2
        self.head, self.tail = bytearray(), bytearray()

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        self.total += len(data)
        room = self.first - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        self.tail += data
        if len(self.tail) > 2 * self.last + CHUNK:
            del self.tail[: len(self.tail) - self.last]

    def value(self) -> bytes:
        """Return what was kept."""
        return bytes(self.head + self.tail[max(0, len(self.tail) - self.last) :])


class Command:
    """One running command and what it has printed."""

    def __init__(self, line: Line, processes: Processes, meta: "dict[str, Any]", stdin: bytes) -> None:
        self.line, self.processes, self.stdin = line, processes, memoryview(stdin)
        self.stream, self.begin = meta["stream"], time.monotonic()
        self.deadline = self.begin + meta["timeout"]
        self.timed_out = False
        env = {encode(k): encode(v) for k, v in meta["env"].items()}
        processes.expose(True)
        self.process = subprocess.Popen(  # the context manager would wait for the command; Processes.reap does
            [encode(a) for a in meta["argv"]],
            cwd=meta["cwd"],
            env={**os.environb, **env},
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        processes.expose(False)
        processes.group = self.process.pid
        self.clips = {}
        assert self.process.stdout and self.process.stderr
        for pipe in (self.process.stdout, self.process.stderr):
            self.clips[pipe.fileno()] = Clip(meta["max_bytes"])
            os.set_blocking(pipe.fileno(), False)
        self.out = self.process.stdout.fileno()
        if self.process.stdin:
            os.set_blocking(self.process.stdin.fileno(), False)

    def run(self) -> None:
        """Serve the command until it ends or is ended; then nothing of it is alive."""
        open_fds, weighed = set(self.clips), self.begin + TICK
        while self.process.pid not in self.processes.statuses:
            now = time.monotonic()
            if now >= self.deadline:
                self.timed_out = True
                break
            if now >= weighed:
                weighed = now + TICK
                if self.processes.too_big():
                    break
            self.wait(open_fds, min(self.deadline, weighed) - now)
            self.processes.reap()
            frame = self.line.take()
            if frame and frame[0] == b"C":
                break
        self.processes.kill()
        while open_fds and self.drain(open_fds, open_fds):
            pass
        self.finish()

    def wait(self, open_fds: "set[int]", seconds: float) -> None:
        """Move bytes once, or sleep until something happens."""
        stdin = self.process.stdin
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self.processes.wake, select.POLLIN)
        if len(self.line.outbox) < BACKLOG:
            for fd in open_fds:
                poll.register(fd, select.POLLIN)
        if self.line.outbox:
            poll.register(1, select.POLLOUT)
        if stdin and not stdin.closed:
            poll.register(stdin.fileno(), select.POLLOUT)
        ready = {fd for fd, _ in poll.poll(max(0, seconds * 1000) + 1)}
        if 0 in ready:
            self.line.fill()
        if 1 in ready:
            self.line.pump()
        if stdin and not stdin.closed and stdin.fileno() in ready:
            try:
                self.stdin = self.stdin[os.write(stdin.fileno(), self.stdin[:CHUNK]) :]
            except BrokenPipeError:
                self.stdin = self.stdin[:0]
            if not self.stdin:
                stdin.close()
        self.drain(open_fds, open_fds & ready)

    def drain(self, open_fds: "set[int]", ready: "set[int]") -> bool:
        """Read each ready stream once; say whether there was anything."""
        moved = False
        for fd in tuple(ready):
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                continue
            if not data:
                open_fds.discard(fd)
                continue
            moved = True
            self.clips[fd].add(data)
            if self.stream and fd == self.out:
                self.line.post(b"O", None, data)
        return moved

    def finish(self) -> None:
        """Close the pipes and answer."""
        code, cpu = self.processes.statuses[self.process.pid]
        self.process.returncode = code
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()
        out, err = self.clips.values()
        report(
            self.line,
            out,
            err,
            exit_code=None if self.timed_out else code,
            seconds=time.monotonic() - self.begin,
            cpu_seconds=cpu,
            timed_out=self.timed_out,
        )


def report(line: Line, out: Clip, err: Clip, **meta: object) -> None:
    """Answer with what the command did."""
    streams = out.value(), err.value()
    line.post(b"F", dict(meta, out_kept=len(streams[0]), stdout_bytes=out.total, stderr_bytes=err.total), *streams)


def execute(line: Line, processes: Processes, meta: "dict[str, Any]", stdin: bytes) -> None:
    """Run one command and answer; one that cannot be started ends as it would in a shell."""
    try:
        command = Command(line, processes, meta, stdin)
    except OSError as error:
        processes.expose(False)
        out, err = Clip(meta["max_bytes"]), Clip(meta["max_bytes"])
        name = error.filename if isinstance(error.filename, bytes) else encode(str(error.filename or meta["argv"][0]))
        err.add(name + b": " + os.strerror(error.errno or errno.EIO).encode() + b"\n")
        code = NOT_FOUND if error.errno in (errno.ENOENT, errno.ENOTDIR) else NOT_EXECUTABLE
        report(line, out, err, exit_code=code, seconds=0.0, cpu_seconds=0.0, timed_out=False)
        return
    command.run()

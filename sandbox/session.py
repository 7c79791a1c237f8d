"""The `Sandbox` port, once for every machine that runs our supervisor."""

import errno
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.errors import DiskFull, SandboxError, SandboxLost
from sandbox.inside.wire import HEADER
from sandbox.port import DEFAULT_OUTPUT_BYTES
from sandbox.values import ExecResult
from sandbox.wire import PIECE, Wire

GRACE = 30.0
"""Seconds that a supervisor may be late: killing a fork bomb, a busy daemon, a machine under load."""
LONGEST = 1e6
"""Seconds beyond which a time-out is a mistake: poll(2) counts milliseconds in 32 bits."""
SLOWEST = 1 << 20
"""Bytes per second below which a transfer counts as stuck."""


class Session:
    """A conversation with one supervisor; implements `Sandbox`.

    Thread safety: one request at a time, under `_lock`. `_fate` is written once, when the machine is lost or closed;
    `_unanswered` says that the supervisor still owes the last word on a request.

    Args:
        id: unique name of the machine.
        workdir: absolute path of the work tree inside.
        wire: connected to a supervisor that has not said hello yet.
        autopsy: says in one sentence what became of the machine; asked once, when it is lost.
    """

    def __init__(self, id: str, workdir: str, wire: Wire, autopsy: Callable[[], str]) -> None:  # noqa: A002 (port)
        self.id, self.workdir = id, workdir
        self._wire, self._autopsy = wire, autopsy
        self._buffer = bytearray()
        self._lock = threading.Lock()
        self._fate = ""
        self._unanswered = False

    def greet(self, timeout: float) -> None:
        """Wait for the supervisor's hello; raise `SandboxLost` when none comes."""
        with self._request():
            self._answer(time.monotonic() + timeout, b"H", most=PIECE)

    def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        max_bytes: int = DEFAULT_OUTPUT_BYTES,
        on_output: Callable[[bytes], None] | None = None,
    ) -> ExecResult:
        """See `Sandbox.exec`."""
        _check_command(argv, env or {}, timeout, max_bytes)
        meta = {
            "argv": list(argv),
            "timeout": timeout,
            "cwd": cwd or ".",
            "env": dict(env or {}),
            "max_bytes": max_bytes,
            "stream": on_output is not None,
        }
        with self._request():
            self._send(b"X", meta, stdin)
            deadline = time.monotonic() + timeout + GRACE
            try:
                head, body = self._answer(deadline, b"F", most=2 * max_bytes, on_output=on_output)
            except SandboxError:
                raise
            except BaseException:  # the caller's own callback, or Ctrl-C: leave a machine that can be used
                if self._unanswered:
                    self._cancel(max_bytes)
                raise
        kept = head.pop("out_kept")
        return ExecResult(stdout=body[:kept], stderr=body[kept:], **head)

    def read(self, path: str, *, max_bytes: int = 64 << 20) -> bytes:
        """See `Sandbox.read`."""
        with self._request():
            self._send(b"R", {"path": path, "max_bytes": max_bytes})
            return self._answer(_soon(max_bytes), b"D", most=max_bytes, path=path)[1]

    def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """See `Sandbox.write`."""
        with self._request():
            self._send(b"W", {"path": path, "mode": mode}, data)
            self._answer(_soon(len(data)), b"K", most=0, path=path)

    def unpack(self, archive: Path, to: str | None = None) -> None:
        """See `Sandbox.unpack`."""
        with archive.open("rb") as file, self._request():
            self._send(b"U", {"path": to or "."})
            while piece := file.read(PIECE):
                self._send(b"D", {}, piece)
            self._send(b"Z", {})
            self._answer(_soon(archive.stat().st_size), b"K", most=0, path=to or self.workdir)

    def end(self, why: str = "it was closed") -> None:
        """Close the line; every later call raises `SandboxLost`."""
        self._fate = self._fate or why
        self._wire.close()

    @contextmanager
    def _request(self) -> Iterator[None]:
        """One request and its answer. Left half-way, by Ctrl-C for one, it would leave its answer to the next one."""
        with self._lock:
            try:
                yield
            finally:
                if self._unanswered:
                    self.end("a request was interrupted half-way")

    def _send(self, kind: bytes, meta: Mapping[str, object], body: bytes = b"") -> None:
        if self._fate:
            raise SandboxLost(f"sandbox {self.id}: {self._fate}")
        head = json.dumps(meta).encode("ascii")
        self._unanswered = True
        frame = HEADER.pack(kind, len(head), len(body)) + head
        deadline = _soon(len(body))
        try:
            if len(body) < PIECE:
                self._wire.send(frame + body, deadline)
            else:
                self._wire.send(frame, deadline)
                self._wire.send(body, deadline)
        except SandboxLost as error:
            raise self._lost(error) from error

    def _answer(
        self,
        deadline: float,
        kind: bytes,
        *,
        most: int,
        path: str = "",
        on_output: Callable[[bytes], None] | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """Return the next frame of the kind; hand output on, raise what was refused."""
        while True:
            try:
                got, head, body = self._frame(deadline, most)
            except SandboxLost as error:
                raise self._lost(error) from error
            self._unanswered = got == b"O"
            if got == kind:
                return head, body
            if got == b"O":
                if on_output:
                    on_output(body)
            elif got == b"N":
                raise _refusal(head["errno"], head["text"], path)
            else:
                raise self._lost(SandboxLost(f"unexpected answer {got!r}"))

    def _frame(self, deadline: float, most: int) -> tuple[bytes, dict[str, Any], bytes]:
        while len(self._buffer) < HEADER.size:
            self._buffer += self._wire.receive(deadline)
        kind, meta, body = HEADER.unpack_from(self._buffer)
        if meta > PIECE or body > max(most, PIECE):
            raise SandboxLost("an answer larger than asked for")
        size = HEADER.size + meta + body
        while len(self._buffer) < size:
            self._buffer += self._wire.receive(deadline)
        head = json.loads(self._buffer[HEADER.size : HEADER.size + meta])
        content = bytes(self._buffer[HEADER.size + meta : size])
        del self._buffer[:size]
        return kind, head, content

    def _cancel(self, max_bytes: int) -> None:
        try:
            self._send(b"C", {})
            self._answer(time.monotonic() + GRACE, b"F", most=2 * max_bytes)
        except SandboxError:
            return  # every later call says so

    def _lost(self, error: SandboxLost) -> SandboxLost:
        if not self._fate:
            self._fate = "; ".join(filter(None, (str(error), self._autopsy())))
            self._wire.close()
        return SandboxLost(f"sandbox {self.id}: {self._fate}", hint="The machine died, not the command; run it again.")


def _soon(size: int) -> float:
    return time.monotonic() + GRACE + size / SLOWEST


def _check_command(argv: Sequence[str], env: Mapping[str, str], timeout: float, max_bytes: int) -> None:
    if isinstance(argv, str) or not argv or not argv[0]:
        raise ValueError("argv needs a program")
    if any("\0" in text for text in (*argv, *env, *env.values())) or any("=" in name for name in env):
        raise ValueError("arguments and variables must not hold NUL, names of variables no '='")
    if not 0 < timeout < LONGEST or max_bytes < 0:
        raise ValueError(f"timeout must be positive and below {LONGEST:.0e} s, max_bytes not negative")


def _refusal(code: int, text: str, path: str) -> Exception:
    if not code:
        return ValueError(text)
    if code in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no room left for {path}", hint="Raise the sandbox's disk limit.")
    return OSError(code, text or os.strerror(code), path)

"""Every sandbox of a run goes through here: counted, metered, and ended together when the user says stop."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.port import DEFAULT_OUTPUT_BYTES, Sandbox, SandboxProvider
from sandbox.values import Availability, ExecResult, SandboxSpec
from winnow.errors import Interrupted
from winnow.timeline import Report

if TYPE_CHECKING:
    from sandbox.engine.images import DockerImages


class Machines:
    """A `SandboxProvider` around another one.

    Invariant of the lock: `_open`, `_commands` and `cpu_seconds` change only under it.
    """

    def __init__(self, provider: SandboxProvider, report: Report) -> None:
        self._provider = provider
        self._report = report
        self._lock = threading.Lock()
        self._open: set[Sandbox] = set()
        self._stopped = False
        self._commands = 0
        self.cpu_seconds = 0.0

    @property
    def kind(self) -> str:
        """As the provider's."""
        return self._provider.kind

    @property
    def images(self) -> "DockerImages | None":
        """As the provider's."""
        return self._provider.images

    def use(self, provider: SandboxProvider) -> None:
        """Open machines of another kind from now on; before the first one only."""
        self._provider = provider

    @property
    def stopped(self) -> bool:
        """`stop` was called."""
        return self._stopped

    def check(self) -> Availability:
        """As the provider's."""
        return self._provider.check()

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """Open one machine; raises `Interrupted` after `stop`."""
        return self._opened(spec)

    @contextmanager
    def _opened(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        self.refuse_when_stopped()
        with self._provider.open(spec) as box:
            metered = _Metered(box, self._spend)
            with self._lock:
                self._open.add(box)
            try:
                self.refuse_when_stopped()
                yield metered
            finally:
                with self._lock:
                    self._open.discard(box)

    def stop(self) -> None:
        """End every open machine now; commands under way raise `SandboxLost`. Safe in a signal handler's thread."""
        self._stopped = True
        with self._lock:
            boxes = list(self._open)
        for box in boxes:
            box.kill()

    def refuse_when_stopped(self) -> None:
        """Raise `Interrupted` after `stop`."""
        if self._stopped:
            raise Interrupted("stopped on request")

    def _spend(self, seconds: float) -> None:
        with self._lock:
            self.cpu_seconds += seconds
            self._commands += 1
            first = self._commands == 1
        if first:
            self._report("first command", {})


class _Metered:
    """A sandbox whose commands' CPU time is summed."""

    def __init__(self, box: Sandbox, spend: Callable[[float], None]) -> None:
        self._box = box
        self._spend = spend

    @property
    def id(self) -> str:
        return self._box.id

    @property
    def workdir(self) -> str:
        return self._box.workdir

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
        result = self._box.exec(
            argv, timeout=timeout, cwd=cwd, env=env, stdin=stdin, max_bytes=max_bytes, on_output=on_output
        )
        self._spend(result.cpu_seconds)
        return result

    def read(self, path: str, *, max_bytes: int = 64 << 20) -> bytes:
        return self._box.read(path, max_bytes=max_bytes)

    def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        self._box.write(path, data, mode=mode)

    def unpack(self, archive: Path, to: str | None = None) -> None:
        self._box.unpack(archive, to)

    def kill(self) -> None:
        self._box.kill()

"""A machine that plays a script: a real implementation of the port for tests of everything above it.

It runs nothing. Files are real as far as the port goes: what was written or unpacked can be read. It fails loudly, with
`ScriptError`, when a command comes that the script does not expect, when the script has run out, and when the sandbox is
left before its end.
"""

import errno
import os
import posixpath
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.errors import SandboxError, SandboxLost
from sandbox.port import DEFAULT_OUTPUT_BYTES, Sandbox
from sandbox.values import Availability, ExecResult, SandboxSpec


class ScriptError(AssertionError):
    """The code under test and its script disagree."""


@dataclass(frozen=True)
class Step:
    """One expected command and what it does.

    Attributes:
        expect: the exact argv; or a function that says whether an argv is meant; None for any.
        result: what `exec` returns, or the error that it raises.
        writes: files that the command leaves, by path (absolute or relative to the work tree).
    """

    expect: Sequence[str] | Callable[[Sequence[str]], bool] | None = None
    result: ExecResult | SandboxError = field(default_factory=lambda: ExecResult(exit_code=0))
    writes: Mapping[str, bytes] = field(default_factory=dict)

    def matches(self, argv: Sequence[str]) -> bool:
        """Say whether this step is meant for the command."""
        if self.expect is None:
            return True
        return self.expect(argv) if callable(self.expect) else list(self.expect) == list(argv)


class ScriptedSandbox:
    """Plays steps in order.

    Attributes:
        files: contents by absolute path.
        commands: the argv of every command so far.
    """

    def __init__(self, steps: Sequence[Step], *, workdir: str = "/work", id: str = "scripted") -> None:  # noqa: A002 (port)
        self.id, self.workdir = id, workdir
        self.files: dict[str, bytes] = {}
        self.commands: list[tuple[str, ...]] = []
        self._steps = list(steps)
        self._closed = False

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
        self._open()
        self.commands.append(tuple(argv))
        if not self._steps:
            raise ScriptError(f"the script has run out at {list(argv)}")
        step = self._steps.pop(0)
        if not step.matches(argv):
            raise ScriptError(f"expected {step.expect}, got {list(argv)}")
        for path, data in step.writes.items():
            self.write(path, data)
        if isinstance(step.result, SandboxError):
            raise step.result
        if on_output and step.result.stdout:
            on_output(step.result.stdout)
        return step.result

    def read(self, path: str, *, max_bytes: int = 64 << 20) -> bytes:
        """See `Sandbox.read`."""
        self._open()
        path = self._absolute(path)
        if path not in self.files:
            folder = any(name.startswith(path.rstrip("/") + "/") for name in self.files) or path == self.workdir
            code = errno.EISDIR if folder else errno.ENOENT
            raise OSError(code, os.strerror(code), path)
        if len(self.files[path]) > max_bytes:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        return self.files[path]

    def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """See `Sandbox.write`; modes are not kept."""
        self._open()
        self.files[self._absolute(path)] = bytes(data)

    def unpack(self, archive: Path, to: str | None = None) -> None:
        """See `Sandbox.unpack`; of links nothing is kept."""
        self._open()
        folder = self._absolute(to or ".")
        try:
            with tarfile.open(archive, encoding="utf-8", errors="surrogateescape") as tar:
                for member in tar:
                    if member.name.startswith("/") or ".." in member.name.split("/") or member.isdev():
                        raise ValueError(f"{member.name!r} lies outside the folder or is a device")
                    content = tar.extractfile(member) if member.isreg() else None
                    if content:
                        self.files[posixpath.normpath(posixpath.join(folder, member.name))] = content.read()
        except tarfile.TarError as error:
            raise ValueError(f"not a readable tar file: {error}") from error

    def close(self, *, failed: bool = False) -> None:
        """End the machine; raise `ScriptError` when steps are left, unless something else went wrong already."""
        self._closed = True
        if self._steps and not failed:
            raise ScriptError(f"{len(self._steps)} steps were not played, the next is {self._steps[0].expect}")

    def _open(self) -> None:
        if self._closed:
            raise SandboxLost(f"sandbox {self.id}: it was closed")

    def _absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.workdir, path))


class ScriptedProvider:
    """Opens one scripted machine for each script, in order.

    Attributes:
        opened: every machine so far, for looking at what happened in it.
        specs: what was asked for each.
    """

    kind = "scripted"

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = list(scripts)
        self.opened: list[ScriptedSandbox] = []
        self.specs: list[SandboxSpec] = []

    def check(self) -> Availability:
        """See `SandboxProvider.check`."""
        return Availability(kind=self.kind, available=True, detail=f"{len(self._scripts)} scripts")

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """See `SandboxProvider.open`."""
        return self._open(spec)

    @contextmanager
    def _open(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        if not self._scripts:
            raise ScriptError("no script is left for another machine")
        sandbox = ScriptedSandbox(self._scripts.pop(0), workdir=spec.workdir, id=f"scripted-{len(self.opened)}")
        self.opened.append(sandbox)
        self.specs.append(spec)
        try:
            yield sandbox
        except BaseException:
            sandbox.close(failed=True)
            raise
        sandbox.close()

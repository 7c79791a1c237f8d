"""The contract between Winnow and a machine.

A failing command is a result; a failing machine is an exception. Implementations pass `tests/sandbox/conformance.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sandbox.values import Availability, ExecResult, SandboxSpec

DEFAULT_OUTPUT_BYTES = 1 << 20
"""Cap of each output stream when the caller names none, in bytes."""


class Sandbox(Protocol):
    """One open machine. Calls from several threads are served one after another.

    Every method raises `SandboxLost` when the machine is gone and `DiskFull` when it has no room left.
    """

    @property
    def id(self) -> str:
        """Unique name: the container's id, or one of our making."""

    @property
    def workdir(self) -> str:
        """Absolute path of the work tree inside: `spec.workdir`, except on the host, where it is a folder of its own."""

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
        """Run one command in a fresh process group and wait for it and for everything that it started.

        No state but the file system survives: processes left in the background are killed when the command ends.

        Args:
            argv: program and arguments; no shell is involved. A program that does not exist gives exit code 127,
                one that cannot be executed 126.
            timeout: seconds until the group is killed (SIGKILL; a process that ignores SIGTERM gains nothing).
            cwd: folder to start in; None is the work tree. A folder that does not exist gives exit code 127.
            env: variables on top of the sandbox's own.
            stdin: what the command reads; then end of file.
            max_bytes: cap of each stream; over it the first and the last half are kept and the middle is left out.
            on_output: called with standard output as it comes, before clipping, in this thread.
        """

    def read(self, path: str, *, max_bytes: int = 64 << 20) -> bytes:
        """Return a file's content.

        Args:
            path: absolute, or relative to the work tree.
            max_bytes: a larger file is refused.

        Raises:
            OSError: as `open` would inside: FileNotFoundError, IsADirectoryError, PermissionError, or EFBIG over the cap.
        """

    def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Create or replace a file, with its parent folders.

        Raises:
            OSError: as `open` would inside, except for a full disk (`DiskFull`).
        """

    def unpack(self, archive: Path, to: str | None = None) -> None:
        """Unpack a tar file of the host into a folder inside (None: the work tree), as the sandbox's own user.

        Members outside the folder, devices and hard links out of it are refused with `ValueError`.
        """


class SandboxProvider(Protocol):
    """Opens machines of one kind. Leaving the context destroys the machine and everything in it."""

    @property
    def kind(self) -> str:
        """`docker`, `bubblewrap`, `unshare`, `host` or `scripted`."""

    def check(self) -> Availability:
        """Say whether machines of this kind can be had, without raising and within five seconds."""

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """Open one machine.

        Raises:
            SandboxUnavailable: no machine of this kind can be had.
            ImageUnavailable: `spec.image` is not there and cannot be pulled.
        """

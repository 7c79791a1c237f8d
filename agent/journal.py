"""The journal: what makes a trajectory durable.

Every reply and every observation is appended here before it is used. After `kill -9` the trajectory starts again from
the top in a fresh sandbox; what the journal holds is served back, tools really run again, and at the journal's end life
goes on. Disk grows linearly with the conversation.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from sandbox.errors import DiskFull


class Journal:
    """An append-only file of JSON lines, one event each; safe against a kill at any byte.

    One process writes at a time (the run's lock sees to that); appends are not thread-safe, as one trajectory is one thread.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._past = list(_intact(path))
        _cut_torn_tail(path)
        self._file: BinaryIO = path.open("ab")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    @property
    def past(self) -> tuple[Mapping[str, Any], ...]:
        """Events that were there when the journal was opened, oldest first."""
        return tuple(self._past)

    def append(self, kind: str, *, through: bool = True, **data: Any) -> None:
        """Write one event; `through` to the disk itself, else as far as the kernel, which a killed process does not lose.

        What can be found again, such as an observation, need not survive a power cut before the next event that is written
        through: file order keeps the two together.

        Raises:
            DiskFull: the event could not be written; the journal is as it was before.
        """
        line = (
            json.dumps({"kind": kind, **data}, ensure_ascii=False, separators=(",", ":")).encode(
                "utf-8", "backslashreplace"
            )
            + b"\n"
        )
        start = self._file.tell()
        try:
            self._file.write(line)
            self._file.flush()
            if through:
                os.fsync(self._file.fileno())
        except OSError as error:
            self._file = self._reopened(start)
            raise DiskFull(
                f"the journal {self._path} cannot be written: {error.strerror}", hint="Free some disk space."
            ) from error

    def _reopened(self, size: int) -> BinaryIO:
        """Drop what was buffered and half written, and go on at the last whole event."""
        with suppress(OSError):
            self._file.close()
        os.truncate(self._path, size)
        return self._path.open("ab")


def _intact(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the events of whole lines; a line that a kill cut short ends the journal."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return
        try:
            yield json.loads(line)
        except ValueError:
            return


def _cut_torn_tail(path: Path) -> None:
    """Remove a last line without its end, so that the next append starts on a line of its own."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)

"""The run store: one folder per run under the user's state directory.

runs/ID/
  request.json      what was asked, settings included (never a secret); written once
  status.json       where it stands: running, finished, failed, interrupted
  base.tar, snapshot.json
                    the repository at its base
  brief.json        image, suite, base report and targets, once prepared
  context.json      what agents are shown of the repository
  events.jsonl      the journal of calls that belong to no trajectory
  round-N.json      who tries what in a round
  checkpoint.sqlite LangGraph's checkpoints of the run graph
  trajectories/ID/  events.jsonl (the journal), trajectory.json when ended
  selection/        journals of what models were asked to choose
  evidence.jsonl    results of tests and probes on candidates, as they come
  choice.json       what the selector came to, and the patches as they are delivered
  selection-log.json, selection.md, selection.json, selection.svg
                    what the choice rests on: to choose again from, and for people and programs to read
  patch.diff, result.json
  apply.json        what is being done to the user's work tree; there only meanwhile, or after a kill
  timeline.jsonl    what happened when, for people and measurements
  scratch/          temporary files
  lock              held by the one process that works on it

Every file but the journals is replaced atomically, so a kill leaves the old one or the new one.
"""

import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from sandbox.errors import DiskFull
from sandbox.values import Value
from winnow.errors import RunUnusable

Model = TypeVar("Model", bound=Value)
_TAIL = 16_384
"""Bytes in which a line of a timeline is found."""
State = Literal["running", "finished", "failed", "interrupted"]


class Status(Value):
    """Where a run stands."""

    state: State
    detail: str = ""
    seconds: float = 0.0
    """Wall time spent by all processes that worked on it."""
    cpu_seconds: float = 0.0
    """CPU time of commands in sandboxes, likewise."""


class RunDir:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """The run's name."""
        return self.path.name

    def save(self, name: str, value: Value) -> None:
        """Write a value atomically.

        Raises:
            DiskFull: there is no room; the old file stands.
        """
        self.save_text(name, value.model_dump_json(indent=1) + "\n")

    def save_text(self, name: str, text: str) -> None:
        """Write a text atomically; see `save`."""
        write_atomically(self.path / name, text)

    def load(self, name: str, kind: type[Model]) -> Model | None:
        """Read a value; None when it was never written.

        Raises:
            RunUnusable: it does not parse, as when a newer Winnow wrote it.
        """
        file = self.path / name
        if not file.exists():
            return None
        try:
            return kind.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise RunUnusable(
                f"{file} does not parse: {error.errors()[0]['msg']}", hint="Was it written by another version?"
            ) from error

    @property
    def scratch(self) -> Path:
        """A folder for temporary files of the process that holds the lock; emptied when the next one starts."""
        return self.path / "scratch"

    def clear_scratch(self) -> None:
        """Make `scratch` anew; what a killed process left there goes."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(exist_ok=True)

    def trajectory(self, seat: str) -> Path:
        """Folder of one trajectory."""
        return self.path / "trajectories" / seat

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; the kernel frees it however the process ends.

        Raises:
            RunUnusable: another process holds it.
        """
        with (self.path / "lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunUnusable(f"run {self.id} is being worked on by another process") from error
            yield

    def is_live(self) -> bool:
        """Whether some process works on it now."""
        try:
            with self.lock():
                return False
        except RunUnusable:
            return True


class Store:
    """All runs of this user."""

    def __init__(self, state_dir: Path) -> None:
        self._runs = state_dir.expanduser().resolve() / "runs"

    def create(self) -> RunDir:
        """Make the folder of a new run; its name sorts by time."""
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        try:
            (self._runs / name).mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise DiskFull(
                f"{self._runs} cannot be written: {error.strerror}", hint="Set --state-dir to a folder with room."
            ) from error
        return RunDir(self._runs / name)

    def open(self, name: str) -> RunDir:
        """Find a run by its name, by a unique prefix or end of it, or as `last`.

        Raises:
            RunUnusable: none, or several, are called so.
        """
        runs = self.all()
        if name == "last" and runs:
            return runs[-1]
        if not re.fullmatch(r"[\w.+-]{1,200}", name):
            raise RunUnusable(f"there is no run {name!r}", hint="`winnow runs` lists them.")
        found = [run for run in runs if run.id == name] or [
            r for r in runs if r.id.startswith(name) or r.id.endswith(name)
        ]
        if len(found) != 1:
            problem = "no run is" if not found else f"{len(found)} runs are"
            raise RunUnusable(f"{problem} called {name!r}", hint="`winnow runs` lists them.")
        return found[0]

    def all(self) -> list[RunDir]:
        """All runs, oldest first."""
        if not self._runs.is_dir():
            return []
        return [RunDir(path) for path in sorted(self._runs.iterdir()) if (path / "request.json").exists()]

    def remove(self, run: RunDir) -> None:
        """Delete a run that nobody works on.

        Raises:
            RunUnusable: somebody does.
        """
        with run.lock():
            shutil.rmtree(run.path)

    def halves(self) -> list[Path]:
        """Folders of runs that were killed before they began; safe to delete unless locked."""
        if not self._runs.is_dir():
            return []
        return [path for path in sorted(self._runs.iterdir()) if path.is_dir() and not (path / "request.json").exists()]


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, through to the disk.

    Raises:
        DiskFull: there is no room, or it cannot be written for another reason; the old file stands.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise DiskFull(
            f"{path} cannot be written: {error.strerror}", hint="Free some space, or set --state-dir elsewhere."
        ) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a JSON-lines file; one that a kill cut short is left out."""
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def read_last(path: Path) -> dict[str, Any] | None:
    """The last whole line of a JSON-lines file, of which only the end is read; None where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().rpartition(b"\n")[0].splitlines()
        return dict(json.loads(lines[-1])) if lines else None
    except (OSError, ValueError):
        return None

"""The folder of a batch.

OUT/
  batch.json        what was asked; written once
  runs/TASK/        one run of the run store per task: `winnow show TASK --state-dir OUT`
  results.jsonl     what became of each task, a line when it ends; the last line of a task counts
  grades.jsonl      what the hidden tests said; only where grading was asked for
  preds.jsonl, preds.json   predictions in the official form
  manifest.json     what everything was made with
  logs/             what workers printed
  lock              held by the one process that drives the batch

Lines are appended as tasks end, so a kill loses none; at the end all files are written anew in the order of the dataset.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from envs.grading.predictions import Prediction, official_form, write_predictions
from envs.values import Patch
from sandbox.errors import DiskFull
from sandbox.values import Value
from winnow.errors import BatchUnusable
from winnow.eval.values import Batch, TaskEnd
from winnow.store import RunDir, read_lines, write_atomically

V = TypeVar("V", bound=Value)
BATCH, RESULTS, GRADES, PREDICTIONS, MANIFEST = (
    "batch.json",
    "results.jsonl",
    "grades.jsonl",
    "preds.jsonl",
    "manifest.json",
)


class BatchDir:
    """A batch's files."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the batch for this process; the kernel frees it however the process ends.

        Raises:
            BatchUnusable: another process drives it.
            DiskFull: the folder cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = (self.path / "lock").open("a")
        except OSError as error:
            raise DiskFull(
                f"{self.path} cannot be written: {error.strerror}", hint="Name another place with --out."
            ) from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BatchUnusable(f"another process works on the batch in {self.path}") from error
            yield

    def open(self, asked: Batch) -> Batch:
        """Return the batch that is there, or begin it.

        Raises:
            BatchUnusable: the batch that is there was asked for otherwise; names the first key that differs.
        """
        there = self.batch()
        if there is None:
            write_atomically(self.path / BATCH, asked.model_dump_json(indent=1) + "\n")
            return asked
        difference = _difference(_identity(there), _identity(asked))
        if difference:
            raise BatchUnusable(
                f"the batch in {self.path} was started with {difference}",
                hint="Go on with the same settings, or name another --out: results of two kinds are not mixed.",
            )
        return there

    def batch(self) -> Batch | None:
        """What was asked; None where nothing was.

        Raises:
            BatchUnusable: the file does not parse.
        """
        try:
            return Batch.model_validate_json((self.path / BATCH).read_bytes())
        except FileNotFoundError:
            return None
        except (ValidationError, OSError) as error:
            raise BatchUnusable(f"{self.path / BATCH} cannot be read: {str(error).splitlines()[0]}") from error

    def run(self, task_id: str) -> RunDir:
        """The run of a task; its folder need not be there."""
        return RunDir(self.path / "runs" / task_id)

    def ends(self) -> dict[str, TaskEnd]:
        """What became of tasks so far, by id."""
        return {end.task_id: end for end in self.read(RESULTS, TaskEnd)}

    def read(self, name: str, kind: type[V]) -> Iterator[V]:
        """Values of a file of lines, in order; a line that a kill cut short is left out.

        Raises:
            BatchUnusable: a line is of another kind.
        """
        for number, line in enumerate(read_lines(self.path / name), 1):
            try:
                yield kind.model_validate(line)
            except ValidationError as error:
                raise BatchUnusable(
                    f"{self.path / name}, line {number} is no {kind.__name__}: {error.errors()[0]['msg']}",
                    hint="Was it written by another version?",
                ) from error

    def append(self, name: str, value: Value) -> None:
        """Add a line, through to the disk.

        Raises:
            DiskFull: there is no room; the line is not there, or is half there and is left out by readers.
        """
        self._write(name, value.model_dump_json() + "\n")

    def rewrite(self, name: str, values: Iterable[Value]) -> None:
        """Replace a file of lines in one step."""
        write_atomically(self.path / name, "".join(value.model_dump_json() + "\n" for value in values))

    def predict(self, end: TaskEnd, name: str) -> None:
        """Add a prediction in the official form."""
        self._write(PREDICTIONS, json.dumps(official_form(_prediction(end, name))) + "\n")

    def finish(self, ends: Iterable[TaskEnd], name: str) -> None:
        """Write results and predictions anew, in the order given."""
        ends = list(ends)
        self.rewrite(RESULTS, ends)
        write_predictions(self.path, [_prediction(end, name) for end in ends])

    def _write(self, name: str, line: str) -> None:
        try:
            with (self.path / name).open("ab") as file:
                _cut_torn_line(self.path / name)
                file.write(line.encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DiskFull(
                f"{self.path / name} cannot be written: {error.strerror}", hint="Free some space."
            ) from error


def _prediction(end: TaskEnd, name: str) -> Prediction:
    """A task without a patch has an empty one."""
    return Prediction(task_id=end.task_id, system=name, patch=Patch(diff=end.patch))


def _cut_torn_line(path: Path) -> None:
    """Remove what a kill left behind the last line end, so that the next line starts on its own."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        if file.read(1) in (b"", b"\n"):  # as ever: the file is not read for each line
            return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)


def _identity(batch: Batch) -> dict[str, Any]:
    """All that must not change between two processes of one batch, flat."""
    flat: dict[str, Any] = {"dataset.digest": batch.dataset.digest}
    for section, values in batch.settings.items():
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    flat["tasks"] = list(batch.tasks)
    return flat


def _difference(there: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """The first key with two values, in words; empty when there is none."""
    for key in sorted({*there, *asked}, key=lambda key: (key == "tasks", key == "dataset.digest", key)):
        old, new = there.get(key), asked.get(key)
        if old == new:
            continue
        if key == "tasks":
            return f"{len(old or ())} other tasks: `tasks` differs"
        return f"{key} = {json.dumps(old)}, and now it is {json.dumps(new)}"
    return ""

"""Predictions: patches of any system, read and written in the forms of the field."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from envs.datasets.rows import Row, read_rows
from envs.disk import room_for
from envs.errors import DatasetUnusable
from envs.values import Patch
from sandbox.values import Value

GOLD, EMPTY = "gold", "empty"
"""Names of systems: the references, and no patch at all."""
NAMELESS = "None"
"""As the official harness calls a system without a name."""


class Prediction(Value):
    """One system's patch for one task."""

    task_id: str
    system: str
    patch: Patch


def read_predictions(path: Path) -> tuple[Prediction, ...]:
    """Read a JSON list, a JSON object by task id, or JSON lines; .gz too.

    A missing patch is an empty one.

    Raises:
        DatasetUnusable: it cannot be read, a record has no task or a patch that is no text, or a task stands twice for one system.
    """
    found: dict[tuple[str, str], Prediction] = {}
    for row in read_rows(str(path)):
        prediction = _prediction(row)
        if found.setdefault((prediction.system, prediction.task_id), prediction) is not prediction:
            raise DatasetUnusable(
                f"{row.place}: there are two patches of {prediction.system} for {prediction.task_id}.",
                hint="Leave one of them out, or give them names in model_name_or_path.",
            )
    if not found:
        raise DatasetUnusable(f"{path} has no predictions.", hint="Check the path.")
    return tuple(found.values())


def write_predictions(folder: Path, predictions: Iterable[Prediction]) -> tuple[Path, Path]:
    """Write preds.jsonl and preds.json, each at once or not at all, and return both.

    The latter is an object by task id: of several systems it holds the last one's patches.

    Raises:
        DiskFull: no room.
    """
    rows = [official_form(prediction) for prediction in predictions]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    by_task = json.dumps({row["instance_id"]: row for row in rows}, indent=1)
    written = folder / "preds.jsonl", folder / "preds.json"
    with room_for("predictions"):
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(written, (lines, f"{by_task}\n"), strict=True):
            draft = path.with_name(f".{path.name}.new")
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
    return written


def official_form(prediction: Prediction) -> Mapping[str, str]:
    """Return the record of a prediction. A patch ends with a line end, which some tools need."""
    diff = prediction.patch.diff
    return {
        "instance_id": prediction.task_id,
        "model_name_or_path": prediction.system,
        "model_patch": diff if not diff or diff.endswith("\n") else f"{diff}\n",
    }


def _prediction(row: Row) -> Prediction:
    task, patch = row.values.get("instance_id"), row.values.get("model_patch", row.values.get("prediction"))
    system = row.values.get("model_name_or_path") or NAMELESS
    if not isinstance(task, str) or not task:
        raise DatasetUnusable(f"{row.place} names no task.", hint="A prediction has instance_id and model_patch.")
    if patch is not None and not isinstance(patch, str):
        raise DatasetUnusable(f"{row.place} ({task}): model_patch is no text.", hint="It is a diff, or empty.")
    system = str(system).encode("utf-8", "backslashreplace").decode()  # it names files
    return Prediction(task_id=task, system=system, patch=Patch(diff=patch or ""))

"""A change of the user's work tree that is under way, written down before it begins so that it survives a kill."""

import base64
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from envs.files import leftover, writing
from envs.trees import FileChange
from sandbox.values import Value


class Pending(Value):
    """What is being done to a work tree."""

    top: str
    """Absolute path of the work tree."""
    mark: str
    """Part of the names of temporary files that nobody else has."""
    changes: tuple[FileChange, ...]


def begin(note: Path, top: Path, changes: Sequence[FileChange]) -> Pending:
    """Write down what will be done.

    Raises:
        DiskFull: no room.
        Undeliverable: the note cannot be written.
    """
    pending = Pending(top=str(top), mark=secrets.token_hex(6), changes=tuple(changes))
    scratch = note.with_name(f".{note.name}.new")
    with writing(str(note)):
        # Not pydantic's own: paths that are not UTF-8 are strings with lone surrogates.
        scratch.write_text(json.dumps(pending.model_dump(mode="python"), default=_text))
        scratch.replace(note)
    return pending


def find(note: Path) -> Pending | None:
    """What an earlier process began and did not end; None when there is nothing, or nothing that can be read."""
    try:
        return Pending.model_validate(json.loads(note.read_text(), object_hook=_bytes))
    except (OSError, ValueError, ValidationError):
        return None


def tidy(note: Path) -> list[str]:
    """Remove the temporary files of a change whose process is dead, and return their paths. The change itself stays as far as it came."""
    pending = find(note)
    removed = []
    for change in pending.changes if pending else ():
        file = leftover(Path(pending.top) / change.path, pending.mark) if pending else Path()
        try:
            file.unlink()
        except OSError:
            continue
        removed.append(str(file))
    return removed


def _text(value: object) -> dict[str, str]:
    assert isinstance(value, bytes)
    return {"base64": base64.b64encode(value).decode()}


def _bytes(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value

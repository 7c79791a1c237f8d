"""What happened when: every event of a run, appended to `timeline.jsonl` beside being shown."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

Report = Callable[[str, Mapping[str, Any]], None]
"""Told what is going on: (event kind, small data). Never raises; callable from any thread."""


class Timeline:
    """A `Report` that writes each event with its time, and passes it on.

    It is a record for people and measurements, nothing is resumed from it: a full disk costs lines here and nothing else.
    """

    def __init__(self, path: Path, onward: Report) -> None:
        self._path = path
        self._onward = onward
        self._lock = threading.Lock()

    def __call__(self, kind: str, data: Mapping[str, Any]) -> None:
        """Keep one event and pass it on."""
        line = json.dumps({"t": round(time.time(), 4), "kind": kind, **data}, default=str)
        with self._lock, suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._onward(kind, data)

"""What the engine is asked to do, and how it answers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Request:
    """One search. The file holds a JSON object with these names; those with a default may be missing."""

    workdir: str
    """Absolute path of the work tree; the tests run there."""
    failing: list[str]
    """Tests that fail on base and should pass."""
    kind: str = "pytest"
    """`pytest` or `unittest`."""
    arguments: tuple[str, ...] = ()
    """The runner's own arguments, as they follow `-m pytest` or `-m unittest`."""
    tests: tuple[str, ...] = ()
    """Test files or folders to look at; empty: all that the runner finds."""
    hint: str = ""
    """Issue text or traceback, for names."""
    together: bool = True
    """All failing tests must pass; else those that seem to have one cause, whichever that is."""
    issue: str = ""
    """When not `together`: failing tests that share words with it are taken first."""
    seed: int = 0
    variant: int = 0
    """Operator order: 0 is the measured one, others shuffle it around that, by this number."""
    max_candidates: int = 3000
    max_plausible: int = 10
    max_tests: int = 400
    """Passing tests to look at, nearest first."""
    max_files: int = 150
    """Test files to collect, nearest first."""
    skip: int = 0
    """Candidates at the front of the order that an earlier search has evaluated."""
    passed: tuple[int, ...] = ()
    """Those of them that passed their first evaluation, by index."""
    known: tuple[int, ...] = ()
    """Those of them that it found plausible: they count, and are not reported again."""
    cpu_s: float = 0.0
    """CPU seconds after which the search stops, wherever it is: a last resort that breaks repeatability. 0 is no limit."""
    batch: int = 50
    """Candidates per forked child."""

    @classmethod
    def load(cls, path: str) -> Request:
        """Read a request. Raises ValueError for what is not one, OSError for what cannot be read."""
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        if not isinstance(data, dict):
            raise ValueError("the request is not an object")  # noqa: TRY004
        unknown = sorted(data.keys() - {item.name for item in fields(cls)})
        if unknown or not {"workdir", "failing"} <= data.keys():
            raise ValueError(f"unknown or missing fields: {', '.join(unknown) or 'workdir, failing'}")
        return cls(**data)


class Events:
    """JSON objects, one per line, on the stream that the caller reads."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def emit(self, event: str, **values: Any) -> None:
        """Write one event."""
        data = json.dumps({"event": event, **values}).encode() + b"\n"
        while data:
            data = data[os.write(self._fd, data) :]

"""Which lines of the project a test runs: `sys.monitoring` where there is one, `sys.settrace` elsewhere.

Only code under `root` is watched. With `only`, code objects that are not in it cost one look-up per call and nothing per line.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType
from typing import Any, Callable, Collection, Optional

CodeKey = tuple[str, int, str]
"""File, first line and name of a code object: the same in every process."""


class Tracer:
    """Collects executed lines per code object between `start` and `stop`."""

    def __init__(self, wanted: Callable[[str], bool], only: Optional[Collection[CodeKey]] = None) -> None:
        self._wanted = wanted
        self._only = None if only is None else frozenset(only)
        self._files: dict[str, bool] = {}
        self._hits: dict[int, Optional[set[int]]] = {}
        self._codes: dict[int, CodeType] = {}

    def start(self) -> None:
        """Begin to collect, from nothing."""
        self._hits = {}
        self._codes = {}
        if sys.version_info >= (3, 12):
            monitoring = sys.monitoring
            if monitoring.get_tool(_TOOL) is None:
                monitoring.use_tool_id(_TOOL, "winnow")
                monitoring.register_callback(_TOOL, monitoring.events.LINE, self._on_line)
            monitoring.set_events(_TOOL, monitoring.events.LINE)
            monitoring.restart_events()
        else:
            sys.settrace(self._on_call)

    def stop(self) -> dict[CodeKey, list[int]]:
        """End, and return the lines run, per code object."""
        if sys.version_info >= (3, 12):
            sys.monitoring.set_events(_TOOL, 0)
        else:
            sys.settrace(None)
        return {key_of(self._codes[name]): sorted(lines) for name, lines in self._hits.items() if lines is not None}

    def _lines(self, code: CodeType) -> Optional[set[int]]:
        """Where to note a code object's lines; None when it is not watched. By identity: to hash code is slow."""
        name = id(code)
        if name not in self._hits:
            self._codes[name] = code
            self._hits[name] = set() if self._watched(code) else None
        return self._hits[name]

    def _watched(self, code: CodeType) -> bool:
        filename = code.co_filename
        wanted = self._files.get(filename)
        if wanted is None:
            wanted = self._files[filename] = self._wanted(filename)
        return wanted and (self._only is None or key_of(code) in self._only)

    def _on_line(self, code: CodeType, line: int) -> Any:
        lines = self._lines(code)
        if lines is not None:
            lines.add(line)
        return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore]

    def _on_call(self, frame: FrameType, event: str, argument: Any) -> Any:
        lines = self._lines(frame.f_code)
        if lines is None:
            return None

        def local(inner: FrameType, kind: str, value: Any) -> Any:
            if kind == "line":
                lines.add(inner.f_lineno)
            return local

        return local


_TOOL = 4
"""A tool id that neither debuggers (0), coverage (1), profilers (2) nor the optimiser (5) use."""

_REAL: dict[str, str] = {}


def real(filename: str) -> str:
    """The file's real path; what is not a file stays as it is."""
    path = _REAL.get(filename)
    if path is None:
        path = _REAL[filename] = filename if filename.startswith("<") else os.path.realpath(filename)
    return path


def key_of(code: CodeType) -> CodeKey:
    """The name by which a code object is known everywhere."""
    return real(code.co_filename), code.co_firstlineno, code.co_name

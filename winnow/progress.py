"""What a person sees while a run goes on: a live line per trajectory on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from winnow.display import Display

_PLAIN_EVERY_S = 15.0
"""Seconds between two lines of the same trajectory where output is not a terminal."""

_PHASES = {
    "snapshot": "taking a snapshot of the repository",
    "environment": "preparing the environment",
    "tests on base": "running the tests on base",
    "context": "looking through the repository",
    "hypotheses": "asking for explanations",
    "selection": "choosing",
    "probes": "putting probes to the changes",
    "judge": "asking for an opinion",
}

_GATES = {"pass": "through the gate", "fail": "fell at the gate", "unknown": "open at the gate"}

_LINES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "run": lambda d: f"run {d['id']} in a {d['sandbox']} sandbox",
    "note": lambda d: str(d["text"]),
    "log": lambda d: f"  {d['line']}",
    "environment": lambda d: f"environment: {d['note']}",
    "base": lambda d: f"tests on base: {d['passed']} pass, {d['failed']} fail; {d['targets']} to repair",
    "check": lambda d: f"{d['seat']}: check {d['iteration']}: {_checked(d)}",
    "plausible": lambda d: f"{d['seat']}: {d['summary']}: passes the tests that were tried",
    "gate": lambda d: f"{_GATES[d['verdict']]}: {d['candidate']}: {d['reason']}",
}


class Progress(Display):
    """Turns events into lines. Callable from any thread; the lock guards everything below it."""

    def __init__(self, console: Console, *, quiet: bool = False, verbose: bool = False) -> None:
        """Show on a console (standard error, so that standard output stays for the result)."""
        super().__init__(console, quiet=quiet)
        self._verbose = verbose
        self._seats: dict[str, dict[str, Any]] = {}
        self._spoke: dict[str, float] = {}
        self._phase = "starting"

    def __call__(self, kind: str, data: Mapping[str, Any]) -> None:
        """Show one event; unknown kinds are shown to nobody."""
        if self._quiet:
            return
        with self._lock:
            line = self._line(kind, data)
        if line:
            self._say(line)

    def _line(self, kind: str, data: Mapping[str, Any]) -> str:
        """The permanent line for an event, if it deserves one; updates the live part."""
        if kind == "phase":
            self._phase = _PHASES.get(data["name"], data["name"])
            return "" if self._live else self._phase
        if kind in ("search", "turn"):
            return self._search(data)
        if kind in ("log", "plausible") and not self._verbose:
            return ""
        return _LINES[kind](data) if kind in _LINES else ""

    def _search(self, data: Mapping[str, Any]) -> str:
        """A trajectory got on."""
        seat = str(data["seat"])
        self._seats[seat] = dict(data)
        self._phase = "working"
        now = time.monotonic()
        if self._live or now - self._spoke.get(seat, 0.0) < _PLAIN_EVERY_S:
            return ""
        self._spoke[seat] = now
        return _progress_of(data)

    def _table(self) -> Table:
        """What the live display shows now."""
        table = Table.grid(padding=(0, 1))
        table.add_row(Spinner("dots"), Text(self._phase))
        for data in list(self._seats.values()):
            table.add_row("", Text(_progress_of(data), style="dim"))
        return table


def _checked(data: Mapping[str, Any]) -> str:
    """What a check of a trajectory showed."""
    if data["proven"]:
        return "the evidence is complete, nothing else broke"
    return f"breaks {data['regressions']} tests" if data["regressions"] else "not there yet"


def _progress_of(data: Mapping[str, Any]) -> str:
    """One trajectory in one line."""
    if "turn" in data:
        return f"{data['seat']}: turn {data['turn']}: {', '.join(data['calls']) or 'thinking'}"
    return f"{data['seat']}: {data['tried']} edits tried, {data['plausible']} plausible, {data['cpu_s']:.1f} CPU-s"

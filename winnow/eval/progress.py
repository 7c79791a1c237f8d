"""What a person sees of a batch: a live table on a terminal, plain lines elsewhere, and a few lines at the end."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.values import Usage
from winnow.display import Display
from winnow.eval.batch import Driver
from winnow.eval.run import BatchResult
from winnow.store import read_last

_PLAIN_EVERY_S = 60.0
"""Seconds between two summaries where output is not a terminal."""
_SHOWN = 16
"""Tasks under way that the live table has lines for."""


class BatchProgress(Display):
    """Turns a batch's events into lines and, on a terminal, a live table; a `winnow.timeline.Report`."""

    _PER_SECOND = 2

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        """Show on a console (standard error, so that standard output stays for the result)."""
        super().__init__(console, quiet=quiet)
        self._driver: Driver | None = None
        self._began = time.monotonic()
        self._known_before = 0
        self._spoke = self._began

    def watch(self, driver: Driver) -> None:
        """Show this driver from now on."""
        self._known_before = len(driver.ends)
        self._driver = driver

    def __call__(self, kind: str, data: Mapping[str, Any]) -> None:
        """Show one event."""
        if self._quiet:
            return
        with self._lock:
            line = _line(kind, data)
            if line:
                self._say(line)
            now = time.monotonic()
            if not self._live and kind in ("ended", "graded") and now - self._spoke > _PLAIN_EVERY_S:
                self._spoke = now
                self._say(self._summary())

    def _summary(self) -> str:
        driver = self._driver
        if driver is None:
            return "starting"
        ends = list(driver.ends.values())
        usage = sum((end.usage for end in ends), Usage())
        paid = "price unknown" if usage.usd is None else f"{usage.usd:.2f} USD"
        infra = sum(len(end.failures) for end in ends)
        parts = [f"{len(ends)} of {driver.tasks} tasks"]
        if not driver.ungraded:
            right = sum(verdict is True for verdict in map(driver.verdict, ends))
            judged = sum(verdict is not None for verdict in map(driver.verdict, ends))
            parts.append(f"{right} of {judged} graded resolved")
        parts += [paid, f"{usage.input_tokens + usage.output_tokens:,} tokens", f"{infra} infrastructure failures"]
        return ", ".join([*parts, self._left(len(ends), driver.tasks)])

    def _left(self, done: int, tasks: int) -> str:
        """When it will be over, if it goes on as so far."""
        fresh = done - self._known_before
        if done == tasks:
            return "all done"
        if fresh <= 0:
            return "time left unknown"
        seconds = (time.monotonic() - self._began) / fresh * (tasks - done)
        return f"about {_span(seconds)} left"

    def _table(self) -> Table:
        """What the live display shows now."""
        table = Table.grid(padding=(0, 2))
        table.add_row(Text(self._summary(), style="bold"))
        driver = self._driver
        if driver is None:
            return table
        kinds = Counter(end.ended for end in list(driver.ends.values()))
        if kinds:
            table.add_row(Text(", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in sorted(kinds.items()))))
        for key in driver.under_way[:_SHOWN]:
            table.add_row(Text(f"  {key}: {_phase(driver, key)}", style="dim"))
        if len(driver.under_way) > _SHOWN:
            table.add_row(Text(f"  and {len(driver.under_way) - _SHOWN} more", style="dim"))
        return table


def show_batch(console: Console, result: BatchResult) -> None:
    """The end of a batch in a few lines."""
    ended = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in result.ended.items())
    lines = [f"{result.tasks} tasks: {ended}."]
    if result.resolved is not None:
        lines.append(f"Resolved: {result.resolved} of {result.tasks} ({result.resolved / result.tasks:.1%}).")
    usage = result.usage
    paid = "price unknown" if usage.usd is None else f"{usage.usd:.4g} USD"
    lines.append(
        f"{paid}, {usage.calls} calls, {usage.input_tokens + usage.output_tokens:,} tokens; "
        f"{result.infra_failures} infrastructure failures."
    )
    if result.left:
        lines.append(f"Not complete: {result.left}. The same command goes on.")
    lines.append(f"Predictions: {result.folder}/preds.jsonl. Report: winnow eval report {result.folder}")
    for line in lines:
        console.print(Text(line), highlight=False, soft_wrap=True)


def _line(kind: str, data: Mapping[str, Any]) -> str:
    """The permanent line for an event, if it deserves one."""
    if kind == "batch":
        known = f", {data['known']} of them known from before" if data["known"] else ""
        return f"batch of {data['tasks']} tasks in {data['dir']}{known}"
    if kind == "ended":
        return f"{data['task']}: {str(data['ended']).replace('_', ' ')}: {data['reason']}"
    if kind == "graded":
        which = "graded" if data["chosen"] else "another candidate graded"
        return f"{data['task']}: {which}: {data['status'].replace('_', ' ')}"
    if kind == "retry":
        return f"{data['task']}: trying again: {data['reason']}"
    return ""


def _phase(driver: Driver, key: str) -> str:
    """What a task is doing, by the last line of its run's timeline."""
    what, _, task = key.partition("/")
    if what == "grade":
        return "hidden tests"
    last = read_last(driver.folder.run(task).path / "timeline.jsonl")
    if last is None:
        return "making its place ready"
    if last["kind"] == "phase":
        return str(last["name"])
    if last["kind"] == "turn":
        return f"{last['seat']}, turn {last['turn']}"
    return str(last["kind"])


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    return (
        f"{minutes // 60} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min"
        if minutes
        else f"{seconds:.0f} s"
    )

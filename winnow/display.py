"""What all displays of progress share: lines, and on a terminal something live below them that goes when it is over."""

import threading
from types import TracebackType
from typing import ClassVar, Self

from rich.console import Console
from rich.live import Live
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text


class Display:
    """Shows on a console (standard error, so that standard output stays for the result).

    Subclasses are told of events from any thread; `_lock` guards what they keep.
    """

    _PER_SECOND: ClassVar[int] = 8

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        """Show on a console; quiet: nothing at all."""
        self._console = console
        self._quiet = quiet
        self._lock = threading.Lock()
        self._live: Live | Bars | None = None

    def __enter__(self) -> Self:
        """Start what is live."""
        if self._console.is_terminal and not self._quiet:
            self._live = self._open()
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it away."""
        if self._live:
            self._live.stop()

    def _open(self) -> Live | Bars:
        """What is live: the table, drawn again and again."""
        return Live(
            console=self._console,
            refresh_per_second=self._PER_SECOND,
            transient=True,
            get_renderable=self._table,
        )

    def _table(self) -> Table:
        """What the table shows now."""
        raise NotImplementedError

    def _say(self, line: str, style: str = "") -> None:
        """Show a line that stays."""
        if not self._quiet:
            self._console.print(Text(line, style=style), highlight=False, soft_wrap=True)

"""What a person sees while patches are graded: a bar on a terminal, a line per grade elsewhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from envs.grading.values import Grade


class GradeProgress:
    """Told of grades from any thread."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        """Show on a console; quiet: nothing at all."""
        self._console, self._quiet = console, quiet
        self._resolved = 0
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        live = console.is_terminal and not quiet
        self._bar = Progress(*columns, console=console, transient=True) if live else None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Start the bar."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()

    def begin(self, total: int) -> None:
        """Say how many patches there are."""
        if self._bar:
            self._task = self._bar.add_task("grading", total=total)

    def graded(self, system: str, grade: Grade) -> None:
        """Show one grade."""
        self._resolved += grade.resolved
        if self._quiet:
            return
        cached = ", known from before" if grade.cached else f", {grade.seconds:.1f} s"
        self._console.print(
            f"{grade.status:11} {grade.task_id} ({system}{cached}): {grade.reason}",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
        if self._bar and self._task is not None:
            self._bar.update(self._task, advance=1, description=f"{self._resolved} resolved")

    def note(self, line: str) -> None:
        """Show a line about images; only what people wait for."""
        if not self._quiet and line.startswith(("Building winnow/task-", "Getting", "Removed")):
            self._console.print(f"  {line}", style="dim", highlight=False, markup=False, soft_wrap=True)

"""What a person sees while patches are graded: a bar on a terminal, a line per grade elsewhere."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from envs.grading.values import Grade
from winnow.display import Display


class GradeProgress(Display):
    """Told of grades from any thread."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        """Show on a console; quiet: nothing at all."""
        super().__init__(console, quiet=quiet)
        self._bars: Bars | None = None
        self._resolved = 0
        self._task: TaskID | None = None

    def begin(self, total: int) -> None:
        """Say how many patches there are."""
        if self._bars:
            self._task = self._bars.add_task("grading", total=total)

    def graded(self, system: str, grade: Grade) -> None:
        """Show one grade."""
        cached = ", known from before" if grade.cached else f", {grade.seconds:.1f} s"
        with self._lock:
            self._resolved += grade.resolved
            self._say(f"{grade.status:11} {grade.task_id} ({system}{cached}): {grade.reason}")
            if self._bars and self._task is not None:
                self._bars.update(self._task, advance=1, description=f"{self._resolved} resolved")

    def note(self, line: str) -> None:
        """Show a line about images; only what people wait for."""
        if line.startswith(("Building winnow/task-", "Getting", "Removed")):
            self._say(f"  {line}", style="dim")

    def _open(self) -> Bars:
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        self._bars = Bars(*columns, console=self._console, transient=True)
        return self._bars

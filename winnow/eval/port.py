"""What a batch asks of datasets and of machines."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from envs.datasets.values import Record
from sandbox.values import Value
from winnow.eval.values import Site


class Sites(Protocol):
    """Makes tasks of one dataset ready. A value: it is sent to the processes that do the work."""

    def site(self, record: Record, folder: Path) -> Site:
        """Make a task's work tree in `folder`, and its image where the dataset prescribes one.

        A folder that is there was made by an earlier call, and is taken as it is.

        Raises:
            TaskError: the repository or its environment cannot be had.
            SandboxError: the machine is at fault.
        """


class Done(Value):
    """How a piece of work ended: with a value, with an error, or with its worker."""

    key: str
    value: Any = None
    """What the function returned."""
    error: Any = None
    """The exception that it raised."""
    lost: str = ""
    """Why there is neither: the process or its node died."""


class Executor(Protocol):
    """Runs functions elsewhere: in processes of this machine, or of a cluster. A worker that dies takes nothing else along.

    For one thread at a time. Leaving the context ends everything that still runs.
    """

    @property
    def slots(self) -> int:
        """How many pieces are worth having under way."""

    def start(self, key: str, function: Callable[[Any], Any], argument: Value) -> None:
        """Start a module's function on a value; `key` must not be under way."""

    def wait(self, seconds: float) -> list[Done]:
        """Return what has ended, after at most so many seconds; each piece once."""

    def stop(self) -> None:
        """Ask what is under way to stop; it still ends through `wait`."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""

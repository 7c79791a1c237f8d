"""The port of everything that proposes candidates: the repairer now, language-model agents beside it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from agent.context.values import Context
from agent.journal import Journal
from agent.trajectory.values import Assignment
from agent.values import Brief, Trajectory
from envs.workspace import Workspace


@dataclass(frozen=True)
class Seat:
    """One trajectory's place in a round: its handles. Never stored."""

    id: str
    index: int
    """Place in the run, from 0; proposers vary their order of search by it."""
    seed: int
    brief: Brief
    journal: Journal
    open_workspace: Callable[[], AbstractContextManager[Workspace]]
    """Opens a fresh sandbox with the base commit in it."""
    report: Callable[[str, Mapping[str, Any]], None]
    """Tells the front door what is going on: (event kind, small data). Never raises."""
    context: Context | None = None
    """What is known of the repository in advance; None for proposers that find their own way."""
    assignment: Assignment | None = None
    """What makes this try differ from the others; None where the seed alone does."""


class Proposer(Protocol):
    """Makes candidates in one trajectory."""

    @property
    def name(self) -> str:
        """As `Candidate.proposer` shows it."""

    def propose(self, seat: Seat) -> Trajectory:
        """Walk one trajectory to its end.

        Returns a trajectory whatever happens inside; a lost machine is `ExitReason.SANDBOX_LOST` with what was found until then.

        Raises:
            DiskFull: the journal cannot be written.
        """

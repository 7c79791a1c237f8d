"""State and context of the run graph: state holds small values and is checkpointed, context holds handles and is not.

State is made of the plain types that every serialiser keeps: LangGraph brings a type that is missing from its allowlist
back as a dict, without an error. Everything larger is in the run store, under the ids that stand here.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypedDict

from sandbox.port import SandboxProvider
from winnow.ahead import Ahead
from winnow.crew import Crew
from winnow.machines import Machines
from winnow.request import Request
from winnow.settings import Settings
from winnow.store import RunDir
from winnow.timeline import Report


class RunState(TypedDict, total=False):
    """What a run remembers between its steps."""

    round: int
    """Rounds that were planned; 0 before the first."""
    ended: Annotated[list[str], operator.add]
    """Ids of trajectories that ended, in the order in which they did."""
    settled: bool
    """The selector would not change its answer after another round."""


class SeatState(TypedDict):
    """What one branch of the fan-out is told."""

    seat: str
    round: int


@dataclass(frozen=True, kw_only=True)
class Site:
    """Handles of one process that prepares a repository."""

    run: RunDir
    request: Request
    settings: Settings
    machines: Machines
    report: Report
    instead: Callable[[], SandboxProvider] | None = None
    """Machines to take when there is no image for those that were chosen; None: that is an error."""


@dataclass(frozen=True, kw_only=True)
class RunContext(Site):
    """Handles of one process that works on a run."""

    crew: Crew
    workers: int = 1
    """Trajectories at once."""
    ahead: Ahead = field(default_factory=Ahead)

"""The handles and the memory of one try under way; what LangGraph passes between the nodes is only where to go next."""

from dataclasses import dataclass, field

from agent.context.values import Context
from agent.models.open import TrajectoryModel
from agent.models.values import Sampling, ToolCall
from agent.probe import Probe
from agent.proposer import Seat
from agent.tools.toolbox import Toolbox
from agent.trajectory.checks import Check, Checks
from agent.trajectory.conversation import Conversation
from agent.trajectory.tape import Tape
from agent.trajectory.values import Assignment, LoopLimits
from agent.trajectory.warmup import WarmUp
from agent.values import ExitReason, Usage
from envs.values import Patch
from envs.workspace import Workspace


@dataclass
class Effort:
    """One try. Used by one thread."""

    seat: Seat
    assignment: Assignment
    limits: LoopLimits
    context: Context
    model: TrajectoryModel
    sampling: Sampling
    warmup: WarmUp
    workspace: Workspace
    toolbox: Toolbox
    checks: Checks
    tape: Tape
    talk: Conversation = field(default_factory=Conversation)
    turn: int = 0
    """Model calls so far."""
    iteration: int = 0
    """Checks so far."""
    silent: int = 0
    """Replies in a row that called no tool."""
    refused: int = 0
    """Times that "done" was sent back."""
    winding_down: bool = False
    """The model was told that this is its last turn."""
    probe: Probe | None = None
    kept: list[Probe] = field(default_factory=list)
    """Tests that are the work itself, in the strategy `probes`."""
    calls: tuple[ToolCall, ...] = ()
    """What the last reply asked for."""
    pending: ToolCall | None = None
    """A call of `submit` that waits for its answer."""
    best: Check | None = None
    last: Check | None = None
    usage: Usage = field(default_factory=Usage)
    exit: ExitReason = ExitReason.EXHAUSTED
    detail: str = ""
    summary: str = ""
    waiver: str = ""
    reason: str = ""
    """Why the probe was accepted, in the model's words."""
    _probed: Probe | None = None

    @property
    def makes_changes(self) -> bool:
        """Whether its work is a change to the repository, which `submit` ends; else it is tests, and `finish` ends it."""
        return self.assignment.strategy != "probes"

    @property
    def probes(self) -> tuple[Probe, ...]:
        """The tests that it believes in."""
        if not self.makes_changes:
            return tuple(self.kept)
        return (self.probe,) if self.probe else ()

    def end(self, reason: ExitReason, detail: str) -> None:
        """Say why the try ends."""
        self.exit, self.detail = reason, detail

    def changed(self) -> bool:
        """Whether the change or the probe is another than at the last check."""
        seen = (self.last.patch if self.last else Patch(diff=""), self._probed)
        return seen != (self.workspace.diff(), self.probe)

    def clear_tree(self) -> None:
        """Take back what was changed while the problem was shown; a probe that is a file of the repository stays."""
        self.workspace.reset()
        if self.probe is not None:
            self.workspace.write(self.probe.path, self.probe.content.encode())

    def restart(self) -> None:
        """Begin a new conversation about the same work."""
        self.talk = Conversation()

    def keep(self, state: Check) -> None:
        """Remember a state, and whether it is the best so far: of equals the later one, as the model meant it."""
        self.last, self._probed = state, self.probe
        if not state.patch.is_empty and (self.best is None or state.evidence.rank >= self.best.evidence.rank):
            self.best = state

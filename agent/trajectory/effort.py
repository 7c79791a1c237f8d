"""The handles and the memory of one try under way; what LangGraph passes between the nodes is only where to go next."""

from contextlib import suppress
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
from envs.patches import is_test_path, paths
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
    note: str = ""
    """What the model is told of its last reply with the next answer; empty: nothing."""
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
    _tree: Patch | None = None
    """What differs from the base, as long as nothing has run since."""

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

    def answer(self, call: ToolCall, text: str) -> None:
        """Answer a call, after what there is to say of the reply as a whole."""
        text = self.tape.say(call.id, f"{self.note}\n\n{text}" if self.note else text)
        self.note = ""
        self.talk.tool(call.id, text)

    def tree(self, *, stale: bool = False) -> Patch:
        """Return what differs from the base, made once for each state of the work tree; `stale`: something has run since."""
        if self._tree is None or stale:
            self._tree = self.workspace.diff()
        return self._tree

    def changed(self) -> bool:
        """Whether the change or the probe is another than at the last check."""
        now = self.tree(stale=True)
        self.follow_probe()
        return (self.last.patch if self.last else Patch(diff=""), self._probed) != (now, self.probe)

    def follow_probe(self) -> None:
        """Take the probe as it stands in the work tree, where it is a test of the repository that `edit` can change.

        Other files of the tests that were changed go along: on a tree without them it would fail for their absence.
        """
        if self.probe is None or not self.probe.test:
            return
        files: dict[str, str] = {}
        for path in (self.probe.path, *filter(is_test_path, paths(self.tree()))):
            with suppress(OSError, UnicodeDecodeError):
                files[path] = self.workspace.read(path).decode()
        content = files.pop(self.probe.path, self.probe.content)
        self.probe = self.probe.model_copy(update={"content": content, "support": tuple(files.items())})

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

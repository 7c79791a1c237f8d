"""Language-model agents as a proposer: one try in one sandbox becomes the candidate of one trajectory."""

import textwrap
from collections.abc import Callable

from agent.context.values import Context
from agent.journal import Journal
from agent.models.open import TrajectoryModel
from agent.models.values import Sampling
from agent.proposer import Seat
from agent.tools.toolbox import make_toolbox
from agent.tools.values import Tool
from agent.trajectory.checks import Check, Checks
from agent.trajectory.effort import Effort
from agent.trajectory.own_tools import AcceptProbe, Finish, KeepProbe, Locate
from agent.trajectory.strategies import walk
from agent.trajectory.tape import Tape
from agent.trajectory.values import LoopLimits
from agent.trajectory.warmup import WarmUp
from agent.values import Candidate, ExitReason, Trajectory
from envs.workspace import Workspace
from sandbox.errors import SandboxLost

_SUMMARY = 400
"""Characters of a candidate's summary."""
_EXTRA: dict[str, tuple[Tool, ...]] = {
    "iterate": (AcceptProbe(),),
    "probes": (KeepProbe(), Finish()),
    "single": (Locate(),),
}
_LEFT_OUT = {"probes": ("edit", "submit"), "single": ("shell", "run_tests", "write_probe")}
"""Tools by strategy; they stay the same for a whole try."""
OpenModel = Callable[[str, str, Journal], TrajectoryModel]
"""(model's name, trajectory's id, its journal) -> the model, budgeted, and served from the journal's past."""


class AgentProposer:
    """Walks the strategy that a seat's assignment names, with the model that it names."""

    name = "agent"

    def __init__(self, open_model: OpenModel, *, limits: LoopLimits, sampling: Sampling) -> None:
        """Keep the handles.

        Args:
            open_model: opens a model by its name for one trajectory, by its id, around its journal.
            limits: how long a try may go on.
            sampling: what all calls share; temperature and seed are the assignment's.
        """
        self._open_model = open_model
        self._limits = limits
        self._sampling = sampling
        self._warmup = WarmUp()

    def propose(self, seat: Seat) -> Trajectory:
        """See `agent.proposer.Proposer`.

        Raises:
            AuthenticationFailed, ModelRejected, PriceUnknown: no try of this run can do better, so the run ends.
        """
        effort: Effort | None = None
        try:
            with seat.open_workspace() as workspace:
                effort = self._effort(seat, workspace)
                walk(effort)
        except SandboxLost as lost:
            return _lost(seat, effort, str(lost))
        return _trajectory(effort)

    def _effort(self, seat: Seat, workspace: Workspace) -> Effort:
        """Lay out everything that one try uses."""
        assert seat.assignment is not None, "agents walk what the plan assigns to them"
        assignment, limits = seat.assignment, self._limits
        own = {"temperature": assignment.temperature, "seed": assignment.seed}
        toolbox = make_toolbox(
            workspace,
            seat.brief,
            limits.tools,
            leave_out=_LEFT_OUT.get(assignment.strategy, ()),
            extra=_EXTRA.get(assignment.strategy, ()),
        )
        return Effort(
            seat=seat,
            assignment=assignment,
            limits=limits,
            context=seat.context or Context(outline="", files=()),
            model=self._open_model(assignment.model, seat.id, seat.journal),
            sampling=self._sampling.model_copy(update=own),
            warmup=self._warmup,
            workspace=workspace,
            toolbox=toolbox,
            checks=Checks(workspace, seat.brief, limits=limits, fresh=seat.open_workspace),
            tape=Tape(seat.journal),
        )


def _trajectory(effort: Effort) -> Trajectory:
    """How a try ended: its best state is the candidate, not its last."""
    best = effort.best
    return Trajectory(
        id=effort.seat.id,
        seed=effort.seat.seed,
        exit=effort.exit,
        detail=effort.detail,
        candidates=(_candidate(effort, best),) if best else (),
        probes=effort.probes,
        usage=effort.usage,
        stats={"turns": float(effort.turn), "iterations": float(effort.iteration), "refused": float(effort.refused)},
    )


def _candidate(effort: Effort, best: Check) -> Candidate:
    evidence = best.evidence
    claims = {
        "strategy": effort.assignment.strategy,
        "proven": str(evidence.proven).lower(),
        "probe": f"{evidence.probe_before or 'none'} -> {evidence.probe_after or 'none'}",
    }
    if effort.last is not None and effort.last.patch != best.patch:
        claims["earlier"] = _why_earlier(effort.last)
    if effort.waiver:
        claims["waiver"] = effort.waiver
    return Candidate(
        id=f"{effort.seat.id}-c0",
        trajectory_id=effort.seat.id,
        patch=best.patch,
        proposer=effort.assignment.model,
        summary=_line(effort.summary),
        claims=claims,
        repairs=tuple(test for test in effort.seat.brief.targets if test in evidence.fixed),
    )


def _why_earlier(last: Check) -> str:
    """Why the last state of the work tree is not the one that is delivered."""
    evidence = last.evidence
    broken = ", ".join(evidence.regressions[:3])
    if broken:
        return f"its last state breaks {broken}"
    return "its last state changes nothing" if last.patch.is_empty else "its last state fails its own check"


def _line(text: str) -> str:
    """A summary in one line, cut at a word where it is long."""
    return textwrap.shorten(text, _SUMMARY, placeholder=" …")


def _lost(seat: Seat, effort: Effort | None, why: str) -> Trajectory:
    """A try whose machine was lost; what a check saw before is kept."""
    if effort is None:
        return Trajectory(id=seat.id, seed=seat.seed, exit=ExitReason.SANDBOX_LOST, detail=why)
    effort.exit, effort.detail = ExitReason.SANDBOX_LOST, why
    return _trajectory(effort)

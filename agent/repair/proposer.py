"""The search-based repairer as a proposer: one search in one sandbox becomes the candidates of one trajectory."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.proposer import Seat
from agent.repair.search import Edit, RepairRequest, SearchResult, apply_edit, run_search
from agent.values import Candidate, ExitReason, Trajectory, Usage
from envs.workspace import Workspace
from sandbox.errors import SandboxLost

_FOUND, _PROGRESS = "plausible", "progress"


class RepairProposer:
    """Template search guided by a failing test (specification: GenProg's line of work, with Ochiai localisation and AST edits)."""

    name = "repair"

    def __init__(self, *, max_candidates: int, max_plausible: int, cpu_limit_s: float) -> None:
        """Keep the limits.

        Args:
            max_candidates: edits tried at most; a count, so that a seed always gives the same answer.
            max_plausible: plausible edits after which a search ends.
            cpu_limit_s: CPU seconds after which it ends, as a last resort.
        """
        self._max_candidates = max_candidates
        self._max_plausible = max_plausible
        self._cpu_limit_s = cpu_limit_s

    def propose(self, seat: Seat) -> Trajectory:
        """See `agent.proposer.Proposer`; a search that was killed goes on behind the last edit that its journal knows."""
        brief = seat.brief
        if not brief.targets:
            return _ended(seat, ExitReason.GAVE_UP, "no test fails on base, so there is nothing to search for")
        if brief.suite.kind == "command":
            return _ended(
                seat, ExitReason.GAVE_UP, "a test command that is neither pytest nor unittest cannot be searched"
            )
        past = _Past.of(seat)
        try:
            with seat.open_workspace() as workspace:
                result = run_search(workspace.box, self._request(seat, past), on_event=_Listener(seat, past))
                edits = (*past.edits, *result.edits)
                candidates = _candidates(seat, workspace, edits)
        except SandboxLost as lost:
            return _ended(seat, ExitReason.SANDBOX_LOST, str(lost))
        return _trajectory(seat, past, result, candidates)

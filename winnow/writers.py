"""Agents that write tests for the issue and propose no patch; their part of a selection."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

from agent.context.values import Context
from agent.models.errors import BudgetExhausted, ModelError
from agent.proposer import Proposer, Seat
from agent.trajectory.values import Assignment
from agent.values import Brief, ExitReason, Trajectory
from envs.workspace import Workspace
from selection.port import WrittenProbe
from selection.values import Origin
from winnow.purse import WRITER, Purse
from winnow.store import RunDir

_FAILED = (ExitReason.SANDBOX_LOST, ExitReason.MODEL_FAILED, ExitReason.OUT_OF_BUDGET)


class AgentWriters:
    """Implements `selection.port.ProbeWriter`: trajectories of the strategy `probes`, side by side, each kept once it has ended."""

    def __init__(
        self,
        agent: Proposer,
        purse: Purse,
        run: RunDir,
        brief: Brief,
        context: Context | None,
        *,
        assignments: Sequence[Assignment],
        open_workspace: Callable[[], AbstractContextManager[Workspace]],
        report: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        """Keep the handles.

        Args:
            agent: walks the trajectories.
            purse: has their journals.
            run: where they are kept.
            brief: what the tests are for.
            context: what is known of the repository.
            assignments: one for each writer.
            open_workspace: opens a fresh sandbox with the base commit in it.
            report: see `agent.proposer.Seat`.
        """
        self._agent = agent
        self._purse = purse
        self._run = run
        self._brief = brief
        self._context = context
        self._assignments = assignments
        self._open_workspace = open_workspace
        self._report = report

    def write(self) -> tuple[WrittenProbe, ...]:
        """See `selection.port.ProbeWriter`; every test has failed on base twice."""
        with ThreadPoolExecutor(max_workers=max(1, len(self._assignments))) as pool:
            walked = list(pool.map(self._walk, range(len(self._assignments))))
        return tuple(
            WrittenProbe(id=f"writer-{index}-p{place}", probe=probe, origin=Origin.WRITER)
            for index, trajectory in enumerate(walked)
            if trajectory is not None
            for place, probe in enumerate(trajectory.probes)
        )

    def _walk(self, index: int) -> Trajectory | None:
        """One writer; None when its model does not work at all."""
        share = f"{WRITER}{index}"
        known = self._run.load(f"{share}.json", Trajectory)
        if known is not None:
            return known
        assignment = self._assignments[index]
        with self._purse.journal(share) as journal:
            seat = Seat(
                id=share,
                index=index,
                seed=assignment.seed or 0,
                brief=self._brief,
                journal=journal,
                open_workspace=self._open_workspace,
                report=self._report,
                context=self._context,
                assignment=assignment,
            )
            try:
                trajectory = self._agent.propose(seat)
            except (ModelError, BudgetExhausted):
                return None
        if trajectory.exit not in _FAILED:  # else it goes on from its journal when it is asked again
            self._run.save(f"{share}.json", trajectory)
        return trajectory


class NoWriter:
    """A writer that is not there."""

    def write(self) -> tuple[WrittenProbe, ...]:
        """Write nothing."""
        return ()

"""What the steps of the run graph do. Each can be repeated: what an earlier process finished is read from the run store."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

from agent.journal import Journal
from agent.proposer import Seat
from agent.values import Brief, Candidate, ExitReason, Trajectory
from envs.patches import BaseTree
from envs.workspace import Workspace, open_workspace
from sandbox.errors import SandboxLost
from selection.first import FirstSelector
from selection.gate import GateResult
from selection.values import Selection
from winnow.bench import FreshBench
from winnow.errors import Interrupted
from winnow.prepare import limits, prepare
from winnow.state import RunContext, SeatState
from winnow.store import read_lines

__all__ = ["load_recorded", "load_trajectories", "prepare", "seats", "select", "walk"]

_TRIES = 2
"""Machines that one trajectory may lose before it counts as lost."""


def seats(context: RunContext, round_number: int) -> list[SeatState]:
    """The trajectories of one round; ids and seeds are the same in every process."""
    count, first = context.settings.run.trajectories, context.settings.run.seed
    places = range((round_number - 1) * count, round_number * count)
    return [SeatState(seat=f"r{round_number}t{index % count}", index=index, seed=first + index) for index in places]


def walk(context: RunContext, seat: SeatState) -> Trajectory:
    """Walk one trajectory to its end and keep it; an infrastructure failure is tried once more in a fresh sandbox.

    Raises:
        Interrupted: the user said stop; the journal holds what was done.
    """
    folder = context.run.trajectory(seat["seat"])
    name = f"trajectories/{seat['seat']}/trajectory.json"
    known = context.run.load(name, Trajectory)
    if known is not None:
        return known
    brief = prepare(context)
    for _ in range(_TRIES):
        with Journal(folder / "events.jsonl") as journal:
            trajectory = context.proposer.propose(
                Seat(
                    id=seat["seat"],
                    index=seat["index"],
                    seed=seat["seed"],
                    brief=brief,
                    journal=journal,
                    open_workspace=_opener(context, brief),
                    report=context.report,
                )
            )
        if context.machines.stopped:
            raise Interrupted("stopped on request")
        if trajectory.exit is not ExitReason.SANDBOX_LOST:
            break
    context.run.save(name, trajectory)
    return trajectory


def _opener(context: RunContext, brief: Brief) -> Callable[[], AbstractContextManager[Workspace]]:
    """Opens fresh workspaces on the base commit."""
    return lambda: open_workspace(
        context.machines, brief.image, brief.snapshot, limits=limits(context.settings), run_id=context.run.id
    )


def load_trajectories(context: RunContext) -> list[Trajectory]:
    """The trajectories that ended, by id."""
    ended = sorted((context.run.path / "trajectories").glob("*/trajectory.json"))
    found = (context.run.load(str(path.relative_to(context.run.path)), Trajectory) for path in ended)
    return [trajectory for trajectory in found if trajectory is not None]


def select(context: RunContext, round_number: int) -> Selection:
    """Choose between all candidates of all rounds so far.

    Walks first what the store does not hold: trajectories whose machines were all lost when this step last ran.

    Raises:
        SandboxLost: every machine was lost and nothing is there to choose from.
    """
    brief = prepare(context)
    for seat in seats(context, round_number):
        walk(context, seat)
    trajectories = load_trajectories(context)
    candidates: list[Candidate] = [candidate for t in trajectories for candidate in t.candidates]
    if not candidates and trajectories and all(t.exit is ExitReason.SANDBOX_LOST for t in trajectories):
        for trajectory in trajectories:  # so that a resume walks them again
            (context.run.trajectory(trajectory.id) / "trajectory.json").unlink(missing_ok=True)
        raise SandboxLost(
            f"every sandbox was lost: {trajectories[0].detail}",
            hint="Is the machine out of memory, or was the Docker daemon stopped? Resume the run when it is back.",
        )
    context.report("phase", {"name": "selection", "candidates": len(candidates)})
    with BaseTree(brief.snapshot, folder=context.run.scratch) as base:
        selector = FirstSelector(
            base,
            FreshBench(context.machines, brief, limits=limits(context.settings), run_id=context.run.id),
            base_report=brief.base_report,
            targets=brief.targets,
            record=lambda leader, result: _record(context, leader, result),
            known=load_recorded(context),
        )
        selection = selector.select(brief.task, candidates)
    context.run.save("selection.json", selection)
    return selection


def _record(context: RunContext, leader: str, result: GateResult) -> None:
    """Keep one gate result."""
    context.report("gate", {"candidate": leader, "passed": result.passed, "reason": result.reason})
    with (context.run.path / "gate.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"leader": leader, "result": result.model_dump(mode="json")}) + "\n")


def load_recorded(context: RunContext) -> dict[str, GateResult]:
    """Gate results of this run so far."""
    lines = read_lines(context.run.path / "gate.jsonl")
    return {line["leader"]: GateResult.model_validate(line["result"]) for line in lines}

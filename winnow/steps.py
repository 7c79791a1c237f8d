"""What the steps of the run graph do. Each can be repeated: what an earlier process finished is read from the run store."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from agent.context.find import find_context_of
from agent.context.values import Context
from agent.journal import Journal
from agent.models.errors import BudgetExhausted, ModelUnavailable
from agent.proposer import Seat
from agent.trajectory.values import Parent
from agent.values import Brief, Candidate, ExitReason, Trajectory
from envs.patches import BaseTree, paths
from envs.workspace import Workspace, open_workspace
from sandbox.errors import SandboxLost
from selection.choose import SelectionLog
from selection.explain import explain
from selection.files import LOG, write_explanation
from selection.port import WrittenProbe
from selection.selector import Choice
from selection.values import Origin
from winnow.advice import open_advice
from winnow.chooser import make_execution, make_selector
from winnow.errors import Interrupted
from winnow.plan import RoundPlan, plan_round, who_proposes
from winnow.prepare import limits, prepare
from winnow.state import RunContext, SeatState

__all__ = ["CHOICE", "load_trajectories", "localize", "plan", "prepare", "select", "walk"]

CHOICE = "choice.json"
_CONTEXT = "context.json"
_EVIDENCE = "evidence.jsonl"
_PARENT_CHARS = 20_000
"""A longer change is no example to learn from."""

_TRIES = 2
"""Machines that one trajectory may lose before it counts as lost."""


def localize(context: RunContext) -> Context | None:
    """What is known of the repository with respect to the task, found once; None when no proposer asks for it."""
    if "agent" not in who_proposes(context.settings):
        return None
    known = context.run.load(_CONTEXT, Context)
    if known is not None:
        return known
    context.report("phase", {"name": "context"})
    brief = prepare(context)
    context.ahead.start(_fresh(context, brief), min(context.workers, context.settings.run.trajectories))
    with BaseTree(brief.snapshot, folder=context.run.scratch) as base:
        found = find_context_of(brief, base)
        count = context.settings.agent.read_files
        if count:
            reading = context.crew.read_files(brief, found, base, count)
            found = reading.context
    context.run.save(_CONTEXT, found)
    return found


def plan(context: RunContext, number: int) -> RoundPlan:
    """The trajectories of one round; the same in every process, once it is made."""
    name = f"round-{number}.json"
    known = context.run.load(name, RoundPlan)
    if known is not None:
        return known
    settings = context.settings
    conditioning: dict[str, Any] = {}
    found = localize(context)
    if number > 1:
        conditioning = _learned(context)
    elif found is not None and settings.agent.hypotheses and settings.run.trajectories > 1:
        context.report("phase", {"name": "hypotheses"})
        conditioning = {"hypotheses": context.crew.hypotheses(prepare(context), found)}
    made = plan_round(settings, number, **conditioning)
    context.run.save(name, made)
    return made


def _learned(context: RunContext) -> dict[str, Any]:
    """What the rounds so far have found: a line for each distinct change, and the leaders with what execution said of them."""
    choice = context.run.load(CHOICE, Choice)
    if choice is None:
        return {}
    candidates = {candidate.id: candidate for t in load_trajectories(context) for candidate in t.candidates}
    leaders = [candidates[leader] for leader in choice.selection.ranking if leader in candidates]
    return {
        "earlier": [candidate.summary or ", ".join(paths(candidate.patch)) for candidate in leaders],
        "parents": [
            Parent(
                candidate_id=leader.id,
                diff=leader.patch.diff,
                evidence=choice.gates[leader.id].reason if leader.id in choice.gates else "not run",
            )
            for leader in leaders
            if len(leader.patch.diff) <= _PARENT_CHARS
        ],
    }


def walk(context: RunContext, seat: SeatState) -> Trajectory:
    """Walk one trajectory to its end and keep it; an infrastructure failure is tried once more in a fresh sandbox.

    Raises:
        Interrupted: the user said stop; the journal holds what was done.
        AuthenticationFailed, ModelRejected: no trajectory can do better.
    """
    folder = context.run.trajectory(seat["seat"])
    name = f"trajectories/{seat['seat']}/trajectory.json"
    known = context.run.load(name, Trajectory)
    if known is not None:
        return known
    brief, found = prepare(context), localize(context)
    place = next(place for place in plan(context, seat["round"]).seats if place.seat == seat["seat"])
    proposer = context.crew.proposer(place.proposer)
    for _ in range(_TRIES):
        with Journal(folder / "events.jsonl") as journal:
            trajectory = proposer.propose(
                Seat(
                    id=place.seat,
                    index=place.index,
                    seed=place.seed,
                    brief=brief,
                    journal=journal,
                    open_workspace=_opener(context, brief),
                    report=context.report,
                    context=found,
                    assignment=place.assignment,
                )
            )
        if context.machines.stopped:
            raise Interrupted("stopped on request")
        if trajectory.exit is not ExitReason.SANDBOX_LOST:
            break
    context.run.save(name, trajectory)
    return trajectory


def _opener(context: RunContext, brief: Brief) -> Callable[[], AbstractContextManager[Workspace]]:
    """Opens fresh workspaces on the base commit, or takes one that was opened ahead."""
    return lambda: context.ahead.opened(_fresh(context, brief))


def _fresh(context: RunContext, brief: Brief) -> Callable[[], AbstractContextManager[Workspace]]:
    return lambda: open_workspace(
        context.machines, brief.image, brief.snapshot, limits=limits(context.settings), run_id=context.run.id
    )


def load_trajectories(context: RunContext) -> list[Trajectory]:
    """The trajectories that ended, by id."""
    ended = sorted((context.run.path / "trajectories").glob("*/trajectory.json"))
    found = (context.run.load(str(path.relative_to(context.run.path)), Trajectory) for path in ended)
    return [trajectory for trajectory in found if trajectory is not None]


def select(context: RunContext, round_number: int) -> Choice:
    """Choose between all candidates of all rounds so far, and write down why.

    Walks first what the store does not hold: trajectories whose machines were all lost when this step last ran.

    Raises:
        SandboxLost: every machine was lost and nothing is there to choose from.
    """
    brief = prepare(context)
    for place in plan(context, round_number).seats:
        walk(context, SeatState(seat=place.seat, round=round_number))
    trajectories = load_trajectories(context)
    candidates: list[Candidate] = [candidate for t in trajectories for candidate in t.candidates]
    if not candidates and trajectories:
        _refuse_emptiness(context, trajectories)
    context.report("phase", {"name": "selection", "candidates": len(candidates)})
    written = [
        WrittenProbe(id=f"{t.id}:{probe.path}", probe=probe, origin=Origin.TRAJECTORY, author=t.id)
        for t in trajectories
        for probe in t.probes
    ]
    execution = make_execution(
        context.settings,
        context.machines,
        brief,
        run_id=context.run.id,
        ledger=context.run.path / _EVIDENCE,
        known=brief.base_report.status == "ran",  # else what is near the changes may not have been reached
    )
    with (
        BaseTree(brief.snapshot, folder=context.run.scratch) as base,
        open_advice(
            context.crew,
            brief,
            base,
            execution,
            candidates,
            context=localize(context),
            open_workspace=_fresh(context, brief),
            report=context.report,
        ) as advice,
    ):
        selector = make_selector(
            context.settings, brief, base, execution, report=context.report, written=written, advice=advice
        )
        choice, log = selector.select(candidates)
    if context.machines.stopped:  # what a model did not say because of it is not what it thinks
        raise Interrupted("stopped on request")
    context.run.save(CHOICE, choice)
    _explain(context, log)
    return choice


def _explain(context: RunContext, log: SelectionLog) -> None:
    """Leave the log and the explanation in the run."""
    context.run.save(LOG, log)
    write_explanation(explain(log), context.run.path)


def _refuse_emptiness(context: RunContext, trajectories: Sequence[Trajectory]) -> None:
    """Raise where no trajectory could work at all, so that a resume walks them again; return where they found nothing.

    Raises:
        SandboxLost: every machine was lost.
        ModelUnavailable: no endpoint answered.
        BudgetExhausted: the budget does not cover the first call.
    """
    detail = trajectories[0].detail
    ends = {t.exit for t in trajectories}
    errors = {
        ExitReason.SANDBOX_LOST: SandboxLost(
            f"every sandbox was lost: {detail}",
            hint="Is the machine out of memory, or was the Docker daemon stopped? Resume the run when it is back.",
        ),
        ExitReason.MODEL_FAILED: ModelUnavailable(
            f"no trajectory got an answer: {detail}",
            hint=f"Go on when the endpoint answers again: winnow resume {context.run.id}",
        ),
        ExitReason.OUT_OF_BUDGET: BudgetExhausted(detail, hint="Allow more; see `winnow fix --help`."),
    }
    error = errors.get(trajectories[0].exit)
    if len(ends) > 1 or error is None or any(t.stats.get("turns") for t in trajectories):
        return
    for trajectory in trajectories:
        (context.run.trajectory(trajectory.id) / "trajectory.json").unlink(missing_ok=True)
    raise error

"""What the trajectories of a round do differently.

Diversity on purpose: strategies and models take turns, the first trajectory samples greedily and the others do not, and at
least every third is left to itself, whatever the model thinks the cause is or earlier rounds found.
"""

from collections.abc import Sequence

from agent.trajectory.hypotheses import Hypothesis
from agent.trajectory.values import Assignment, Parent
from sandbox.values import Value
from winnow.settings import Settings

_FREE = 3
"""One of so many trajectories is unconditioned: self-conditioning alone makes a frozen model worse (EvoScale)."""
_WARM = 0.8
_MAX_PARENTS = 3


class SeatPlan(Value):
    """One trajectory of a round."""

    seat: str
    """Its id, unique in the run."""
    index: int
    """Its place in the run, from 0."""
    seed: int
    proposer: str
    """`agent` or `repair`."""
    assignment: Assignment | None = None
    """None for the repairer, which varies by its seed."""


class RoundPlan(Value):
    """One round; kept in the run, so that a resume walks the same."""

    number: int
    seats: tuple[SeatPlan, ...]


def who_proposes(settings: Settings) -> tuple[str, ...]:
    """`agent`, `repair` or both."""
    return settings.run.proposers or (("agent",) if settings.model.names else ("repair",))


def plan_round(
    settings: Settings,
    number: int,
    *,
    hypotheses: Sequence[Hypothesis] = (),
    earlier: Sequence[str] = (),
    parents: Sequence[Parent] = (),
) -> RoundPlan:
    """Lay out a round.

    Args:
        settings: how many, with which models and strategies.
        number: of the round, from 1.
        hypotheses: explanations to share out, likeliest first.
        earlier: a line for each distinct change of the rounds before.
        parents: changes of the rounds before, from different clusters, best first.
    """
    proposers, count = who_proposes(settings), settings.run.trajectories
    seats: list[SeatPlan] = []
    if "agent" in proposers:
        first = (number - 1) * count
        for place in range(count):
            index = first + place
            assignment = _assign(settings, index, place, hypotheses=hypotheses, earlier=earlier, parents=parents)
            seed = settings.run.seed + index
            seats.append(
                SeatPlan(seat=f"r{number}t{place}", index=index, seed=seed, proposer="agent", assignment=assignment)
            )
    if "repair" in proposers:
        searches = count if proposers == ("repair",) else 1
        for place in range(searches):
            index = (number - 1) * searches + place
            name = f"r{number}t{place}" if searches == count and len(proposers) == 1 else f"r{number}s{place}"
            seats.append(SeatPlan(seat=name, index=index, seed=settings.run.seed + index, proposer="repair"))
    return RoundPlan(number=number, seats=tuple(seats))


def plan_writers(settings: Settings, model: str) -> tuple[Assignment, ...]:
    """What the agents that write tests are told: alike, but for how they sample."""
    temperature = settings.model.temperature
    return tuple(
        Assignment(
            strategy="probes",
            model=model,
            temperature=temperature if temperature is not None else _WARM if place else 0.0,
            seed=settings.run.seed + place,
        )
        for place in range(settings.selection.writers)
    )


def _assign(
    settings: Settings,
    index: int,
    place: int,
    *,
    hypotheses: Sequence[Hypothesis],
    earlier: Sequence[str],
    parents: Sequence[Parent],
) -> Assignment:
    """What one agent's try is told beyond the task."""
    strategies, models = settings.agent.strategies, settings.model.names
    free = place % _FREE == 0
    conditioned = place - place // _FREE - 1
    hypothesis = hypotheses[conditioned % len(hypotheses)] if hypotheses and not free and not parents else None
    temperature = settings.model.temperature
    if temperature is None:
        temperature = 0.0 if index == 0 else _WARM
    return Assignment(
        strategy=strategies[index % len(strategies)],
        model=models[index // len(strategies) % len(models)],
        temperature=temperature,
        seed=settings.run.seed + index,
        hypothesis=hypothesis.cause if hypothesis else "",
        focus=hypothesis.files if hypothesis else (),
        earlier=tuple(earlier) if free else (),
        parents=_pick(parents, conditioned) if parents and not free else (),
    )


def _pick(parents: Sequence[Parent], turn: int) -> tuple[Parent, ...]:
    """Up to three parents, another one first in each try."""
    at = turn % len(parents)
    return tuple([*parents[at:], *parents[:at]][:_MAX_PARENTS])

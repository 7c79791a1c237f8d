"""A lexicographic policy as a list of stages: each keeps the best of what the last one left.

The ranking repeats that: the winner is taken out and the rest decided again. So a stage may allow slack without making the
order of candidates matter.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from selection.standing import Standing
from selection.values import Margin

Worth = Callable[[Standing], float | None]
"""Higher is better; None: unknown. Minus infinity: as good as disqualified, if others are not."""


class Stage(NamedTuple):
    """One comparison."""

    name: str
    worth: Worth
    slack: float = 0.0
    """What lies within this of the best is as good."""
    keep: Callable[[int], int] | None = None
    """From how many there were at the start: how many go on at least (the best of them, and ties of the last). None: only the best."""


class Ranked(NamedTuple):
    """An order, and how its first place was decided."""

    order: tuple[str, ...]
    rule: str
    """Name of the stage that left one change; `id` where several were left; `only` where there was nothing to compare."""
    tied: tuple[str, ...]
    """What all stages found equal to the first, itself included; the order among them is by id."""
    margins: tuple[Margin, ...]


def rank(standings: Mapping[str, Standing], stages: Sequence[Stage]) -> Ranked:
    """Order changes, best first."""
    left = sorted(standings)
    order: list[str] = []
    rule, tied = "only", tuple(left[:1])
    while left:
        best, decided = _best([standings[leader] for leader in left], stages)
        if not order:
            rule, tied = decided, best
        order.append(best[0])
        left.remove(best[0])
    margins = margins_of(standings, stages, order[0], order[1]) if len(order) > 1 else ()
    return Ranked(tuple(order), rule, tied, margins)


def margins_of(
    standings: Mapping[str, Standing], stages: Sequence[Stage], first: str, second: str
) -> tuple[Margin, ...]:
    """What every stage says of two changes, whether or not it was asked."""
    return tuple(
        Margin(
            rule=stage.name,
            first=_finite(stage.worth(standings[first])),
            second=_finite(stage.worth(standings[second])),
        )
        for stage in stages
    )


def _finite(worth: float | None) -> float | None:
    return worth if worth is not None and math.isfinite(worth) else None


def _best(field: Sequence[Standing], stages: Sequence[Stage]) -> tuple[tuple[str, ...], str]:
    """What no stage can tell from the best, sorted by id, and the stage that decided."""
    entrants, rule = len(field), "only"
    for stage in stages:
        if len(field) == 1:
            break
        kept = _kept(field, stage, entrants)
        if len(kept) < len(field):
            rule = stage.name
        field = kept
    return tuple(standing.leader for standing in field), rule if len(field) == 1 else "id"


def _kept(field: Sequence[Standing], stage: Stage, entrants: int) -> list[Standing]:
    """What goes on. Where some are unknown and some are not, the unknown stand in the middle: at the mean of the known."""
    worths = [stage.worth(standing) for standing in field]
    known = [worth for worth in worths if worth is not None]
    if not known:
        return list(field)
    middle = fmean(known)
    filled = [middle if worth is None else worth for worth in worths]
    place = 1 if stage.keep is None else min(stage.keep(entrants), len(filled))
    bar = sorted(filled, reverse=True)[place - 1] - stage.slack
    return [standing for standing, worth in zip(field, filled, strict=True) if worth >= bar]

"""Policies compared over tasks: delivered, and how much of the way from a random pick to the oracle, with intervals."""

import random
from collections.abc import Callable, Sequence

from pydantic import Field

from sandbox.values import Value
from selection.report.outcomes import TaskOutcome


class Interval(Value):
    """An estimate and where 95 % of its bootstrap resamples lie."""

    value: float | None
    """None: not defined, as a share of a gap that is not there."""
    low: float | None
    high: float | None


class Row(Value):
    """One policy. All are means over tasks, in [0, 1]; an abstention delivers nothing right."""

    policy: str
    delivered: Interval
    gap_closed: Interval
    """(delivered - random) / (oracle - random); negative: worse than drawing lots."""
    ahead: Interval
    """Delivered, minus what the first policy of the comparison delivers, on the same tasks. Null for that one itself."""
    abstained: float
    """Share of tasks on which nothing is delivered."""
    precision: float | None
    """Of what is delivered, the share that is right; None when nothing is."""


class Comparison(Value):
    """Policies on the same tasks."""

    tasks: int
    candidates: int
    random: float
    oracle: float
    resamples: int = Field(ge=0)
    seed: int
    rows: tuple[Row, ...]


def compare(tasks: Sequence[TaskOutcome], *, resamples: int = 2000, seed: int = 0) -> Comparison:
    """Compare over tasks; needs at least one. Resampling is paired: all policies see the same tasks each time."""
    dice = random.Random(seed)  # noqa: S311 - reproducible on purpose
    count = len(tasks)
    samples = [dice.choices(range(count), k=count) for _ in range(resamples)]
    lot, oracle = _Column([t.random for t in tasks], samples), _Column([t.oracle for t in tasks], samples)
    names = list(tasks[0].policies)
    columns = {name: _Column([t.policies[name].delivered for t in tasks], samples) for name in names}
    reference = columns[names[0]] if names else None
    rows = []
    for name, column in columns.items():
        abstained = sum(t.policies[name].abstained for t in tasks) / count
        rows.append(
            Row(
                policy=name,
                delivered=_interval([column], lambda values: values[0]),
                gap_closed=_interval([column, lot, oracle], _gap),
                ahead=_interval([column, reference], lambda v: v[0] - v[1])
                if reference is not None and column is not reference
                else Interval(value=None, low=None, high=None),
                abstained=abstained,
                precision=column.mean / (1 - abstained) if abstained < 1 else None,
            )
        )
    return Comparison(
        tasks=count,
        candidates=sum(task.candidates for task in tasks),
        random=lot.mean,
        oracle=oracle.mean,
        resamples=resamples,
        seed=seed,
        rows=tuple(rows),
    )


class _Column:
    """One number per task, its mean, and the means of the resamples."""

    def __init__(self, values: Sequence[float], samples: Sequence[Sequence[int]]) -> None:
        self.mean = sum(values) / len(values)
        self.means = [sum(map(values.__getitem__, sample)) / len(values) for sample in samples]


def _gap(values: Sequence[float]) -> float | None:
    delivered, lot, oracle = values
    return (delivered - lot) / (oracle - lot) if oracle > lot else None


def _interval(columns: Sequence[_Column], statistic: Callable[[Sequence[float]], float | None]) -> Interval:
    value = statistic([column.mean for column in columns])
    drawn = (statistic(means) for means in zip(*(column.means for column in columns), strict=True))
    known = sorted(one for one in drawn if one is not None)
    if value is None or not known:
        return Interval(value=value, low=None, high=None)
    return Interval(value=value, low=_quantile(known, 0.025), high=_quantile(known, 0.975))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

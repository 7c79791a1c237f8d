"""Estimates over tasks with the spread of their bootstrap resamples; paired, as every column sees the same tasks each time."""

import random
from collections.abc import Callable, Sequence

from sandbox.values import Value


class Interval(Value):
    """An estimate and where 95 % of its bootstrap resamples lie."""

    value: float | None
    """None: not defined, as a share of a gap that is not there."""
    low: float | None
    high: float | None


def resample(tasks: int, *, resamples: int, seed: int) -> list[list[int]]:
    """Draw tasks with putting back, as many as there are; the same seed draws the same."""
    dice = random.Random(seed)  # noqa: S311 - reproducible on purpose
    return [dice.choices(range(tasks), k=tasks) for _ in range(resamples)]


class Column:
    """One number per task, its mean, and the means of the resamples."""

    def __init__(self, values: Sequence[float], samples: Sequence[Sequence[int]]) -> None:
        """Take at least one number, and resamples as `resample` draws them."""
        self.mean = sum(values) / len(values)
        self.means = [sum(map(values.__getitem__, sample)) / len(values) for sample in samples]


def interval(columns: Sequence[Column], statistic: Callable[[Sequence[float]], float | None]) -> Interval:
    """Estimate a statistic of the columns' means; resamples in which it is not defined (None) are left out."""
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

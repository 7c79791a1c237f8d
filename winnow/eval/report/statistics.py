"""The few statistics of a report that are more than a mean."""

import math
from collections.abc import Sequence

from sandbox.values import Value
from selection.report.bootstrap import Column, Interval, interval, resample

_Z = 1.959963984540054
"""Standard normal quantile of 97.5 %."""


class Paired(Value):
    """Two systems on the same tasks."""

    tasks: int
    both: int
    """Tasks that both resolve."""
    only_first: int
    only_second: int
    neither: int
    p_value: float
    """McNemar's exact test, two-sided: how often tasks that only one resolves would be shared out at least so unevenly by lot."""
    difference: Interval
    """Share that the second resolves, minus share that the first does; 95 % of paired bootstrap resamples over tasks."""


def pass_at(k: int, *, tries: int, right: int) -> float | None:
    """Chance that at least one of `k` tries drawn without putting back is right: the unbiased estimator of Chen et al. 2021.

    Args:
        k: at least 1.
        tries: that were made.
        right: those of them that are right.

    Returns:
        In [0, 1]; None when fewer than `k` tries were made.
    """
    if tries < k:
        return None
    return 1.0 - math.comb(tries - right, k) / math.comb(tries, k)


def wilson(right: int, total: int) -> Interval:
    """Return a share with its 95 % Wilson interval, which is sound for few tasks and at 0 and 1, where a bootstrap has no spread."""
    if not total:
        return Interval(value=None, low=None, high=None)
    share, z2 = right / total, _Z * _Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return Interval(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def mean(values: Sequence[float], *, resamples: int, seed: int) -> Interval:
    """Return a mean over tasks with its 95 % bootstrap interval; nothing is known of no tasks."""
    if not values:
        return Interval(value=None, low=None, high=None)
    samples = resample(len(values), resamples=resamples, seed=seed)
    return interval([Column(values, samples)], lambda means: means[0])


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (binomial with 1/2); 1 when nothing tells the two apart."""
    total = only_first + only_second
    tail = sum(math.comb(total, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << total))


def compare_pairs(first: Sequence[bool], second: Sequence[bool], *, resamples: int = 2000, seed: int = 0) -> Paired:
    """Compare two systems task by task; both sequences are in the same order, and hold at least one task."""
    pairs = list(zip(first, second, strict=True))
    samples = resample(len(pairs), resamples=resamples, seed=seed)
    columns = [Column([float(pair[side]) for pair in pairs], samples) for side in (0, 1)]
    only_first = sum(one and not two for one, two in pairs)
    only_second = sum(two and not one for one, two in pairs)
    both = sum(one and two for one, two in pairs)
    return Paired(
        tasks=len(pairs),
        both=both,
        only_first=only_first,
        only_second=only_second,
        neither=len(pairs) - both - only_first - only_second,
        p_value=mcnemar(only_first, only_second),
        difference=interval(columns, lambda means: means[1] - means[0]),
    )

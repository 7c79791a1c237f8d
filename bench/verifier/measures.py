"""What scores are worth: order, choice and calibration, each with a 95 % bootstrap interval over tasks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

ABSTAINED = -1.0
"""In the place of a score: ranks last."""

DRAWS = 1000
"""Bootstrap samples."""


@dataclass(frozen=True)
class Scored:
    """One pool's labelled candidates."""

    task: str
    scores: np.ndarray
    right: np.ndarray

    @cached_property
    def order(self) -> float:
        """As `auc`, inside this pool; NaN when it holds one kind only."""
        return auc([self])

    @cached_property
    def share(self) -> tuple[float, float, float]:
        """Delivered, random and oracle; ties are broken by lot."""
        best = self.scores == self.scores.max()
        return float(self.right[best].mean()), float(self.right.mean()), float(self.right.max())


class Estimate(NamedTuple):
    """A figure with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def auc(pools: Sequence[Scored]) -> float:
    """Chance that a right candidate scores more than a wrong one, over all pools together; ties count half."""
    scores = np.concatenate([pool.scores for pool in pools])
    right = np.concatenate([pool.right for pool in pools]).astype(bool)
    if right.all() or not right.any():
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    positives = right.sum()
    return float((ranks[place][right].sum() - positives * (positives + 1) / 2) / (positives * (len(right) - positives)))


def shares(pools: Sequence[Scored]) -> tuple[float, float, float]:
    """Delivered, random and oracle: shares of tasks solved."""
    delivered, random, oracle = np.array([pool.share for pool in pools]).mean(0)
    return float(delivered), float(random), float(oracle)


def gap_closed(pools: Sequence[Scored]) -> float:
    """Share of the gap between random and oracle."""
    delivered, random, oracle = shares(pools)
    return (delivered - random) / (oracle - random) if oracle > random else float("nan")


def pairs_in_order(pools: Sequence[Scored]) -> float:
    """As `auc`, inside each pool that has both kinds, averaged over pools."""
    known = [pool.order for pool in pools if not math.isnan(pool.order)]
    return float(np.mean(known)) if known else float("nan")


def calibration_error(pools: Sequence[Scored]) -> float:
    """Mean distance of probability and share of right ones over ten bins of equal size; those that abstained are left out."""
    return float(sum(abs(mean - share) * count for mean, share, count in reliability(pools)) / max(1, _shown(pools)))


def shape_error(pools: Sequence[Scored]) -> float:
    """As `calibration_error` once the log-odds are moved so that the mean probability is the share of right ones."""
    right = np.concatenate([pool.right[pool.scores != ABSTAINED] for pool in pools])
    odds = logit(np.concatenate([pool.scores[pool.scores != ABSTAINED] for pool in pools]))
    move = brentq(lambda step: expit(odds + step).mean() - right.mean(), -10, 10)
    moved = [
        Scored(
            pool.task,
            np.where(pool.scores == ABSTAINED, ABSTAINED, expit(logit(np.abs(pool.scores)) + move)),
            pool.right,
        )
        for pool in pools
    ]
    return calibration_error(moved)


def brier(pools: Sequence[Scored]) -> float:
    """Mean squared error of the probabilities."""
    errors = [(pool.scores - pool.right)[pool.scores != ABSTAINED] ** 2 for pool in pools]
    return float(np.concatenate(errors).mean())


def reliability(pools: Sequence[Scored], bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean probability, share of right ones, and number of candidates, by bins of equal size."""
    scores = np.concatenate([pool.scores for pool in pools])
    right = np.concatenate([pool.right for pool in pools])
    order = np.argsort(scores, kind="stable")
    order = order[scores[order] != ABSTAINED]
    return [
        (float(scores[part].mean()), float(right[part].mean()), len(part))
        for part in np.array_split(order, bins)
        if len(part)
    ]


def estimate(pools: Sequence[Scored], figure: Callable[[Sequence[Scored]], float]) -> Estimate:
    """A figure with its interval; pools of one task are drawn together."""
    tasks: dict[str, list[Scored]] = {}
    for pool in pools:
        tasks.setdefault(pool.task, []).append(pool)
    groups = list(tasks.values())
    draw = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        chosen = [pool for at in draw.integers(0, len(groups), len(groups)) for pool in groups[at]]
        found.append(figure(chosen))
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return Estimate(figure(pools), float(low), float(high))


def _shown(pools: Sequence[Scored]) -> int:
    return int(sum((pool.scores != ABSTAINED).sum() for pool in pools))

"""Logistic regressions with a ridge, and with agreement never counting against a patch."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import expit

from selection.verifier.model import CLIP, Regression, Term

PRIOR = 0.3
"""Share of right patches that scores are calibrated for. Set by hand: what systems differ in most, training cannot know of a new one."""

AGREEMENT = ("agree_", "most_", "second_", "heard_", "lead_")
"""Features of rivals that may only speak for a patch."""

POOL = (*AGREEMENT, "pool_", "voices")
"""Features of rivals."""

TASK_POWER = 0.5
"""A task's candidates weigh together as its number of candidates to the power of one minus this."""


ALONE = 0.2
"""Scale of features of the patch and the issue relative to those of rivals: smaller ones are penalised more."""


class Sample(NamedTuple):
    """What a fit learns from."""

    names: tuple[str, ...]
    values: np.ndarray
    """A row for each candidate, a column for each name."""
    right: np.ndarray
    tasks: np.ndarray
    repositories: np.ndarray
    weights: np.ndarray

    def where(self, keep: np.ndarray) -> "Sample":
        """A part of it."""
        return Sample(self.names, *(column[keep] for column in self[1:]))

    def by_task(self) -> np.ndarray:
        """Weights with which large pools do not drown small ones; their mean is 1."""
        counts = Counter(self.tasks)
        weights = self.weights * np.array([counts[task] ** -TASK_POWER for task in self.tasks])
        return weights / weights.mean()


def sample_of(rows: Sequence[tuple[dict[str, float], bool, str, str, float]]) -> Sample:
    """Make a sample of features, whether right, task, repository and weight."""
    features, right, tasks, repositories, weights = zip(*rows, strict=True)
    names = tuple(sorted(features[0]))
    values = np.array([[one[name] for name in names] for one in features])
    return Sample(names, values, np.array(right, float), np.array(tasks), np.array(repositories), np.array(weights))


def fit(sample: Sample, ridge: float) -> Regression:
    """Fit; the intercept makes the mean probability `PRIOR`.

    Args:
        sample: what is learned from.
        ridge: penalty on squared weights, in units of one candidate's loss.
    """
    names, values = sample.names, sample.values
    means, deviations = values.mean(0), values.std(0)
    deviations[deviations < 1e-9] = 0
    scales = np.array([1.0 if name.startswith(POOL) else ALONE for name in names])
    safe = np.where(deviations > 0, deviations, 1)
    scaled = np.clip((values - means) / safe, -CLIP, CLIP) * scales * (deviations > 0)
    weights = sample.by_task()
    bounds = [(0 if name.startswith(AGREEMENT) else None, None) for name in names] + [(None, None)]

    def loss(vector: np.ndarray) -> tuple[float, np.ndarray]:
        odds = scaled @ vector[:-1] + vector[-1]
        error = weights * (expit(odds) - sample.right)
        value = weights @ (np.logaddexp(0, odds) - sample.right * odds) + ridge / 2 * vector[:-1] @ vector[:-1]
        return value, np.append(scaled.T @ error + ridge * vector[:-1], error.sum())

    solution = minimize(
        loss,
        np.zeros(len(names) + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 300, "ftol": 1e-7},
    )
    weight = solution.x[:-1]
    odds = scaled @ weight
    intercept = brentq(lambda b: np.average(expit(odds + b), weights=weights) - PRIOR, -20, 20)
    terms = {
        name: Term(round(float(mean), 6), round(float(deviation), 6), round(float(w * scale), 6))
        for name, mean, deviation, w, scale in zip(names, means, deviations, weight, scales, strict=True)
    }
    return Regression(intercept=round(float(intercept), 6), terms=terms)


def log_loss(regression: Regression, sample: Sample) -> float:
    """Mean over candidates, each task weighing as in the fit."""
    terms = [regression.terms[name] for name in sample.names]
    means, deviations, weight = (np.array(column) for column in zip(*terms, strict=True))
    scaled = np.clip((sample.values - means) / np.where(deviations > 0, deviations, 1), -CLIP, CLIP)
    odds = scaled @ (weight * (deviations > 0)) + regression.intercept
    return float(np.average(np.logaddexp(0, odds) - sample.right * odds, weights=sample.by_task()))

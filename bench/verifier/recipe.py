"""The training recipe: which pools are learned from, and how the strength of the penalty is chosen."""

import random
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from fitting import Sample, fit, log_loss, sample_of
from pools import Pool, Row

from selection.verifier.model import Manifest, Model, Regression

RIDGES = (100.0, 300.0, 1000.0)
"""Penalties that are tried inside the training data. The loss on repositories left out decides."""

FOLDS = 3
"""Groups of repositories that are left out in turn to choose the penalty."""

TRUST = 0.5
"""How far rivals of the same family are believed, between nothing and as much as other families. Set by hand."""


class Learned(NamedTuple):
    """The samples of the two regressions."""

    alone: Sample
    among: Sample


def learn_from(pools: Sequence[Pool], wanted: Callable[[Row], bool], *, parts: int) -> Learned:
    """Collect training rows.

    Args:
        pools: tasks.
        wanted: rows that may be seen at all, as labels or as rivals.
        parts: random parts of each pool, of two voices or more, that are learned from besides the whole; all of them weigh as one pool.
    """
    alone_rows, among_rows = [], []
    for pool in pools:
        members = pool.where(wanted)
        for at in members:
            alone, right = pool.rows[at].alone, pool.rows[at].right
            if alone is not None and right is not None:
                alone_rows.append((alone, right, pool.task, pool.repository, 1.0))
        draws = [(members, 1.0), *((part, 1.0 / parts) for part in _parts(pool, members, parts))]
        for part, weight in draws:
            for at, (alone, shown, one_family) in pool.features(part).items():
                right = pool.rows[at].right
                if shown is not None and not one_family and right is not None:
                    among_rows.append(({**alone, **shown}, right, pool.task, pool.repository, weight))
    return Learned(sample_of(alone_rows), sample_of(among_rows))


def _parts(pool: Pool, members: Sequence[int], count: int) -> list[list[int]]:
    """Draw parts of a pool: some families, and of each some trajectories. The same each time."""
    draw = random.Random(zlib.crc32(pool.task.encode()))
    families = sorted({pool.rows[at].family for at in members})
    if len(families) < 3:
        return []
    found = []
    for _ in range(count):
        few = set(draw.sample(families, draw.randint(2, len(families) - 1)))
        found.append([at for at in members if pool.rows[at].family in few and draw.random() < 0.8])
    return found


def choose(sample: Sample) -> float:
    """Take the penalty with the least loss on groups of repositories left out."""
    names, sizes = np.unique(sample.repositories, return_counts=True)
    order = [str(name) for _, name in sorted(zip(-sizes, names, strict=True))]
    fold = np.array([order.index(name) % FOLDS for name in sample.repositories])
    losses = dict.fromkeys(RIDGES, 0.0)
    for at in sorted(set(fold)):
        inside, outside = sample.where(fold != at), sample.where(fold == at)
        for ridge in RIDGES:
            losses[ridge] += log_loss(fit(inside, ridge), outside) * len(outside.right)
    return min(losses, key=lambda ridge: losses[ridge])


def regressions(learned: Learned, without: str | None = None) -> tuple[Regression, Regression]:
    """Fit both, `without` one repository; the penalty is chosen inside what is left."""
    alone, among = (sample.where(sample.repositories != without) if without else sample for sample in learned)
    return fit(alone, choose(alone)), fit(among, choose(among))


def model_of(pair: tuple[Regression, Regression], manifest: Manifest | None = None) -> Model:
    """Make a model of two regressions."""
    empty = Manifest(command="", data={}, date="", sources=(), patches=0, tasks=0)
    return Model(alone=pair[0], among=pair[1], trust=TRUST, manifest=manifest or empty)

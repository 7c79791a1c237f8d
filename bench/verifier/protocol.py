"""Every candidate is scored by a model that saw neither its repository nor its family: as labels, or as rivals."""

import random
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from measures import ABSTAINED, Scored
from pools import Pool, Row
from recipe import learn_from, model_of, regressions

from selection.verifier.model import Model

Models = dict[tuple[str, str], Model]
"""By the family and the repository that were left out."""


def train_all(pools: Sequence[Pool], wanted: Callable[[Row], bool], *, parts: int) -> Models:
    """Train one model for each family and repository."""
    models: Models = {}
    places = {(row.family, pool.repository) for pool in pools for row in pool.rows if row.right is not None}
    for family in sorted({family for family, _ in places}):
        learned = learn_from(pools, lambda row, family=family: row.family != family and wanted(row), parts=parts)  # type: ignore[misc]
        for repository in sorted(name for other, name in places if other == family):
            models[family, repository] = model_of(regressions(learned, without=repository))
    return models


def scored(pool: Pool, members: Sequence[int], models: Models, trust: float | None = None) -> Scored:
    """Score the labelled ones of some candidates, which are the whole pool."""
    features = pool.features(members)
    scores, right = [], []
    for at in members:
        row = pool.rows[at]
        if row.right is None:
            continue
        model = models[row.family, pool.repository]
        if trust is not None:
            model = model.model_copy(update={"trust": trust})
        scores.append(model.probability(*features[at]) if at in features else ABSTAINED)
        right.append(float(row.right))
    return Scored(pool.task, np.array(scores), np.array(right))


def whole(pool: Pool) -> Iterator[list[int]]:
    """All candidates."""
    yield list(range(len(pool.rows)))


def single(pool: Pool) -> Iterator[list[int]]:
    """Each labelled candidate as a pool of its own."""
    yield from ([at] for at, row in enumerate(pool.rows) if row.right is not None)


def families(pool: Pool) -> Iterator[list[int]]:
    """Each family of two trajectories or more as a pool of its own."""
    for family in sorted({row.family for row in pool.rows}):
        members = pool.where(lambda row, family=family: row.family == family)  # type: ignore[misc]
        if len({pool.rows[at].trajectory for at in members}) > 1:
            yield members


def some(count: int, times: int = 5) -> Callable[[Pool], Iterator[list[int]]]:
    """Random parts of so many labelled candidates."""

    def draw_from(pool: Pool) -> Iterator[list[int]]:
        labelled = pool.where(lambda row: row.right is not None)
        draw = random.Random(zlib.crc32(f"{pool.task} {count}".encode()))
        if len(labelled) >= count:
            yield from (sorted(draw.sample(labelled, count)) for _ in range(times))

    return draw_from


def score_all(
    pools: Sequence[Pool], models: Models, make: Callable[[Pool], Iterator[list[int]]], trust: float | None = None
) -> list[Scored]:
    """Score every pool that `make` makes of every task."""
    found = (scored(pool, members, models, trust) for pool in pools for members in make(pool))
    return [one for one in found if len(one.right)]


def baseline(pools: Sequence[Pool], score: Callable[[Pool, int], float]) -> list[Scored]:
    """Whole pools by a rule of thumb."""
    found = []
    for pool in pools:
        labelled = pool.where(lambda row: row.right is not None)
        scores = np.array([score(pool, at) for at in labelled])
        found.append(Scored(pool.task, scores, np.array([float(bool(pool.rows[at].right)) for at in labelled])))
    return found

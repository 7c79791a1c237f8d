"""What every policy would have delivered, task by task."""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence

from pydantic import Field

from sandbox.values import Value
from selection.policies import Preferences, decide
from selection.report.labels import Labels
from selection.standing import assess
from selection.stored import StoredPool, evidence_of


class Outcome(Value):
    """One policy on one task, or the mean over subsets of its pool."""

    delivered: float = Field(ge=0, le=1)
    """Chance that a right patch is delivered."""
    abstained: float = Field(ge=0, le=1)
    """Chance that nothing is delivered."""


Tries = Mapping[str, Sequence[Collection[str]]]
"""By task: the candidates of each try; an empty one is a try that came to nothing."""


class TaskOutcome(Value):
    """All policies on one task."""

    task_id: str
    candidates: int
    random: float
    """Share of right candidates."""
    oracle: float
    """1 when one is right; over subsets the share of those with one."""
    policies: Mapping[str, Outcome]


def outcomes(
    pools: Iterable[StoredPool], labels: Labels, policies: Sequence[str], *, price_of_wrong: float = 0.0
) -> list[TaskOutcome]:
    """Replay policies on whole pools, over the candidates whose label is known; tasks without any are left out."""
    return [_whole(pool, labels[pool.task_id], policies, price_of_wrong) for pool in pools if _labelled(pool, labels)]


def outcomes_at(
    pools: Iterable[StoredPool],
    labels: Labels,
    policies: Sequence[str],
    *,
    k: int,
    draws: int,
    seed: int = 0,
    price_of_wrong: float = 0.0,
    tries: Tries | None = None,
) -> list[TaskOutcome]:
    """Replay policies on what `k` tries came to, drawn without putting back; fewer are taken whole.

    Args:
        pools: as they are stored.
        labels: of the candidates.
        policies: names.
        k: tries at most.
        draws: subsets per task, over which the mean is taken.
        seed: the same seed draws the same subsets, whatever the policies.
        price_of_wrong: see `Preferences`.
        tries: None: every labelled candidate is a try of its own, and tasks without any are left out. Otherwise a task that it
            names counts even when nothing came of its tries: then no policy delivers anything.
    """
    found = []
    for pool in pools:
        known = _labelled(pool, labels)
        units = [(candidate,) for candidate in known] if tries is None else tries.get(pool.task_id, ())
        if not units:
            continue
        dice = random.Random(f"{seed} {k} {pool.task_id}")  # noqa: S311 - reproducible on purpose
        subsets = [dice.sample(units, k) for _ in range(draws)] if k < len(units) else [units]
        parts = []
        for subset in subsets:
            keep = [candidate for unit in subset for candidate in unit if candidate in known]
            parts.append(_one(pool, keep, labels.get(pool.task_id, {}), policies, price_of_wrong))
        found.append(_mean(parts))
    return found


def _labelled(pool: StoredPool, labels: Labels) -> list[str]:
    known = labels.get(pool.task_id, {})
    return [candidate.id for candidate in pool.candidates if candidate.id in known]


def _whole(pool: StoredPool, known: Mapping[str, bool], policies: Sequence[str], price: float) -> TaskOutcome:
    return _one(pool, _labelled(pool, {pool.task_id: known}), known, policies, price)


def _one(
    pool: StoredPool, keep: Collection[str], known: Mapping[str, bool], policies: Sequence[str], price: float
) -> TaskOutcome:
    if not keep:
        nothing = {policy: Outcome(delivered=0.0, abstained=1.0) for policy in policies}
        return TaskOutcome(task_id=pool.task_id, candidates=0, random=0.0, oracle=0.0, policies=nothing)
    assessment = assess(evidence_of(pool, keep))
    found = {}
    for policy in policies:
        decision = decide(assessment, Preferences(policy=policy, price_of_wrong=price))
        right = sum(share for candidate, share in sorted(decision.shares.items()) if known[candidate])
        abstains = float(decision.verdict == "abstained")
        found[policy] = Outcome(delivered=min(right, 1.0), abstained=abstains)
    good = [known[candidate] for candidate in keep]
    return TaskOutcome(
        task_id=pool.task_id,
        candidates=len(keep),
        random=sum(good) / len(good),
        oracle=float(any(good)),
        policies=found,
    )


def _mean(parts: Sequence[TaskOutcome]) -> TaskOutcome:
    count = len(parts)
    return TaskOutcome(
        task_id=parts[0].task_id,
        candidates=parts[0].candidates,
        random=sum(part.random for part in parts) / count,
        oracle=sum(part.oracle for part in parts) / count,
        policies={
            policy: Outcome(
                delivered=min(sum(part.policies[policy].delivered for part in parts) / count, 1.0),
                abstained=sum(part.policies[policy].abstained for part in parts) / count,
            )
            for policy in parts[0].policies
        },
    )

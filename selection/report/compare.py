"""Policies compared over tasks: delivered, and how much of the way from a random pick to the oracle, with intervals."""

from collections.abc import Sequence

from pydantic import Field

from sandbox.values import Value
from selection.report.bootstrap import Column, Interval, interval, resample
from selection.report.outcomes import TaskOutcome


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
    count = len(tasks)
    samples = resample(count, resamples=resamples, seed=seed)
    lot, oracle = Column([t.random for t in tasks], samples), Column([t.oracle for t in tasks], samples)
    names = list(tasks[0].policies)
    columns = {name: Column([t.policies[name].delivered for t in tasks], samples) for name in names}
    reference = columns[names[0]] if names else None
    rows = []
    for name, column in columns.items():
        abstained = sum(t.policies[name].abstained for t in tasks) / count
        rows.append(
            Row(
                policy=name,
                delivered=interval([column], lambda values: values[0]),
                gap_closed=interval([column, lot, oracle], _gap),
                ahead=interval([column, reference], lambda v: v[0] - v[1])
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


def _gap(values: Sequence[float]) -> float | None:
    delivered, lot, oracle = values
    return (delivered - lot) / (oracle - lot) if oracle > lot else None

"""A dataset read: records for whoever solves its tasks, and gold for the grader."""

from collections.abc import Mapping

from envs.datasets.convert import convert
from envs.datasets.pick import Pick
from envs.datasets.rows import read_rows
from envs.datasets.values import Record
from envs.errors import DatasetUnusable
from envs.grading.values import Gold
from sandbox.values import Value


class Dataset(Value):
    """Tasks in order, apart from what must not be seen of them."""

    records: tuple[Record, ...]
    gold: Mapping[str, Gold]
    """By task id. Only the grader may look."""


def load_dataset(source: str, *, split: str = "test", pick: Pick | None = None, hints: bool = False) -> Dataset:
    """Read a dataset; see `read_rows` for the source and `convert` for the rows.

    Raises:
        DatasetUnusable: it cannot be read, a row is bad, an id stands twice in it, or nothing is picked.
    """
    places: dict[str, str] = {}
    tasks: dict[str, tuple[Record, Gold]] = {}
    for row in read_rows(source, split=split):
        record, gold = convert(row, hints=hints)
        if (first := places.setdefault(record.task.id, row.place)) is not row.place:
            raise DatasetUnusable(
                f"{row.place}: the task {record.task.id} stands also at {first}.", hint="Leave one of them out."
            )
        tasks[record.task.id] = record, gold
    if not tasks:
        raise DatasetUnusable(f"{source} has no tasks.", hint="Check the path and the split.")
    chosen = (pick or Pick()).of(tuple(tasks))
    return Dataset(records=tuple(tasks[name][0] for name in chosen), gold={name: tasks[name][1] for name in chosen})

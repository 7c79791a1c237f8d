"""Which candidates are right: a record of its own, that no policy, verifier or pool can hold."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from sandbox.values import Value
from selection.errors import PoolUnusable
from selection.stored import read_values


class Label(Value):
    """Whether a candidate is right."""

    task_id: str
    candidate_id: str
    resolved: bool | None
    """None: nobody says; such a candidate is left out of comparisons."""


Labels = Mapping[str, Mapping[str, bool]]
"""By task, then by candidate: only what is known."""


def read_labels(path: Path) -> Labels:
    """Read a file of labels, one per line.

    Raises:
        PoolUnusable: it cannot be read, or says two things of one candidate.
    """
    known: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for label in read_values(path, Label):
        if label.resolved is None:
            continue
        if known[label.task_id].setdefault(label.candidate_id, label.resolved) != label.resolved:
            raise PoolUnusable(
                f"{path} says two things of candidate {label.candidate_id} of {label.task_id}.",
                hint="Every candidate needs one label.",
            )
    return known

"""Lists of published patches -> pools and labels, in two files."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from selection.errors import PoolUnusable
from selection.report.labels import Label
from selection.stored import StoredCandidate, StoredPool, read_lines


class Published(BaseModel):
    """One line of such a list. Other fields are passed over: none of them may reach a policy."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    instance_id: str
    """The task."""
    patch: str = ""
    source: str = ""
    """The system and its run."""
    family: str = ""
    """Systems that share their scaffold."""
    sample: int | str | None = None
    """Tells several patches of one run apart."""
    tier: str = ""
    """How the run's patches were gathered."""
    claimed_resolved: bool | None = None
    """As published; becomes the label."""


def convert(
    path: Path, *, tiers: Collection[str] = (), issues: Path | None = None
) -> tuple[list[StoredPool], list[Label]]:
    """Gather a list's patches by task, in the order of the list.

    Args:
        path: JSON lines with the fields of `Published`, compressed when the name ends in `.gz`.
        tiers: only these; empty: all.
        issues: JSON lines with `instance_id` and `problem_statement`, for the issues' texts; None: without.

    Raises:
        PoolUnusable: a file cannot be read, or a line lacks its fields.
    """
    pools: dict[str, list[StoredCandidate]] = {}
    labels = []
    for line in _published(path):
        if tiers and line.tier not in tiers:
            continue
        candidates = pools.setdefault(line.instance_id, [])
        name = f"c{len(candidates):03}"
        candidates.append(
            StoredCandidate(
                id=name,
                patch=line.patch,
                trajectory_id=f"{line.source} #{line.sample}" if line.sample is not None else f"{line.source} {name}",
                proposer=line.source,
                family=line.family,
            )
        )
        labels.append(Label(task_id=line.instance_id, candidate_id=name, resolved=line.claimed_resolved))
    texts = _issues(issues) if issues else {}
    return [StoredPool(task_id=t, issue=texts.get(t, ""), candidates=tuple(c)) for t, c in pools.items()], labels


def _published(path: Path) -> Iterator[Published]:
    for number, line in read_lines(path):
        try:
            yield Published.model_validate_json(line)
        except ValidationError as error:
            raise PoolUnusable(
                f"{path}, line {number} is no published patch: {error.errors(include_url=False)[0]['msg']}.",
                hint="It needs `instance_id` and `patch`; `source`, `family` and `claimed_resolved` are used where they are.",
            ) from error


def _issues(path: Path) -> dict[str, str]:
    texts = {}
    for number, line in read_lines(path):
        try:
            record: dict[str, Any] = json.loads(line)
            texts[str(record["instance_id"])] = str(record["problem_statement"])
        except (ValueError, KeyError, TypeError) as error:
            raise PoolUnusable(
                f"{path}, line {number} has no `instance_id` and `problem_statement`.", hint="Leave the issues out."
            ) from error
    return texts

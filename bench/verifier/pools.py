"""Labelled candidates as pools, read once, with what the verifier computes of every candidate and every pair."""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from envs.errors import PatchRejected
from selection.verifier.edits import read_edit
from selection.verifier.issue_features import issue_features, issue_of
from selection.verifier.likeness import Print, likenesses, print_of
from selection.verifier.patch_features import patch_features
from selection.verifier.pool_features import pool_features
from selection.verifier.score import VerifierInput, voices_of

SOURCES = {
    "aorwall/moatless-tools": "MIT",
    "aorwall/SWE-bench-docker": "MIT",
    "SWE-agent/mini-swe-agent": "MIT",
    "All-Hands-AI/OpenHands": "MIT",
    "vstorm-co/pydantic-deepagents": "MIT",
    "agentica-project/R2E-Gym": "Apache-2.0",
    "FSoft-AI4Code/HyperAgent": "Apache-2.0",
}
"""Public repositories of patches that a shipped model may be trained on, and their licences."""

TIERS = ("full", "partial")
"""Everything that a run produced, or a part that was not chosen by outcome."""


@dataclass(frozen=True)
class Row:
    """A candidate with its label."""

    family: str
    trajectory: str
    source: str
    """The public repository that the patch comes from."""
    right: bool | None
    """As its source published; None where nothing was."""
    alone: dict[str, float] | None
    """None: it cannot be read as a patch."""
    changed_lines: int


@dataclass(frozen=True)
class Pool:
    """One task's candidates."""

    task: str
    repository: str
    rows: tuple[Row, ...]
    table: list[list[tuple[float, ...]]]

    def features(self, members: Sequence[int]) -> dict[int, tuple[dict[str, float], dict[str, float] | None, bool]]:
        """Features of some candidates, with these and no others as the pool; see `selection.verifier.score.Features`."""
        kept = [at for at in members if self.rows[at].alone is not None]
        inputs = [
            VerifierInput(diff="", trajectory=self.rows[at].trajectory, family=self.rows[at].family) for at in kept
        ]
        voices, one_family = voices_of(inputs)
        shown: Sequence[dict[str, float] | None] = [None] * len(kept)
        if len(set(voices)) > 1:
            shown = pool_features([[self.table[a][b] for b in kept] for a in kept], voices)
        return {at: (self.rows[at].alone or {}, pool, one_family) for at, pool in zip(kept, shown, strict=True)}

    def where(self, wanted: Callable[[Row], bool]) -> list[int]:
        """Indices of the rows that are wanted."""
        return [at for at, row in enumerate(self.rows) if wanted(row)]


def read_pools(candidates: Path, tasks: Path) -> list[Pool]:
    """Read both files; see `bench/verifier/train.py` for their fields."""
    issues = {record["instance_id"]: (record["repo"], record["problem_statement"]) for record in _lines(tasks)}
    grouped: dict[str, list[dict[str, object]]] = {}
    for record in _lines(candidates):
        if record["tier"] in TIERS:
            grouped.setdefault(str(record["instance_id"]), []).append(record)
    return [_pool(task, *issues[task], grouped[task]) for task in sorted(grouped)]


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _lines(path: Path) -> Iterable[dict[str, str]]:
    with gzip.open(path, "rt") as lines:
        yield from map(json.loads, lines)


def _pool(task: str, repository: str, text: str, records: list[dict[str, object]]) -> Pool:
    issue = issue_of(text)
    rows, prints = [], []
    for record in records:
        alone, shown = None, Print(frozenset(), {}, {}, {}, {}, {}, {}, {}, {})
        try:
            edit = read_edit(str(record["patch"]))
        except PatchRejected:
            pass
        else:
            alone, shown = {**patch_features(edit), **issue_features(issue, edit)}, print_of(edit)
        right = record["claimed_resolved"]
        rows.append(
            Row(
                family=str(record["family"]),
                trajectory=str(record["source"]),
                source=str(record["source_repo"]),
                right=None if right is None else bool(right),
                alone=alone,
                changed_lines=sum(line[:1] in "+-" for line in str(record["patch"]).splitlines()),
            )
        )
        prints.append(shown)
    return Pool(task, repository, tuple(rows), likenesses(prints))

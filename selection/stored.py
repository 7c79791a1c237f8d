"""Pools on disk: one JSON object per line and per task, for selecting again and for comparing policies. Labels are elsewhere."""

import gzip
import zlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Self, TypeVar

from pydantic import ValidationError, model_validator

from sandbox.values import Value
from selection.agreement import agreement
from selection.errors import PoolUnusable
from selection.evidence import AGREEMENT, Entry, Evidence
from selection.text_form import TextForm, text_form
from selection.values import Cluster, Dropped

V = TypeVar("V", bound=Value)


class StoredCandidate(Value):
    """One patch and who it comes from."""

    id: str
    """Unique in its pool."""
    patch: str
    """A unified diff; may be empty."""
    trajectory_id: str = ""
    """Empty: a trajectory of its own."""
    proposer: str = ""
    family: str = ""
    """See `selection.evidence.Entry`."""


class StoredPool(Value):
    """The candidates of one task, in the order in which they came, and what is known of them. Holds no labels."""

    task_id: str
    issue: str = ""
    candidates: tuple[StoredCandidate, ...]
    evidence: Evidence | None = None
    """Clusters, gates, matrix and scores. None: nothing but the patches is known, and they are clustered by their text."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        names = [candidate.id for candidate in self.candidates]
        if len(set(names)) < len(names):
            raise ValueError("two candidates have one id")
        if self.evidence and {entry.candidate_id for entry in self.evidence.entries} != set(names):
            raise ValueError("the evidence is about other candidates")
        return self


def evidence_of(pool: StoredPool, keep: Collection[str] | None = None) -> Evidence:
    """What is known of a pool, or of some of its candidates (None: all), with the agreement between them."""
    evidence = pool.evidence or text_evidence(pool)
    if keep is not None:
        evidence = restrict(evidence, keep)
    scores = tuple(score for score in evidence.scores if score.verifier != AGREEMENT)
    agreed = agreement(evidence, {candidate.id: candidate.patch for candidate in pool.candidates})
    return evidence.model_copy(update={"scores": (*scores, *agreed)})


def text_evidence(pool: StoredPool) -> Evidence:
    """Cluster patches by their text; see `selection.text_form` for what that misses."""
    entries = tuple(
        Entry(
            candidate_id=candidate.id,
            trajectory_id=candidate.trajectory_id or candidate.id,
            proposer=candidate.proposer,
            family=candidate.family,
            position=position,
            length=len(candidate.patch),
        )
        for position, candidate in enumerate(pool.candidates)
    )
    groups: dict[str, list[tuple[Entry, TextForm]]] = {}
    dropped = []
    for entry, candidate in zip(entries, pool.candidates, strict=True):
        form = text_form(candidate.patch)
        if isinstance(form, str):
            dropped.append(Dropped(candidate_id=candidate.id, reason=form))
        else:
            groups.setdefault(form.digest, []).append((entry, form))
    clusters = [
        _cluster([entry for entry, _ in members], size=min(form.size for _, form in members))
        for members in groups.values()
    ]
    return Evidence(
        task_id=pool.task_id,
        entries=entries,
        clusters=tuple(sorted(clusters, key=lambda cluster: cluster.leader)),
        dropped=tuple(dropped),
    )


def restrict(evidence: Evidence, keep: Collection[str]) -> Evidence:
    """The same as if only some candidates had come: probes of trajectories that have none left are gone too."""
    entries = [entry for entry in evidence.entries if entry.candidate_id in keep]
    by_id = {entry.candidate_id: entry for entry in entries}
    gone = {entry.trajectory_id for entry in evidence.entries} - {entry.trajectory_id for entry in entries}
    clusters, renamed = [], {}
    for cluster in evidence.clusters:
        members = [by_id[member] for member in cluster.members if member in by_id]
        if members:
            clusters.append(_cluster(members, size=cluster.size))
            renamed[cluster.leader] = clusters[-1].leader
    probes = tuple(probe for probe in evidence.probes if probe.author not in gone)
    kept = {probe.id for probe in probes}
    gates = (
        gate.model_copy(update={"leader": renamed[gate.leader]}) for gate in evidence.gates if gate.leader in renamed
    )
    cells = (
        cell.model_copy(update={"leader": renamed[cell.leader]})
        for cell in evidence.cells
        if cell.leader in renamed and cell.probe in kept
    )
    scores = (
        score.model_copy(update={"candidate_id": renamed[score.candidate_id]})
        for score in evidence.scores
        if score.candidate_id in renamed
    )
    return Evidence(
        task_id=evidence.task_id,
        entries=tuple(entries),
        clusters=tuple(clusters),
        dropped=tuple(dropped for dropped in evidence.dropped if dropped.candidate_id in by_id),
        gates=tuple(gates),
        probes=probes,
        cells=tuple(cells),
        scores=tuple(scores),
    )


def read_values(path: Path, kind: type[V]) -> Iterator[V]:
    """Read one value per line from a file, compressed when its name ends in `.gz`; blank lines are passed over.

    Raises:
        PoolUnusable: the file cannot be read, or a line is not such a value.
    """
    for number, line in read_lines(path):
        try:
            yield kind.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise PoolUnusable(
                f"{path}, line {number} is no {kind.__name__}: {where + ': ' if where else ''}{first['msg']}.",
                hint="`winnow select convert` makes such files from lists of patches.",
            ) from error


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, from 1, without blank ones.

    Raises:
        PoolUnusable: the file cannot be read, or is not UTF-8.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise PoolUnusable(f"{path} cannot be read: {error}.", hint="One JSON object per line is wanted.") from error


def write_values(path: Path, values: Iterable[Value]) -> int:
    """Write one value per line, compressed when the name ends in `.gz`; returns how many.

    Raises:
        PoolUnusable: the file cannot be written.
    """
    count = 0
    try:
        raw = gzip.GzipFile(path, "wb", mtime=0) if path.suffix == ".gz" else path.open("wb")
        with raw:
            for count, value in enumerate(values, 1):  # noqa: B007 - counted
                raw.write(value.model_dump_json(exclude_defaults=True).encode() + b"\n")
    except OSError as error:
        raise PoolUnusable(f"{path} cannot be written: {error.strerror}.", hint="Name another place.") from error
    return count


def _cluster(members: Collection[Entry], *, size: int) -> Cluster:
    """One cluster; its leader is the member with the shortest diff, then the smallest id."""
    leader = min(members, key=lambda entry: (entry.length, entry.candidate_id))
    return Cluster(leader=leader.candidate_id, members=tuple(sorted(m.candidate_id for m in members)), size=size)

"""Candidates from anywhere: folders of diffs, stored pools, published patches, and predictions as SWE-bench has them."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from selection.errors import PoolUnusable
from selection.stored import StoredCandidate, StoredPool

_DIFFS = (".diff", ".patch")
_RECORDS = (".json", ".jsonl", ".gz")
_HINT = "A folder of .diff files is wanted, or JSON with `instance_id` and `patch` or `model_patch`, or stored pools."


class Intake(NamedTuple):
    """What was read."""

    task_id: str
    """Empty: the files name none."""
    issue: str
    """Empty: the files hold none."""
    candidates: tuple[StoredCandidate, ...]
    """In the order of files, and in each in its own."""


class Record(BaseModel):
    """One patch as somebody published it. Other fields are passed over: none of them may reach a policy."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    task: str = Field(default="", validation_alias=AliasChoices("instance_id", "task_id"))
    patch: str | None = Field(validation_alias=AliasChoices("patch", "model_patch", "diff"))
    """None, as some write for nothing, is the empty patch."""
    system: str = Field(default="", validation_alias=AliasChoices("source", "model_name_or_path", "system"))
    family: str = ""
    """Systems that share their scaffold; the system, where it is not said."""
    sample: int | str | None = Field(default=None, validation_alias=AliasChoices("sample", "attempt"))
    """Tells several patches of one run apart."""


def read_candidates(places: Sequence[Path], *, task: str = "") -> Intake:
    """Read the candidates of one task.

    A diff in a folder is called by its path; its family is the first folder below the one that was named, else what stands before `--` in
    its name. Records are called `c000`, `c001` and so on, counted by task over all files; those of a stored pool keep their names.

    Args:
        places: folders and files, compressed where the name ends in `.gz`.
        task: the task that is wanted; empty where the files are about one only.

    Raises:
        PoolUnusable: a place cannot be read or holds no candidates, or the files are about several tasks or another one.
    """
    diffs: list[StoredCandidate] = []
    records: dict[str, list[Record]] = {}
    pools: dict[str, list[StoredPool]] = {}
    for place in places:
        for file in _files(place):
            if file.suffix in _DIFFS:
                diffs.append(_diff(file, place))
                continue
            for found in _records(file):
                if isinstance(found, StoredPool):
                    pools.setdefault(found.task_id, []).append(found)
                else:
                    records.setdefault(found.task, []).append(found)
    named = _task(task, [name for name in dict.fromkeys([*pools, *records]) if name], places)
    candidates = [*diffs]
    for pool in pools.get(named, []):
        candidates += pool.candidates
    held = [*records.get(named, []), *(records.get("", []) if named else [])]
    candidates += [_candidate(record, number) for number, record in enumerate(held)]
    if len({candidate.id for candidate in candidates}) < len(candidates):
        raise PoolUnusable("Two candidates have one name.", hint="Name each file or pool once.")
    if not candidates:
        raise PoolUnusable(f"{', '.join(map(str, places))} holds no candidates.", hint=_HINT)
    issue = next((pool.issue for pool in pools.get(named, []) if pool.issue), "")
    return Intake(named, issue, tuple(candidates))


def _task(asked: str, named: Sequence[str], places: Sequence[Path]) -> str:
    where = ", ".join(map(str, places))
    if asked:
        if named and asked not in named:
            shown = ", ".join(sorted(named)[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
            raise PoolUnusable(f"{where} holds nothing for task {asked}.", hint=f"It is about {shown}.")
        return asked
    if len(named) > 1:
        raise PoolUnusable(
            f"{where} is about {len(named)} tasks.", hint=f"Name one with --task, such as {sorted(named)[0]}."
        )
    return named[0] if named else ""


def _files(place: Path) -> Iterator[Path]:
    """The files of a folder, sorted by path; hidden ones are passed over."""
    if place.is_dir():
        for path in sorted(place.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(place).parts)
            if path.suffix in (*_DIFFS, *_RECORDS) and path.is_file() and not hidden:
                yield path
    elif place.exists():
        yield place
    else:
        raise PoolUnusable(f"{place} does not exist.", hint=_HINT)


def _diff(file: Path, place: Path) -> StoredCandidate:
    relative = file.relative_to(place) if place.is_dir() else Path(file.name)
    name = relative.with_suffix("").as_posix()
    before, dashes, _ = relative.stem.partition("--")
    family = relative.parts[0] if len(relative.parts) > 1 else before if dashes else ""
    try:
        patch = file.read_bytes().decode()
    except OSError as error:
        raise PoolUnusable(f"{file} cannot be read: {error.strerror}.", hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise PoolUnusable(f"{file} is not UTF-8.", hint="Make it with `git diff --binary`.") from error
    return StoredCandidate(id=name, patch=patch, proposer=family or name, family=family)


def _candidate(record: Record, number: int) -> StoredCandidate:
    name = f"c{number:03}"
    trajectory = f"{record.system} #{record.sample}" if record.sample is not None else f"{record.system} {name}"
    return StoredCandidate(
        id=name,
        patch=(record.patch or "")
        .encode("utf-8", "replace")
        .decode(),  # JSON may spell half pairs, which no file holds
        trajectory_id=trajectory.strip(),
        proposer=record.system or name,
        family=record.family or record.system,
    )


def _records(file: Path) -> Iterator[Record | StoredPool]:
    try:
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        text = data.decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise PoolUnusable(f"{file} cannot be read: {error}.", hint=_HINT) from error
    for where, value in _values(file, text):
        try:
            if isinstance(value, dict) and "candidates" in value:
                yield StoredPool.model_validate(value)
            else:
                yield Record.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            what = ".".join(map(str, first["loc"]))
            raise PoolUnusable(f"{file}, {where} is no candidate: {what}: {first['msg']}.", hint=_HINT) from error


def _values(file: Path, text: str) -> Iterable[tuple[str, Any]]:
    """The objects of a file with where they stand: one per line, a list, or by the task's name."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return _lines(file, text)
    if isinstance(whole, list):
        return [(f"entry {at}", value) for at, value in enumerate(whole, 1)]
    if isinstance(whole, dict) and not {"candidates", "instance_id", "patch", "model_patch", "diff"} & whole.keys():
        named = ((key, value if isinstance(value, dict) else {"patch": value}) for key, value in whole.items())
        return [(f"entry {key}", {"instance_id": key, **value}) for key, value in named]
    return [("the only entry", whole)]


def _lines(file: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                raise PoolUnusable(f"{file}, line {number} is no JSON: {error}.", hint=_HINT) from error

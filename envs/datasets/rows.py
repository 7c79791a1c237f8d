"""Rows of a dataset as they are written: from a file, or from the hub by name."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from envs.errors import DatasetUnusable

HUB = {
    "lite": "SWE-bench/SWE-bench_Lite",
    "verified": "SWE-bench/SWE-bench_Verified",
    "full": "SWE-bench/SWE-bench",
    "multimodal": "SWE-bench/SWE-bench_Multimodal",
    "multilingual": "SWE-bench/SWE-bench_Multilingual",
    "gym": "SWE-Gym/SWE-Gym",
    "smith": "SWE-bench/SWE-smith",
    "rebench": "nebius/SWE-rebench",
    "r2e": "R2E-Gym/R2E-Gym-Subset",
}
"""Datasets that have a short name, as mini-swe-agent calls them where it does."""
FORMS = (".jsonl", ".json", ".parquet")
_INSTALL = "Install it with: pip install 'winnow[datasets]'"


class Row(NamedTuple):
    """One row, and where it stands for messages."""

    place: str
    values: Mapping[str, Any]


def read_rows(source: str, *, split: str = "test") -> Iterator[Row]:
    """Yield the rows of a dataset, in order.

    Args:
        source: a JSONL, JSON (a list, or an object of rows) or Parquet file, or a gzipped one; a folder with `SPLIT.FORM` in it; a
            short name of `HUB`; or the name of a dataset on the hub.
        split: of a folder or of a dataset on the hub.

    Raises:
        DatasetUnusable: there is no such file, it is malformed (with the line), or a package that reads it is missing.
    """
    path = Path(source)
    if path.is_dir():
        path = _of_folder(path, split)
    if path.is_file():
        yield from _of_file(path)
    elif _form(path) or source.startswith((".", "/", "~")):
        raise DatasetUnusable(f"There is no file {source}.", hint="Check the path.")
    else:
        yield from _of_hub(source, split)


def _form(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return next((form for form in FORMS if name.endswith(form)), "")


def _of_folder(folder: Path, split: str) -> Path:
    found = [path for path in sorted(folder.iterdir()) if _form(path) and path.name.startswith(f"{split}.")]
    found += sorted(folder.glob(f"**/{split}-*.parquet"))
    if len(found) != 1:
        what = "no file" if not found else f"{len(found)} files"
        raise DatasetUnusable(f"{folder} has {what} for the split {split!r}.", hint="Name one file.")
    return found[0]


def _of_file(path: Path) -> Iterator[Row]:
    form = _form(path)
    if form == ".parquet":
        yield from _parquet(path)
        return
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DatasetUnusable(f"{path} cannot be read: {error}.", hint="JSONL, JSON or Parquet is wanted.") from error
    yield from _lines(path, text) if form != ".json" else _document(path, text)


def _lines(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                why = getattr(error, "msg", "it nests too deeply")
                raise DatasetUnusable(
                    f"{path}:{number} is not JSON: {why}.", hint="Each line must be one object."
                ) from error
            yield _row(f"{path}:{number}", values)


def _document(path: Path, text: str) -> Iterator[Row]:
    """A list of rows, an object of rows by id, or lines under the wrong name."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            yield from _lines(path, text)
            return
        raise DatasetUnusable(
            f"{path}:{error.lineno} is not JSON: {error.msg}.", hint="A list of objects is wanted."
        ) from error
    except RecursionError as error:
        raise DatasetUnusable(f"{path} nests too deeply.", hint="A list of objects is wanted.") from error
    if isinstance(found, dict) and "instance_id" in found:
        found = [found]
    if isinstance(found, dict):
        found = [{"instance_id": name, **row} if isinstance(row, dict) else row for name, row in found.items()]
    if not isinstance(found, list):
        raise DatasetUnusable(f"{path} holds no list of rows.", hint="A list of objects is wanted.")
    for number, values in enumerate(found, 1):
        yield _row(f"{path}, row {number}", values)


def _row(place: str, values: Any) -> Row:
    if not isinstance(values, dict):
        raise DatasetUnusable(f"{place} is no object.", hint="Each row must be one JSON object.")
    return Row(place, values)


def _parquet(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 (an optional extra)
    except ImportError as error:
        raise DatasetUnusable(f"Reading {path} needs pyarrow.", hint=_INSTALL) from error
    try:
        rows = parquet.read_table(path).to_pylist()
    except (ArrowException, OSError) as error:
        raise DatasetUnusable(f"{path} cannot be read: {error}.", hint="A Parquet file is wanted.") from error
    for number, values in enumerate(rows, 1):
        yield Row(f"{path}, row {number}", values)


def _of_hub(name: str, split: str) -> Iterator[Row]:
    known = HUB.get(name.lower(), name)
    if "/" not in known:
        raise DatasetUnusable(
            f"There is no dataset {name!r}.", hint=f"A file, OWNER/NAME on the hub, or one of: {', '.join(HUB)}."
        )
    try:
        from datasets import load_dataset  # noqa: PLC0415 (an optional extra)
    except ImportError as error:
        raise DatasetUnusable(f"Getting {known} needs the package datasets.", hint=_INSTALL) from error
    try:
        found = load_dataset(known, split=split)
    except Exception as error:  # the library, and what it calls, raise anything
        raise DatasetUnusable(
            f"{known} ({split}) cannot be had: {str(error).splitlines()[0] if str(error) else type(error).__name__}.",
            hint="Check the name, the split and the connection, or name a local file.",
        ) from error
    for number, values in enumerate(found, 1):
        yield Row(f"{known}, row {number}", values)

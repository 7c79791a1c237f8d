"""Grades that are known already, by the content of what was graded."""

import gzip
import hashlib
import json
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from envs.disk import room_for
from sandbox.values import Value

V = TypeVar("V", bound=Value)


class GradeCache:
    """Files in a folder, each written at once or not at all; several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @staticmethod
    def key(parts: Mapping[str, Any]) -> str:
        """Return the content hash of what decides a grade."""
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:40]

    def load(self, key: str, kind: type[V]) -> V | None:
        """Return what is kept; None when there is nothing that can be read."""
        try:
            return kind.model_validate_json(gzip.decompress(self._path(key).read_bytes()))
        except (OSError, EOFError, zlib.error, ValidationError):
            return None

    def store(self, key: str, value: Value) -> None:
        """Keep a value.

        Raises:
            DiskFull: no room.
        """
        path = self._path(key)
        with room_for("a grade"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as draft:
                draft.write(gzip.compress(value.model_dump_json().encode("utf-8", "surrogatepass"), 6))
            Path(draft.name).replace(path)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json.gz"

"""Results that were paid for: kept by the content that they depend on, on disk as they come, and never paid for twice."""

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from sandbox.errors import DiskFull
from sandbox.values import Value

V = TypeVar("V", bound=Value)


def key_of(*parts: Any) -> str:
    """Name of a result: the hash of everything that it depends on, as JSON (64 hexadecimal digits)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Ledger:
    """Results by key. Several threads may use one; several processes may append to one file.

    Invariant of the lock: `_known` and `_under_way` change, and the file grows, only under it.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Read what is there.

        Args:
            path: JSON lines of `key` and `value`, made when the first result comes; a line that a kill cut short is passed over.
                None: nothing is kept beyond this object.
        """
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}
        self._under_way: dict[str, Future[Any]] = {}
        self.done = 0
        """Results that were not known and had to be run for."""
        self._torn = False
        if path is not None and path.exists():
            data = path.read_bytes()
            self._torn = bool(data) and not data.endswith(b"\n")
            for line in data.splitlines():
                try:
                    entry = json.loads(line)
                    self._known[entry["key"]] = entry["value"]
                except (ValueError, KeyError, TypeError):
                    continue

    def once(self, key: str, kind: type[V], run: Callable[[], V]) -> V:
        """Return the result of a key, and run for it only when nobody has: who asks meanwhile waits for the same run.

        What raises is not kept; of several who wait, each then tries for itself.

        Raises:
            DiskFull: the result cannot be kept.
        """
        while True:
            with self._lock:
                if key in self._known:
                    try:
                        return kind.model_validate(self._known[key])
                    except ValidationError:  # as another version wrote it
                        del self._known[key]
                waiting = self._under_way.get(key)
                if waiting is None:
                    own = self._under_way[key] = Future()
                    break
            if waiting.exception() is None:
                return waiting.result()  # type: ignore[no-any-return]
        try:
            value = run()
            self._keep(key, value)
        except BaseException as error:
            with self._lock:
                del self._under_way[key]
            own.set_exception(error)
            raise
        with self._lock:
            del self._under_way[key]
        own.set_result(value)
        return value

    def _keep(self, key: str, value: Value) -> None:
        plain = value.model_dump(mode="json", exclude_defaults=True)
        line = json.dumps({"key": key, "value": plain}) + "\n"
        with self._lock:
            self._known[key] = plain
            self.done += 1
            if self._path is None:
                return
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("ab") as file:
                    file.write(("\n" if self._torn else "").encode() + line.encode())
                self._torn = False
            except OSError as error:
                raise DiskFull(
                    f"{self._path} cannot be written: {error.strerror}",
                    hint="Free some space, or set --state-dir elsewhere.",
                ) from error

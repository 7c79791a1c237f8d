"""What tests leave behind in a process, noticed and put back, so that one candidate does not see another's traces."""

from __future__ import annotations

import functools
import gc
import os
import random
import sys
from types import ModuleType
from typing import Any, Callable

from .tracing import real

_Container = Any


class StateGuard:
    """Module globals, class attributes, and the plain containers in them, of the modules that `ours` accepts.

    Restoring is cheap: lengths of everything are compared, contents only of what `watch` found changing.
    """

    def __init__(self, ours: Callable[[str], bool], workdir: str) -> None:
        self._workdir = workdir
        self._path = list(sys.path)
        self._saved: list[tuple[_Container, Any]] = []
        seen: set[int] = set()
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if type(module) is ModuleType and isinstance(path, str) and ours(real(path)):
                self._save_namespace(module.__dict__, module.__name__, seen)
        self._caches = [
            item for item in gc.get_objects() if isinstance(item, functools._lru_cache_wrapper) and _ours(item, ours)
        ]
        self._hot: set[int] = set()

    def _save_namespace(self, namespace: dict[str, Any], module: str, seen: set[int]) -> None:
        self._save(namespace, seen)
        for value in list(namespace.values()):
            if isinstance(value, type) and value.__module__ == module and id(value) not in seen:
                seen.add(id(value))
                self._saved.append((value, _attributes(value)))
                for inner in list(vars(value).values()):
                    self._save(inner, seen)
            else:
                self._save(value, seen)

    def _save(self, value: Any, seen: set[int]) -> None:
        if type(value) in (dict, list, set) and id(value) not in seen and len(value) < 10_000:
            seen.add(id(value))
            self._saved.append((value, value.copy()))

    def watch(self) -> list[int]:
        """Places whose content differs from what was saved, for `mark`."""
        return [index for index, (value, saved) in enumerate(self._saved) if not _same(value, saved)]

    def mark(self, places: list[int]) -> None:
        """Compare these in full from now on."""
        self._hot.update(places)

    def restore(self) -> None:
        """Put everything back that is known to change or has another length, clear caches, go home, and seed `random`."""
        for index, (value, saved) in enumerate(self._saved):
            if index in self._hot or (not isinstance(value, type) and len(value) != len(saved)):
                _put_back(value, saved)
        for cache in self._caches:
            cache.cache_clear()
        if sys.path != self._path:
            sys.path[:] = self._path
        os.chdir(self._workdir)
        random.seed(20)


def _ours(cache: Any, ours: Callable[[str], bool]) -> bool:
    code = getattr(getattr(cache, "__wrapped__", None), "__code__", None)
    return code is not None and ours(real(code.co_filename))


def _attributes(owner: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(owner).items()
        if not name.startswith("_abc_") and name not in ("__dict__", "__weakref__")
    }


def _same(value: Any, saved: Any) -> bool:
    if isinstance(value, type):
        value = _attributes(value)
    if len(value) != len(saved):
        return False
    if isinstance(value, dict):
        return all(name in value and value[name] is item for name, item in saved.items())
    if isinstance(value, list):
        return all(left is right for left, right in zip(value, saved))
    return bool({id(item) for item in value} == {id(item) for item in saved})


def _put_back(value: Any, saved: Any) -> None:
    if _same(value, saved):
        return
    if isinstance(value, type):
        _put_back_class(value, saved)
    elif isinstance(value, list):
        value[:] = saved
    elif isinstance(value, set):
        value.clear()
        value.update(saved)
    else:
        for name in value.keys() - saved.keys():
            if not isinstance(value[name], ModuleType):  # a submodule that was imported late stays, as in `sys.modules`
                del value[name]
        value.update(saved)


def _put_back_class(owner: type, saved: dict[str, Any]) -> None:
    now = _attributes(owner)
    try:
        for name in now.keys() - saved.keys():
            delattr(owner, name)
        for name, item in saved.items():
            if now.get(name) is not item:
                setattr(owner, name, item)
    except (AttributeError, TypeError):
        return  # a class that guards its attributes (an enum) keeps what it has


class Tree:
    """The files below a folder, so that what tests write there can be undone."""

    def __init__(self, root: str, keep: int = 64 << 20) -> None:
        self._root = root
        self._before = self._scan()
        self._content: dict[str, bytes] = {}
        for path, (size, _) in self._before.items():
            if size <= 1 << 20 and keep - size >= 0:
                keep -= size
                self._content[path] = _read(path)

    def _scan(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for folder, folders, names in os.walk(self._root):
            folders[:] = [name for name in folders if name not in (".git", "__pycache__", ".venv", "node_modules")]
            for name in names:
                path = os.path.join(folder, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                found[path] = (status.st_size, status.st_mtime_ns)
        return found

    def restore(self) -> list[str]:
        """Remove new files, put back changed ones; return the paths of both."""
        now = self._scan()
        changed = sorted(path for path in now.keys() | self._before.keys() if now.get(path) != self._before.get(path))
        for path in changed:
            try:
                if path not in self._before:
                    os.unlink(path)
                elif path in self._content and not os.path.islink(path):
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "wb") as file:
                        file.write(self._content[path])
                    os.utime(path, ns=(self._before[path][1], self._before[path][1]))
            except OSError:
                continue
        return changed


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""

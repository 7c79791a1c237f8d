"""Tests as pytest collects them, run one by one without its reports."""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import unittest
from typing import Any, Callable, Collection, Optional, Sequence

import pytest

from .runner import FAILED, PASSED, SKIPPED, CollectionFailed, Result, Runner

_FULL_FIXTURES = {"caplog", "subtests", "testdir", "pytester"}
_FULL_MARKERS = ("xfail", "skip", "skipif", "filterwarnings", "flaky")
_OPTIONAL = {
    "xdist": ["-n0"],
    "pytest_cov": ["--no-cov"],
    "pytest_timeout": ["--timeout=0"],
    "pytest_benchmark": ["--benchmark-disable"],
    "hypothesis": ["--hypothesis-seed=0"],
}
"""Options that keep a plugin from doing something that the search cannot use."""


class PytestRunner:
    """Implements `Runner` over the items of a pytest session."""

    def __init__(self, session: Any, reports: list[Any]) -> None:
        self._session = session
        self._state = session._setupstate
        self._reports = reports
        self._items: dict[str, Any] = {}
        for item in session.items:
            self._items.setdefault(item.nodeid, item)
            item.repr_failure = item._repr_failure_py = _brief  # pytest's own rendering costs more than most tests
        self.ids = list(self._items)
        self.files = {name: str(getattr(item, "path", None) or item.fspath) for name, item in self._items.items()}
        self.code_tests = frozenset(name for name, item in self._items.items() if hasattr(item, "dtest"))

    def expand(self, name: str) -> list[str]:
        """See `Runner`."""
        if name in self._items:
            return [name]
        return [test for test in self.ids if test.startswith((name + "::", name + "[", name.rstrip("/") + "/"))]

    def needs_full(self, test: str) -> bool:
        """See `Runner`."""
        item = self._items[test]
        if _FULL_FIXTURES & set(getattr(item, "fixturenames", ())):
            return True
        if any(item.get_closest_marker(marker) for marker in _FULL_MARKERS):
            return True
        return hasattr(type(item), "addSubTest") and _mentions(self.files[test], b"subTest")

    def run(
        self,
        ids: Sequence[str],
        *,
        full: Collection[str],
        before: Callable[[str], None],
        after: Callable[[str, Result], bool],
    ) -> None:
        """See `Runner`."""
        items = [self._items[name] for name in ids]
        for position, item in enumerate(items):
            following = items[position + 1] if position + 1 < len(items) else None
            before(item.nodeid)
            result = self._full(item, following) if item.nodeid in full else self._direct(item, following)
            if not after(item.nodeid, result):
                if following is not None:
                    self._teardown(item, None)
                return

    def _full(self, item: Any, following: Any) -> Result:
        """One test by the whole protocol, as the runner itself would."""
        self._reports.clear()
        try:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException as error:
            self._teardown(item, following)
            return Result(FAILED, error)
        for report in self._reports:
            if report.failed:
                return Result(FAILED, None, str(report.longrepr))
        if any(report.skipped for report in self._reports) or not self._reports:
            return Result(SKIPPED)
        return Result(PASSED)

    def _direct(self, item: Any, following: Any) -> Result:
        """One test by set-up, call and tear-down alone."""
        globs = dict(item.dtest.globs) if hasattr(item, "dtest") and item.dtest is not None else None
        if hasattr(item, "_initrequest"):
            item._initrequest()
        item.__dict__.pop("_excinfo", None)
        try:
            (getattr(self._state, "setup", None) or self._state.prepare)(item)
            item.runtest()
            caught = getattr(item, "_excinfo", None)
            result = _of(caught[0].value) if caught else Result(PASSED)
        except BaseException as error:
            result = _of(error)
        broken = self._teardown(item, following)
        if globs is not None:
            item.dtest.globs.clear()
            item.dtest.globs.update(globs)
        return Result(FAILED, broken) if broken is not None and result.outcome == PASSED else result

    def _teardown(self, item: Any, following: Any) -> Optional[BaseException]:
        """Take down the fixtures that the following test does not share; return what that raised."""
        try:
            try:
                self._state.teardown_exact(following)
            except TypeError:
                self._state.teardown_exact(item, following)
        except BaseException as error:
            if following is None:
                self._state.stack.clear()
            return error
        return None


def _brief(excinfo: Any, style: Any = None) -> str:
    """What stands in a report for a failure."""
    try:
        return f"{excinfo.type.__name__}: {excinfo.value}"
    except Exception:
        return str(excinfo.type)


def _of(error: BaseException) -> Result:
    """The result of a test that raised."""
    if isinstance(error, (pytest.skip.Exception, pytest.xfail.Exception, unittest.SkipTest)):
        return Result(SKIPPED, error)
    return Result(FAILED, error)


def _mentions(path: str, word: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return word in file.read()
    except OSError:
        return True


class _Takeover:
    """Plugin that limits collection to the nearest files and takes over when it is done."""

    def __init__(self, failing: Sequence[str], max_files: int, then: Callable[[Runner], None]) -> None:
        self._failing = failing
        self._max_files = max_files
        self._then = then
        self._left_out: set[str] = set()
        self._reports: list[Any] = []
        self.errors: list[str] = []
        self.taken = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: Any) -> None:
        """Put the files of the failing tests first, and leave out the farthest of too many."""
        config = session.config
        named = [test.partition("::")[0] for test in self._failing]
        files = sorted({name for name in named if name and os.path.exists(name)})
        config.args = files + [argument for argument in config.args if argument not in files]
        found = _test_files(config.args, config.getini("python_files"))
        if len(found) > self._max_files:
            found.sort(key=lambda path: (-_nearness(path, files), path))
            self._left_out = set(found[self._max_files :])

    def pytest_ignore_collect(self, collection_path: Any) -> Optional[bool]:
        """Leave out what is too far away."""
        return True if str(collection_path) in self._left_out else None

    def pytest_collectreport(self, report: Any) -> None:
        """Keep the reasons for which files could not be collected."""
        if report.failed:
            self.errors.append(str(report.longrepr)[-1000:])

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Collect the reports of a test that runs by the whole protocol."""
        self._reports.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        """Take over."""
        self.taken = True
        self._then(PytestRunner(session, self._reports))
        return True


def _nearness(path: str, files: Sequence[str]) -> int:
    """How many leading folders a file shares with the nearest of `files`; 1000 for one of them."""
    absolute = [os.path.abspath(file) for file in files]
    if path in absolute:
        return 1000
    return max([len(os.path.commonpath([path, other])) for other in absolute] or [0])


def _test_files(arguments: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Absolute paths of the test files below folders that pytest was told to look at."""
    found: dict[str, None] = {}
    for argument in arguments:
        path = os.path.abspath(argument.partition("::")[0])
        if os.path.isfile(path):
            found[path] = None
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(
                name for name in folders if not name.startswith(".") and name not in ("node_modules", "venv")
            )
            for name in sorted(names):
                if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                    found[os.path.join(folder, name)] = None
    return list(found)


def extra_options(scratch: str) -> list[str]:
    """Options that keep pytest and its plugins from writing in the tree, stopping early or running elsewhere."""
    options = [
        "-s",
        "--maxfail=0",
        "-p",
        "no:randomly",
        "-o",
        f"cache_dir={scratch}/cache",
        f"--basetemp={scratch}/pytest",
    ]
    for module, extra in _OPTIONAL.items():
        if importlib.util.find_spec(module) is not None:
            options += extra
    return options


def collect(
    arguments: Sequence[str], failing: Sequence[str], scratch: str, max_files: int, then: Callable[[Runner], None]
) -> None:
    """Collect with pytest in this process and call `then`. Raises `CollectionFailed`."""
    plugin = _Takeover(failing, max_files, then)
    try:
        code = pytest.main([*arguments, *extra_options(scratch)], plugins=[plugin])
    except SystemExit as error:
        raise CollectionFailed(f"pytest left with {error.code}") from error
    if not plugin.taken:
        detail = plugin.errors[0] if plugin.errors else "it could not start with the suite's options"
        raise CollectionFailed(f"pytest collected nothing (exit code {int(code)}): {detail}")

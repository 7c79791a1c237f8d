"""Tests as pytest collects them, run one by one without its reports."""

from __future__ import annotations

import fnmatch
import importlib.util
import inspect
import os
import unittest
from typing import Any, Callable, Collection, Mapping, Optional, Sequence

import _pytest.assertion.util
import _pytest.tmpdir
import pytest

from .runner import FAILED, PASSED, SKIPPED, CollectionFailed, Result, Runner

_FULL_FIXTURES = {"caplog", "subtests", "testdir", "pytester"}
"""pytest's own fixtures that count on the hooks around a test."""
_SHORT_FIXTURES = {"mocker"}
"""Plugins' fixtures that are known not to."""
_RUN_HOOKS = (
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "pytest_runtest_protocol",
    "pytest_runtest_makereport",
)
_OLD = int(pytest.__version__.split(".")[0]) < 7
_FULL_MARKERS = ("xfail", "skip", "filterwarnings", "flaky")
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

    def __init__(self, session: Any, reports: list[Any], options: list[str]) -> None:
        self._session = session
        self._state = session._setupstate
        self._reports = reports
        self.options = options
        self._known: tuple[Sequence[str], bool] = ((), False)
        self._items: dict[str, Any] = {}
        for item in session.items:
            self._items.setdefault(item.nodeid, item)
            item.repr_failure = item._repr_failure_py = _brief  # pytest's own rendering costs more than most tests
        self._results = getattr(_pytest.tmpdir, "tmppath_result_key", None)  # what `tmp_path` looks for when taken down
        self._root = os.path.join(os.path.realpath(os.getcwd()), "")
        plugins = [plugin for plugin in session.config.pluginmanager.get_plugins() if _is_conftest(plugin)]
        self._hooked = any(hasattr(plugin, hook) for plugin in plugins for hook in _RUN_HOOKS)
        self.ids = list(self._items)
        self.files = {name: str(getattr(item, "path", None) or item.fspath) for name, item in self._items.items()}
        self.code_tests = frozenset(name for name, item in self._items.items() if hasattr(item, "dtest"))

    def _foreign(self, name: str, definitions: Sequence[Any]) -> bool:
        """True for a fixture of a plugin, which may count on hooks that the shortest way leaves out."""
        if name in _FULL_FIXTURES:
            return True
        if name in _SHORT_FIXTURES or not definitions:
            return False
        function = getattr(definitions[-1], "func", None)
        code = getattr(inspect.unwrap(function), "__code__", None) if function is not None else None
        if code is None or function.__module__.startswith("_pytest."):
            return False
        return not os.path.realpath(code.co_filename).startswith(self._root)

    def expand(self, name: str) -> list[str]:
        """See `Runner`."""
        if name in self._items:
            return [name]
        return [test for test in self.ids if test.startswith((name + "::", name + "[", name.rstrip("/") + "/"))]

    def needs_full(self, test: str) -> bool:
        """See `Runner`."""
        item = self._items[test]
        if self._hooked or any(self._foreign(name, found) for name, found in _fixtures(item).items()):
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
        rest = items[0].parent if items and self._shares_nothing(ids) else None
        if items and self._state.stack:
            self._teardown(items[0], items[0])
        for position, item in enumerate(items):
            following = items[position + 1] if position + 1 < len(items) else rest
            before(item.nodeid)
            result = self._full(item, following) if item.nodeid in full else self._direct(item, following)
            if not after(item.nodeid, result):
                if following is not rest:
                    self._teardown(item, rest)
                return

    def _shares_nothing(self, ids: Sequence[str]) -> bool:
        """True when no fixture outlives a test: then modules and classes need not be taken down for the next round."""
        if ids is not self._known[0]:
            self._known = (ids, all(not _outliving(self._items[name]) for name in ids))
        return self._known[1]

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
        if self._results is not None:
            item.stash[self._results] = {}
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
            if following is not None:
                self._teardown(item, None)
            self._state.stack.clear()
            return error
        return None


def _fixtures(item: Any) -> Mapping[str, Sequence[Any]]:
    """Fixture definitions that an item uses, by name."""
    info = getattr(item, "_fixtureinfo", None)
    return getattr(info, "name2fixturedefs", None) or {}


def _outliving(item: Any) -> bool:
    """True when a fixture of an item lives longer than it; the one that pytest makes of an empty `setUpClass` is none."""
    owner = getattr(item, "cls", None)
    plain = owner is None or getattr(owner, "setUpClass", None) is None or not _overrides(owner)
    for name, definitions in _fixtures(item).items():
        scope = getattr(definitions[-1], "scope", "session") if definitions else "session"
        if scope != "function" and not (plain and name.startswith("_unittest_setUpClass")):
            return True
    return False


def _overrides(owner: type) -> bool:
    names = ("setUpClass", "tearDownClass", "doClassCleanups")
    return any(name in vars(base) for base in owner.__mro__ if base is not unittest.TestCase for name in names)


def _is_conftest(plugin: Any) -> bool:
    return os.path.basename(getattr(plugin, "__file__", None) or "") == "conftest.py"


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
        self.options: list[str] = []
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

    if _OLD:  # until version 7 the argument was another one, and pytest checks the names

        def pytest_ignore_collect(self, path: Any) -> Optional[bool]:
            """Leave out what is too far away."""
            return True if str(path) in self._left_out else None

    else:

        def pytest_ignore_collect(self, collection_path: Any) -> Optional[bool]:  # type: ignore[misc]
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
    def pytest_runtest_call(self) -> None:
        """Spare the explanation of why two values differ: it costs more than most tests, and nobody reads it."""
        _pytest.assertion.util._reprcompare = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        """Take over."""
        self.taken = True
        self._then(PytestRunner(session, self._reports, self.options))
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


def _plugin_options() -> list[str]:
    """Options for the plugins that are installed and will be loaded."""
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):  # noqa: TID251  pytest's own switch, in the sandbox
        return []
    return [option for module, options in _OPTIONAL.items() if importlib.util.find_spec(module) for option in options]


def collect(
    arguments: Sequence[str], failing: Sequence[str], scratch: str, max_files: int, then: Callable[[Runner], None]
) -> None:
    """Collect with pytest in this process and call `then`. Raises `CollectionFailed`."""
    plugin = _Takeover(failing, max_files, then)
    try:
        for plugin.options in (["-p", "no:randomly", *_plugin_options()], []):
            own = ["-s", "--maxfail=0", f"--basetemp={scratch}/pytest"]  # no captured output on disk, no early stop
            code = pytest.main([*arguments, *own, *plugin.options], plugins=[plugin])
            if code != pytest.ExitCode.USAGE_ERROR:
                break
    except SystemExit as error:
        raise CollectionFailed(f"pytest left with {error.code}") from error
    if not plugin.taken:
        detail = plugin.errors[0] if plugin.errors else "it could not start with the suite's options"
        raise CollectionFailed(f"pytest collected nothing (exit code {int(code)}): {detail}")

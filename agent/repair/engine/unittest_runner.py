"""Tests as unittest loads them, run one by one; pytest is not needed."""

from __future__ import annotations

import contextlib
import copy
import os
import sys
import unittest
from typing import Any, Callable, Collection, Iterator, Optional, Sequence

from .runner import FAILED, PASSED, SKIPPED, CollectionFailed, Result, Runner

_NAME = "_winnow_name"
"""Attribute of a test's copy: the name that it goes by here."""


class UnittestRunner:
    """Implements `Runner` over loaded test cases."""

    def __init__(self, tests: Sequence[Any]) -> None:
        self._tests: dict[str, Any] = {}
        self._doubles: dict[str, int] = {}
        for test in {id(test): test for test in tests}.values():
            self._tests[self._free_name(test.id())] = test
        self.options: list[str] = []
        self.ids = list(self._tests)
        self.files = {name: _file_of(test) for name, test in self._tests.items()}
        self.code_tests = frozenset(name for name, test in self._tests.items() if hasattr(test, "_dt_test"))

    def _free_name(self, name: str) -> str:
        """The name itself, or with a number behind it: classes that a function makes share their names."""
        if name not in self._tests:
            return name
        self._doubles[name] = self._doubles.get(name, 1) + 1
        return f"{name}#{self._doubles[name]}"

    def expand(self, name: str) -> list[str]:
        """See `Runner`."""
        if name in self._tests:
            return [test for test in self.ids if test == name or test.startswith(name + "#")]
        return [test for test in self.ids if test.startswith(name + ".")]

    def needs_full(self, test: str) -> bool:
        """See `Runner`. There is one way only."""
        return False

    def run(
        self,
        ids: Sequence[str],
        *,
        full: Collection[str],
        before: Callable[[str], None],
        after: Callable[[str, Result], bool],
    ) -> None:
        """See `Runner`. The suite sets up and tears down classes and modules."""
        suite = unittest.TestSuite()
        for name in ids:
            test = copy.copy(self._tests[name])
            setattr(test, _NAME, name)
            suite.addTest(test)
        outcome = _Outcome(before, after)
        try:
            suite.run(outcome)
        except BaseException as error:
            outcome.interrupted(error)


class _Outcome(unittest.TestResult):
    """Turns unittest's calls into one result per test."""

    def __init__(self, before: Callable[[str], None], after: Callable[[str, Result], bool]) -> None:
        super().__init__()
        self._before = before
        self._after = after
        self._current: Optional[str] = None
        self._result = Result(PASSED)

    def startTest(self, test: Any) -> None:
        """A test begins."""
        self._current, self._result = getattr(test, _NAME), Result(PASSED)
        self._before(getattr(test, _NAME))

    def stopTest(self, test: Any) -> None:
        """A test is over."""
        self._current = None
        if not self._after(getattr(test, _NAME), self._result):
            self.stop()

    def interrupted(self, error: BaseException) -> None:
        """The run itself broke off in the middle of a test (`SystemExit` and the like are not unittest's to catch)."""
        if self._current is not None:
            self._after(self._current, Result(FAILED, error))

    def addSkip(self, test: Any, reason: str) -> None:
        """A test was skipped; a skipped class never starts its tests."""
        self._result = Result(SKIPPED)

    def addError(self, test: Any, err: Any) -> None:
        """A test raised, or a class or module could not be set up: then its tests never start."""
        self._result = Result(FAILED, err[1])
        if self._current is None and not self._after("", self._result):
            self.stop()

    addFailure = addError  # noqa: N815

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """A part of a test ended."""
        if err is not None and self._result.outcome == PASSED:
            self._result = Result(FAILED, err[1])

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        """A test that is known to fail says nothing."""
        self._result = Result(SKIPPED)

    def addUnexpectedSuccess(self, test: Any) -> None:
        """A test that should have failed passed."""
        self._result = Result(FAILED)


def _file_of(test: Any) -> str:
    module = sys.modules.get(type(test).__module__)
    return os.path.abspath(getattr(module, "__file__", None) or "")


def _flat(suite: Any) -> Iterator[Any]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        elif type(test).__name__ not in ("_FailedTest", "ModuleSkipped"):
            yield test


class _Program(unittest.TestProgram):
    """unittest's own command line, up to the point where it would run."""

    test: Any

    def runTests(self) -> None:
        """Keep what was loaded."""


def collect(arguments: Sequence[str], failing: Sequence[str], then: Callable[[Runner], None]) -> None:
    """Load tests as `python -m unittest` would and call `then`. Raises `CollectionFailed`."""
    try:
        tests = _load(arguments)
    except (Exception, SystemExit) as error:
        raise CollectionFailed(f"unittest could not load the tests: {error}") from error
    known = {test.id() for test in tests}
    for name in sorted(failing):
        if not any(test == name or test.startswith(name + ".") for test in known):
            with contextlib.suppress(Exception, SystemExit):  # not a name that can be loaded: a doctest, or a mistake
                tests += _load([name])
    if not tests:
        raise CollectionFailed("unittest found no tests")
    then(UnittestRunner(tests))


def check(arguments: Sequence[str], tests: Sequence[str]) -> bool:
    """Load as the suite is loaded, in this process, and run some tests; True when all are there and pass."""
    outcomes: dict[str, str] = {}

    def after(test: str, result: Result) -> bool:
        outcomes[test] = result.outcome
        return True

    collect(arguments, tests, lambda runner: runner.run(tests, full=(), before=lambda test: None, after=after))
    return all(outcomes.get(test) == PASSED for test in tests)


def _load(arguments: Sequence[str]) -> list[Any]:
    program = _Program(module=None, argv=["python -m unittest", *arguments], exit=False)
    return list(_flat(program.test))

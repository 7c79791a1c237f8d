"""What the tests do before any edit: which fail, which code they run, how long they take, and whether they repeat."""

from __future__ import annotations

import os
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import Any, Collection, Optional, Sequence

from .forks import Done, Limits, cpu_seconds, forked
from .runner import FAILED, PASSED, Result, Runner
from .state import StateGuard
from .tracing import CodeKey, Tracer, real

_TEST_LIMITS = Limits(cpu_s=20.0, wall_s=60.0)
_PASSING_CPU_S = 12.0
"""CPU seconds for passing tests under tracing, at most; a count bounds them before that, as a rule."""


@dataclass
class Observation:
    """One test before any edit. `lines` are those of the project's code that it ran."""

    test: str
    outcome: str
    lines: dict[CodeKey, list[int]]
    message: str = ""
    """Type and text of what it raised."""
    frames: list[tuple[str, int]] = field(default_factory=list)
    """File and line of the project's frames in the traceback, innermost first."""


@dataclass
class Baseline:
    """The ground on which candidates are judged."""

    failing: list[Observation]
    passing: list[Observation]
    """Tests that pass and run some code that a failing test runs."""
    full: frozenset[str]
    """Tests that need the whole protocol of their runner."""
    cpu: dict[str, float]
    """CPU seconds of each test, untraced."""
    unsteady: list[str] = field(default_factory=list)
    """Passing tests that run such code too, but pass only once in a process: for confirmations alone."""
    alone: bool = False
    """What a test does depends on what ran before: a candidate that fails among others may pass in a process of its own."""
    writes: bool = False
    """Tests write in the tree."""
    dropped: list[str] = field(default_factory=list)
    """Tests named as failing that do not fail, or not always."""


class Project:
    """Which files are the project's code, and which are its tests."""

    def __init__(self, workdir: str, runner: Runner) -> None:
        self.workdir = os.path.realpath(workdir)
        self._tests = {real(path) for test, path in runner.files.items() if test not in runner.code_tests}
        self._library = tuple({os.path.realpath(path) + os.sep for path in (sys.prefix, sys.base_prefix)})

    def ours(self, path: str) -> bool:
        """True for files of the tree, tests included; environments inside it are not ours."""
        if not path.startswith(self.workdir + os.sep):
            return False
        inside = "/" + os.path.relpath(path, self.workdir)
        if "/site-packages/" in inside or "/node_modules/" in inside or "/.tox/" in inside:
            return False
        return not any(path.startswith(library) and library.startswith(self.workdir) for library in self._library)

    def code(self, path: str) -> bool:
        """True for files of the tree that may be edited."""
        path = real(path)
        if not self.ours(path) or path in self._tests:
            return False
        parts = os.path.relpath(path, self.workdir).split(os.sep)
        name = parts[-1]
        testlike = name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")
        return not testlike and not {"tests", "test"} & set(parts[:-1])


def observe(
    runner: Runner, project: Project, tests: Sequence[str], full: Collection[str], only: Optional[Collection[CodeKey]]
) -> list[Done]:
    """Run tests traced, many per child; one that kills its child is reported as such and the rest goes on."""
    started = cpu_seconds()

    def work(index: int) -> Any:
        if cpu_seconds() - started > _PASSING_CPU_S and only is not None:
            return None
        tracer = Tracer(project.code, only)
        seen: list[Result] = []

        def after(test: str, result: Result) -> bool:
            seen.append(result)
            return True

        tracer.start()
        try:
            runner.run([tests[index]], full=full, before=lambda test: None, after=after)
        finally:
            lines = tracer.stop()
        result = seen[-1] if seen else Result(FAILED)
        return [result.outcome, [[*key, hit] for key, hit in lines.items()], _message(result), _frames(result, project)]

    return list(forked(len(tests), work, lambda index: _TEST_LIMITS, batch=len(tests), lost=20))


def observations(tests: Sequence[str], results: Sequence[Done]) -> list[Observation]:
    """Turn what children sent into values."""
    found = []
    for done in results:
        if done.payload is None:
            if done.status != "ok":
                found.append(Observation(tests[done.index], done.status, {}, f"the test {done.status}"))
            continue
        outcome, lines, message, frames = done.payload
        by_key = {(path, line, name): hit for path, line, name, hit in lines}
        found.append(Observation(tests[done.index], outcome, by_key, message, [(path, line) for path, line in frames]))
    return found


def _message(result: Result) -> str:
    if result.error is None:
        return result.text[-4000:]
    try:
        text = str(result.error)
    except Exception:
        text = ""
    return f"{type(result.error).__name__}: {text}"[:4000]


def _frames(result: Result, project: Project) -> list[tuple[str, int]]:
    frames: list[tuple[str, int]] = []
    error, depth = result.error, 0
    while error is not None and depth < 4:
        for summary in reversed(traceback.extract_tb(error.__traceback__)[-200:]):
            if project.code(summary.filename):
                frames.append((real(summary.filename), summary.lineno or 0))
        error, depth = error.__cause__ or error.__context__, depth + 1
    return frames[:60]


@dataclass
class Replay:
    """Tests run twice in a row in one process, as candidates will run them."""

    outcomes: list[dict[str, str]]
    cpu: dict[str, float]
    imported: list[str]
    hot: list[int]


def replay(runner: Runner, tests: Sequence[str], full: Collection[str], guard: StateGuard) -> Replay:
    """Run tests untraced in one child, twice, with the guard restoring in between; tests that kill it are left out."""
    known = set(sys.modules)

    count = len(tests)

    def work(index: int) -> Any:
        outcome: list[str] = []
        if index == count:
            guard.restore()
        started = time.process_time()
        runner.run(
            [tests[index % count]],
            full=full,
            before=lambda test: None,
            after=lambda test, result: _keep(outcome, result),
        )
        return [outcome[-1] if outcome else FAILED, time.process_time() - started]

    def finish() -> Any:
        return [sorted(set(sys.modules) - known), guard.watch()]

    outcomes: list[dict[str, str]] = [{}, {}]
    cpu: dict[str, float] = {}
    imported: list[str] = []
    hot: list[int] = []
    if not tests:
        return Replay(outcomes, cpu, imported, hot)
    for done in forked(2 * count, work, lambda index: _TEST_LIMITS, batch=2 * count, lost=20, finish=finish):
        if done.index < 0:
            imported, hot = done.payload
        elif done.payload is None:
            outcomes[done.index // count][tests[done.index % count]] = done.status
        else:
            outcomes[done.index // count][tests[done.index % count]] = done.payload[0]
            cpu[tests[done.index % count]] = max(done.payload[1], 0.0)
    return Replay(outcomes, cpu, imported, hot)


def _keep(outcomes: list[str], result: Result) -> bool:
    outcomes.append(result.outcome)
    return True


def passed_always(replayed: Replay, test: str) -> bool:
    """True for a test that passed both times."""
    return all(outcome.get(test) == PASSED for outcome in replayed.outcomes)

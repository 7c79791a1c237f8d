"""The baseline, step by step: failing tests as they fail, the tests near them, and what can be relied on."""

from __future__ import annotations

import importlib
import os
from typing import Collection, Sequence

from .baseline import Baseline, Observation, Project, Replay, observations, observe, passed_always, replay
from .request import Request
from .runner import FAILED, PASSED, Runner
from .state import StateGuard, Tree
from .tracing import CodeKey

_AGAIN = 60
"""Tests that fail by the short way and get the long one."""
_MANY = 0.3
"""Share of tests that pass only once in a process from which on the whole suite is taken to be so."""


class Hopeless(Exception):
    """There is nothing to search; the text says why."""


def establish(request: Request, runner: Runner, project: Project, guard: StateGuard, tree: Tree) -> Baseline:
    """Run the failing tests and those near them. Raises `Hopeless`."""
    named = sorted({test for name in request.failing for test in runner.expand(name)})
    if not named:
        raise Hopeless("none of the failing tests was collected")
    full = frozenset(test for test in runner.ids if runner.needs_full(test))
    failing, more = _failing(runner, project, named, full)
    full |= more
    if not failing:
        raise Hopeless("none of the named tests fails here")
    touched = {key for item in failing for key in item.lines}
    if not touched:
        raise Hopeless("the failing tests run no function of the work tree")
    covering, more = _covering(runner, project, _nearest(runner, named)[: request.max_tests], full, touched)
    full |= more
    replayed = replay(runner, [item.test for item in [*failing, *covering]], full, guard)
    flaky = [item.test for item in failing if PASSED in [outcome.get(item.test) for outcome in replayed.outcomes]]
    if len(flaky) == len(failing):
        raise Hopeless("the failing tests do not fail every time")
    steady = [item for item in covering if passed_always(replayed, item.test)]
    _warm(replayed, guard)
    return Baseline(
        failing=[item for item in failing if item.test not in flaky],
        passing=steady,
        full=full,
        cpu=replayed.cpu,
        unsteady=[item.test for item in covering if _passed_once(replayed, item.test)],
        alone=_alone(failing, covering, steady),
        writes=bool(tree.restore()),
        dropped=sorted(set(named) - {item.test for item in failing}) + flaky,
    )


def _failing(
    runner: Runner, project: Project, named: Sequence[str], full: frozenset[str]
) -> tuple[list[Observation], frozenset[str]]:
    """Failing tests as they fail, and those of them that fail otherwise by the short way and must take the long one."""
    short = observations(named, observe(runner, project, named, full, None))
    long = observations(named, observe(runner, project, named, frozenset(named), None))
    by_long = {item.test: item for item in long}
    more = frozenset(item.test for item in short if item.test in by_long and not _alike(item, by_long[item.test]))
    failing = [by_long[item.test] if item.test in more else item for item in short]
    return [item for item in failing if item.outcome != PASSED], more


def _alike(short: Observation, long: Observation) -> bool:
    """True when a test ends by the short way as it does by the long one."""
    if short.outcome != long.outcome or short.outcome != FAILED:
        return short.outcome == long.outcome
    return short.message.partition(":")[0] in long.message


def _covering(
    runner: Runner, project: Project, near: Sequence[str], full: frozenset[str], touched: Collection[CodeKey]
) -> tuple[list[Observation], frozenset[str]]:
    """Tests that pass and run some of the touched code, and those of them that pass only by the long way."""
    first = observations(near, observe(runner, project, near, full, touched))
    others = [item.test for item in first if item.outcome == FAILED and item.test not in full][:_AGAIN]
    long = observations(others, observe(runner, project, others, frozenset(others), touched)) if others else []
    better = {item.test: item for item in long if item.outcome == PASSED}
    found = [better.get(item.test, item) for item in first]
    return [item for item in found if item.outcome == PASSED and item.lines], frozenset(better)


def _passed_once(replayed: Replay, test: str) -> bool:
    first, second = (outcome.get(test) for outcome in replayed.outcomes)
    return first == PASSED and second != PASSED


def _alone(failing: Sequence[Observation], covering: Sequence[Observation], steady: Sequence[Observation]) -> bool:
    """True when failing tests may depend on what ran before: theirs is a function that does, or many are."""
    kept = {item.test for item in steady}
    unsteady = {item.test.partition("[")[0] for item in covering if item.test not in kept}
    own = any(item.test.partition("[")[0] in unsteady for item in failing)
    return own or len(covering) - len(steady) > _MANY * len(covering)


def _warm(replayed: Replay, guard: StateGuard) -> None:
    """Import what tests import late, so that candidates do not pay for it, and tell the guard what changes."""
    guard.mark(replayed.hot)
    for name in replayed.imported:
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: S112  it is the project's code, and only a matter of speed
            continue


def _nearest(runner: Runner, failing: Sequence[str]) -> list[str]:
    """Other tests, nearest first: same file, then shared folders; one of each function before the second of any."""
    wanted = set(failing)
    homes = {runner.files[test] for test in failing}
    rounds: dict[str, int] = {}
    ranked: list[tuple[int, int, int, str]] = []
    for position, test in enumerate(runner.ids):
        if test in wanted:
            continue
        function = test.partition("[")[0]
        rounds[function] = rounds.get(function, 0) + 1
        path = runner.files[test]
        near = 10_000 if path in homes else max(_shared(path, home) for home in homes)
        ranked.append((rounds[function], -near, position, test))
    return [test for _, _, _, test in sorted(ranked)]


def _shared(one: str, two: str) -> int:
    """Number of leading folders that two paths share."""
    pairs = zip(one.split(os.sep), two.split(os.sep))
    return next((index for index, (left, right) in enumerate(pairs) if left != right), 0)

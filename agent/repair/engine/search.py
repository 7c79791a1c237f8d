"""One search, from collected tests to plausible edits."""

from __future__ import annotations

import ast
import gc
import importlib
import itertools
import os
import re
import warnings
from typing import Iterator, Optional, Sequence, Union

from .baseline import Baseline, Observation, Project, observations, observe, passed_always, replay
from .candidates import Candidate, generate
from .confirm import Confirmer
from .context import constants
from .evaluate import Judge
from .forks import cpu_seconds
from .localize import Map, locate
from .request import Events, Request
from .runner import FAILED, PASSED, Runner
from .score import Scorer
from .state import StateGuard, Tree
from .swap import LiveFunctions, Swap, Unit, body_swap, default_swap, identity
from .tracing import CodeKey

_RETRIES = 16
"""Candidates that ran out of time and are tried again with more, when nothing was found; a quarter of that when something was."""


_AGAIN = 60
"""Tests that fail by the short way and get the long one."""


class Hopeless(Exception):
    """There is nothing to search; the text says why."""


class Search:
    """Holds what the phases share. `run` goes through them and returns why it stopped."""

    def __init__(self, request: Request, events: Events, runner: Runner) -> None:
        self._request = request
        self._events = events
        self._runner = runner
        self._project = Project(request.workdir, runner)
        self._tree = Tree(self._project.workdir)
        self._guard = StateGuard(self._project.ours, self._project.workdir)
        self.tried = 0
        self.plausible = 0
        self.search_cpu_s = 0.0
        """Spent on compiling and first evaluation, slow candidates included."""

    def run(self) -> str:
        """Search. Raises `Hopeless`."""
        baseline = self._baseline()
        found = self._locate(baseline)
        candidates = generate(found, self._expected(baseline), self._request.seed, self._request.variant)
        live = LiveFunctions()
        gc.collect()
        gc.freeze()
        judge = Judge(self._runner, baseline, self._guard, self._request.batch)
        confirmer = Confirmer(self._request, self._tree, baseline, judge.passing)
        return self._try_all(candidates, live, judge, confirmer, Scorer(found))

    def _baseline(self) -> Baseline:
        """Run the failing tests and those near them."""
        named = sorted({test for name in self._request.failing for test in self._runner.expand(name)})
        if not named:
            raise Hopeless("none of the failing tests was collected")
        full = frozenset(test for test in self._runner.ids if self._runner.needs_full(test))
        failing, dropped, more = self._failing(named, full)
        full |= more
        if not failing:
            raise Hopeless("none of the named tests fails here")
        touched = {key for item in failing for key in item.lines}
        if not touched:
            raise Hopeless("the failing tests run no function of the work tree")
        near = _nearest(self._runner, named)[: self._request.max_tests]
        passing = observations(near, observe(self._runner, self._project, near, full, touched))
        passing, more = self._again(passing, full, touched)
        full |= more
        covering = [item for item in passing if item.outcome == PASSED and item.lines]
        order = [item.test for item in failing] + [item.test for item in covering]
        replayed = replay(self._runner, order, full, self._guard)
        steady = [item for item in covering if passed_always(replayed, item.test)]
        flaky = [
            item.test for item in failing if any(outcome.get(item.test) == PASSED for outcome in replayed.outcomes)
        ]
        baseline = Baseline(
            failing=[item for item in failing if item.test not in flaky],
            passing=steady,
            full=full,
            cpu=replayed.cpu,
            alone=len(steady) < len(covering) or bool(flaky),
            writes=bool(self._tree.restore()),
            dropped=dropped + flaky,
            imported=replayed.imported,
            hot=replayed.hot,
        )
        if not baseline.failing:
            raise Hopeless("the failing tests do not fail every time")
        self._warm(baseline)
        self._events.emit(
            "baseline",
            tests=len(steady),
            failing=[item.test for item in baseline.failing],
            dropped=baseline.dropped,
            alone=baseline.alone,
            cpu_s=round(cpu_seconds(), 3),
        )
        return baseline

    def _again(
        self, passing: list[Observation], full: frozenset[str], touched: set[CodeKey]
    ) -> tuple[list[Observation], frozenset[str]]:
        """Tests that did not pass by the short way get the long one, and keep it if they pass so."""
        others = [item.test for item in passing if item.outcome == FAILED and item.test not in full][:_AGAIN]
        if not others:
            return passing, frozenset()
        long = observations(others, observe(self._runner, self._project, others, frozenset(others), touched))
        better = {item.test: item for item in long if item.outcome == PASSED}
        return [better.get(item.test, item) for item in passing], frozenset(better)

    def _failing(
        self, named: Sequence[str], full: frozenset[str]
    ) -> tuple[list[Observation], list[str], frozenset[str]]:
        """Failing tests as they fail; those that only fail by the short way are told to take the long one."""
        short = observations(named, observe(self._runner, self._project, named, full, None))
        long = observations(named, observe(self._runner, self._project, named, frozenset(named), None))
        by_long = {item.test: item for item in long}
        more = frozenset(item.test for item in short if item.test in by_long and not _alike(item, by_long[item.test]))
        failing = [by_long[item.test] if item.test in more else item for item in short]
        failing = [item for item in failing if item.outcome != PASSED]
        dropped = sorted(set(named) - {item.test for item in failing})
        return failing, dropped, more

    def _warm(self, baseline: Baseline) -> None:
        """Import what tests import late, so that candidates do not pay for it, and tell the guard what changes."""
        self._guard.mark(baseline.hot)
        for name in baseline.imported:
            try:
                importlib.import_module(name)
            except BaseException:  # noqa: S112
                continue

    def _locate(self, baseline: Baseline) -> Map:
        text = "\n".join(text for _, text in self._test_sources(baseline))
        found = locate(baseline, self._request.hint, text)
        if not found.places:
            raise Hopeless("no function that the failing tests run can be read")
        top = [
            {
                "path": self._relative(place.unit),
                "function": place.unit.qualname,
                "line": place.unit.node.lineno,
                "score": round(place.score, 4),
            }
            for place in found.places[:10]
        ]
        self._events.emit("located", functions=top, cpu_s=round(cpu_seconds(), 3))
        return found

    def _test_sources(self, baseline: Baseline) -> Iterator[tuple[ast.AST, str]]:
        """The functions of the failing tests, as trees and as text."""
        seen: set[tuple[str, str]] = set()
        for item in baseline.failing:
            name = re.split(r"::|\.", item.test.partition("[")[0])[-1]
            path = self._runner.files.get(item.test, "")
            if (path, name) in seen or not os.path.isfile(path):
                continue
            seen.add((path, name))
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
                    yield node, ast.get_source_segment(text, node) or ""

    def _expected(self, baseline: Baseline) -> list[Union[str, int, float]]:
        """Constants of the failing tests, at most 40, in order of appearance."""
        found: dict[Union[str, int, float], None] = {}
        for node, _ in self._test_sources(baseline):
            found.update(dict.fromkeys(constants(node)))
        return list(found)[:40]

    def _relative(self, unit: Unit) -> str:
        return os.path.relpath(unit.source.path, self._project.workdir)

    def _try_all(
        self, candidates: list[Candidate], live: LiveFunctions, judge: Judge, confirmer: Confirmer, scorer: Scorer
    ) -> str:
        """Evaluate in batches until something stops it; then the slow ones again."""
        slow: list[tuple[int, Candidate, Swap]] = []
        stream = self._compiled(candidates, live)
        reason = "exhausted"
        while True:
            started = cpu_seconds()
            batch = list(itertools.islice(stream, self._request.batch))
            if not batch:
                break
            verdicts = judge.judge([swap for _, _, swap in batch])
            self.tried += len(batch)
            self.search_cpu_s += cpu_seconds() - started
            for item, verdict in zip(batch, verdicts):
                if verdict.status == "timeout":
                    slow.append(item)
                if verdict.status == "passed" and self._settle(item, judge, confirmer, scorer):
                    return "enough"
            self._events.emit(
                "progress",
                tried=self.tried,
                total=len(candidates),
                cpu_s=round(cpu_seconds(), 3),
                search_cpu_s=round(self.search_cpu_s, 3),
            )
            if self._request.cpu_s and cpu_seconds() > self._request.cpu_s:
                return "cpu"
            if batch[-1][0] + 1 >= self._request.max_candidates:
                reason = "budget"
                break
        for item in slow[: _RETRIES if not self.plausible else _RETRIES // 4]:
            verdict = judge.judge([item[2]], large=True)[0]
            if verdict.status == "passed" and self._settle(item, judge, confirmer, scorer, verified=True):
                return "enough"
        return reason

    def _compiled(self, candidates: list[Candidate], live: LiveFunctions) -> Iterator[tuple[int, Candidate, Swap]]:
        """Candidates that are Python, differ from the original and from each other, and can be swapped in; with their index."""
        seen: dict[object, set[object]] = {}
        index = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for candidate in candidates:
                if index >= self._request.max_candidates:
                    return
                swap = _swap_of(candidate, live, seen)
                if swap is None:
                    continue
                index += 1
                if index > self._request.skip:
                    yield index - 1, candidate, swap

    def _settle(
        self,
        item: tuple[int, Candidate, Swap],
        judge: Judge,
        confirmer: Confirmer,
        scorer: Scorer,
        *,
        verified: bool = False,
    ) -> bool:
        """Check a pass again, in a fresh fork and in a cold process, and report it; True when there are enough."""
        index, candidate, swap = item
        if not verified and judge.judge([swap], large=True)[0].status != "passed":
            return False
        if not confirmer.confirms(candidate.unit.source, candidate.edit):
            return False
        self.plausible += 1
        edit = candidate.edit
        self._events.emit(
            "plausible",
            path=self._relative(candidate.unit),
            start=edit.start,
            end=edit.end,
            replacement=edit.text,
            operator=edit.operator,
            function=candidate.unit.qualname,
            line=edit.line,
            index=index,
            score=round(scorer.score(candidate), 5),
            flags=list(edit.flags),
            cpu_s=round(cpu_seconds(), 3),
        )
        return self.plausible >= self._request.max_plausible


def _swap_of(candidate: Candidate, live: LiveFunctions, seen: dict[object, set[object]]) -> Optional[Swap]:
    if candidate.default:
        return default_swap(live, candidate.unit, candidate.edit)
    code = candidate.unit.compile(candidate.edit)
    if code is None:
        return None
    known = seen.get(candidate.unit)
    if known is None:
        original = candidate.unit.compile(None)
        known = seen[candidate.unit] = {identity(original) if original is not None else None}
    mark = identity(code)
    if mark in known:
        return None
    known.add(mark)
    return body_swap(live, candidate.unit, code)


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


def _alike(short: Observation, long: Observation) -> bool:
    """True when a test fails by the short way as it does by the long one."""
    if short.outcome != long.outcome or short.outcome != FAILED:
        return short.outcome == long.outcome
    kind = short.message.partition(":")[0]
    return kind in long.message

"""One hunt: edits that make all failing tests of one group pass, and break nothing."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from typing import Iterable, Iterator, NamedTuple, Optional, Sequence, Union

from . import module_level
from .baseline import Baseline
from .candidates import BODY, DEFAULT, Candidate, Generator
from .chance import Chance
from .confirm import Confirmer
from .evaluate import Judge
from .forks import cpu_seconds
from .groups import Group
from .localize import Map
from .request import Events, Request
from .runner import Runner
from .score import Scorer
from .state import StateGuard, Tree
from .swap import LiveFunctions, Swap, body_swap, default_swap, identity

PART = "part"
"""Flag of an edit that repairs a part of failing tests that seem to have one cause."""
_RETRIES = 16
"""Candidates that ran out of time and are tried again with more, when nothing was found; a quarter of that when something was."""
_ALONE = 500
"""Candidates that get a process of their own when tests depend on what ran before and nothing was found otherwise."""
RELOADS = 500
"""Candidates that need a module to be executed again, when nothing was found; a tenth of that when something was."""
_OTHERS = 40
"""Failing tests outside the group that a plausible edit is tried on."""


class Trial(NamedTuple):
    """One candidate, ready to be tried; `order` is its place in the order of all candidates of the search."""

    order: int
    candidate: Candidate
    swap: Swap


class Stop(Exception):
    """The search ends; the text is the reason."""


@dataclass
class Count:
    """What a whole search has done so far."""

    index: int = 0
    """Candidates taken, in order."""
    tried: int = 0
    """Evaluations, repeated ones included."""
    search_cpu_s: float = 0.0
    """Spent on compiling and first evaluation of candidates that are swapped in, slow ones included."""
    reloads: int = 0
    reload_cpu_s: float = 0.0
    """The same for candidates that need a module to be executed again."""


@dataclass(frozen=True)
class Tools:
    """What the hunts of one search share."""

    request: Request
    events: Events
    runner: Runner
    guard: StateGuard
    tree: Tree
    archive: str
    workdir: str
    live: LiveFunctions = field(default_factory=LiveFunctions)
    count: Count = field(default_factory=Count)


class Hunt:
    """Tries candidates for one group. `run` goes through the stages and raises `Stop` when enough is found."""

    def __init__(
        self,
        tools: Tools,
        group: Group,
        *,
        baseline: Baseline,
        others: Sequence[str],
        found: Map,
        expected: Sequence[Union[str, int, float]],
    ) -> None:
        """Prepare.

        Args:
            tools: shared with other hunts.
            group: failing tests that must pass.
            baseline: of that group alone.
            others: further failing tests, which an edit may repair too.
            found: places to edit.
            expected: constants of the group's tests.
        """
        self._tools, self._request, self._count = tools, tools.request, tools.count
        self._group = group
        self._baseline = baseline
        self._others = list(others)
        self._found = found
        self._generator = Generator(expected, tools.request.seed, tools.request.variant)
        self._judge = Judge(tools.runner, baseline, tools.guard, tools.request.batch)
        self._confirmer = Confirmer(
            tools.request,
            tools.tree,
            baseline,
            passing=self._judge.passing,
            options=tools.runner.options,
            archive=tools.archive,
        )
        self._scorer = Scorer(found)
        self._chance = Chance()
        self._passed = frozenset(tools.request.passed)
        self._found_edits: dict[int, Candidate] = {}
        self._seen: dict[object, set[object]] = {}
        self.taken = 0
        """Candidates of the budget that were used."""
        self.left_out = False
        """The budget ended before the candidates did."""

    @property
    def plausible(self) -> int:
        """Edits found, by an earlier search too."""
        return len(self._found_edits)

    def scores(self) -> dict[int, float]:
        """How much to believe in each edit found, by index, now that it is known how many others pass."""
        return {index: round(self._scorer.score(item, self._chance), 5) for index, item in self._found_edits.items()}

    def run(self, budget: int, reloads: int) -> None:
        """Cheap candidates first, then what is left of them, then those that need a module to be executed again.

        Args:
            budget: candidates at most.
            reloads: of the last kind, when nothing else was found; a tenth of it otherwise.
        """
        start = self._count.index
        candidates = self._generator.generate(self._found.places)
        early: list[Trial] = []
        slow: list[Trial] = []
        stream = self._trials(candidates, budget)
        while batch := self._next(stream):
            slow += self._evaluate(batch)
            if self._baseline.alone and len(early) < _ALONE:
                early += batch
        self.taken = self._count.index - start
        self.left_out = len(candidates) > budget
        if not self.plausible:
            for batch in _chunks(early[:_ALONE]):
                self._evaluate(batch, alone=True, repeated=True)
        for trial in slow[: _RETRIES // 4 if self.plausible else _RETRIES]:
            if self._judge.judge([trial.swap], large=True) == ["passed"]:
                self._settle(trial)
        self._reload(reloads // 10 if self.plausible else reloads)

    def _reload(self, count: int) -> None:
        candidates = self._generator.generate(module_level.places(self._found), reload=True) if count else []
        stream = self._trials(candidates, count)
        swapped = self._count.search_cpu_s
        while batch := self._next(stream):
            self._count.reloads += len(batch)
            self._evaluate(batch, alone=True)
            self._count.reload_cpu_s += self._count.search_cpu_s - swapped
            self._count.search_cpu_s = swapped

    def _next(self, stream: Iterator[Trial]) -> list[Trial]:
        started = cpu_seconds()
        batch = list(itertools.islice(stream, self._request.batch))
        self._count.search_cpu_s += cpu_seconds() - started
        return batch

    def _evaluate(self, batch: list[Trial], *, alone: bool = False, repeated: bool = False) -> list[Trial]:
        """Try a batch, settle what passes, and return what ran out of time."""
        count = self._count
        started = cpu_seconds()
        verdicts = self._judge.judge([trial.swap for trial in batch], alone=alone)
        count.search_cpu_s += cpu_seconds() - started
        count.tried += len(batch)
        seen: list[int] = []
        passed: list[int] = []
        try:
            for trial, verdict in zip(batch, verdicts):
                seen.append(trial.order)
                if (
                    not repeated
                ):  # one by one: what is known when an edit is found must not depend on the size of batches
                    self._chance.note(trial.candidate, verdict == "passed")
                    passed += [trial.order] if verdict == "passed" else []
                if verdict == "passed" and self._judge.judge([trial.swap], large=True) == ["passed"]:
                    self._settle(trial)
        finally:
            self._tools.events.emit(
                "progress",
                tried=count.tried,
                next=seen[-1] + 1,
                passed=passed,
                cpu_s=round(cpu_seconds(), 3),
                search_cpu_s=round(count.search_cpu_s, 3),
            )
        if self._request.cpu_s and cpu_seconds() > self._request.cpu_s:
            raise Stop("cpu")
        return [trial for trial, verdict in zip(batch, verdicts) if verdict == "timeout"]

    def _trials(self, candidates: Iterable[Candidate], count: int) -> Iterator[Trial]:
        """Candidates that are Python, differ from the original and from each other, and can be swapped in."""
        last = self._count.index + count
        for candidate in candidates:
            if self._count.index >= last:
                return
            swap = self._swap(candidate)
            if swap is None:
                continue
            order = self._count.index
            self._count.index += 1
            if order < self._request.skip:
                self._chance.note(candidate, order in self._passed)
            if order in self._request.known:
                self._found_one(order, candidate)
            elif order >= self._request.skip:
                yield Trial(order, candidate, swap)

    def _swap(self, candidate: Candidate) -> Optional[Swap]:
        unit = candidate.unit
        if candidate.how == DEFAULT:
            return default_swap(self._tools.live, unit, candidate.edit)
        code = unit.compile(candidate.edit)
        if code is None:
            return None
        whole = unit if candidate.how == BODY else unit.source
        if whole not in self._seen:
            original = unit.compile(None)
            self._seen[whole] = {identity(original) if original is not None else None}
        mark = identity(code)
        if mark in self._seen[whole]:
            return None
        self._seen[whole].add(mark)
        if candidate.how == BODY:
            return body_swap(self._tools.live, unit, code)
        return module_level.ReloadSwap(unit.source.path, code)

    def _settle(self, trial: Trial) -> None:
        """Confirm in a cold process an edit that passed in a fork of its own, and report it."""
        candidate, edit = trial.candidate, trial.candidate.edit
        source = candidate.unit.source
        if not self._confirmer.confirms(source, edit):
            return
        more = [test for test in self._others[:_OTHERS] if self._judge.passes(trial.swap, test)]
        repaired = {*self._group.tests, *self._confirmer.repaired(source, edit, more)}
        part = [] if repaired.issuperset(self._group.cause) else [PART]
        self._tools.events.emit(
            "plausible",
            path=os.path.relpath(source.path, self._tools.workdir),
            start=edit.start,
            end=edit.end,
            replacement=edit.text,
            operator=edit.operator,
            function=candidate.unit.qualname,
            line=edit.line,
            index=trial.order,
            score=round(self._scorer.score(candidate, self._chance), 5),
            repairs=self._names(repaired),
            flags=[*edit.flags, *part],
            cpu_s=round(cpu_seconds(), 3),
        )
        self._found_one(trial.order, candidate)

    def _found_one(self, order: int, candidate: Candidate) -> None:
        self._found_edits[order] = candidate
        if self.plausible >= self._request.max_plausible:
            raise Stop("enough")

    def _names(self, repaired: set[str]) -> list[str]:
        """Names of the request all of whose tests that failed pass now."""
        failed = {*self._group.tests, *self._others}
        below = {name: failed.intersection(self._tools.runner.expand(name)) for name in self._request.failing}
        return [name for name, tests in below.items() if tests and tests <= repaired]


def _chunks(trials: list[Trial], size: int = 50) -> Iterator[list[Trial]]:
    for start in range(0, len(trials), size):
        yield trials[start : start + size]

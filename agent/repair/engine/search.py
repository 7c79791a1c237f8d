"""One search, from collected tests to plausible edits."""

from __future__ import annotations

import ast
import gc
import itertools
import os
import re
import warnings
from typing import Iterable, Iterator, NamedTuple, Optional, Union

from . import module_level
from .baseline import Baseline, Project
from .candidates import BODY, DEFAULT, Candidate, Generator
from .confirm import Confirmer
from .context import constants
from .evaluate import Judge
from .forks import cpu_seconds
from .ground import Hopeless, establish
from .localize import Map, locate
from .request import Events, Request
from .runner import Runner
from .score import Scorer
from .state import StateGuard, Tree
from .swap import LiveFunctions, Swap, Unit, body_swap, default_swap, identity

_RETRIES = 16
"""Candidates that ran out of time and are tried again with more, when nothing was found; a quarter of that when something was."""
_ALONE = 500
"""Candidates that get a process of their own when tests depend on what ran before and nothing was found otherwise."""
_RELOADS = 500
"""Candidates that need a module to be executed again, when nothing was found; a tenth of that when something was."""


class Trial(NamedTuple):
    """One candidate, ready to be tried; `order` is its place in the order of all."""

    order: int
    candidate: Candidate
    swap: Swap


class Stop(Exception):
    """The search ends; the text is the reason."""


class Search:
    """Holds what the phases share. `run` goes through them and returns why it stopped."""

    def __init__(self, request: Request, events: Events, runner: Runner, archive: str) -> None:
        self._request = request
        self._events = events
        self._runner = runner
        self._project = Project(request.workdir, runner)
        self._tree = Tree(self._project.workdir)
        self._guard = StateGuard(self._project.ours, self._project.workdir)
        self._archive = archive
        self._seen: dict[object, set[object]] = {}
        self.tried = 0
        self.plausible = 0
        self.search_cpu_s = 0.0
        """Spent on compiling and first evaluation of candidates that are swapped in, slow ones included."""
        self.reloads = 0
        self.reload_cpu_s = 0.0
        """The same for candidates that need a module to be executed again."""

    def run(self) -> str:
        """Search. Raises `Hopeless`."""
        baseline = establish(self._request, self._runner, self._project, self._guard, self._tree)
        self._events.emit(
            "baseline",
            tests=len(baseline.passing),
            failing=[item.test for item in baseline.failing],
            dropped=baseline.dropped,
            alone=baseline.alone,
            cpu_s=round(cpu_seconds(), 3),
        )
        found = self._locate(baseline)
        self._generator = Generator(self._expected(baseline), self._request.seed, self._request.variant)
        candidates = self._generator.generate(found.places)
        self._live = LiveFunctions()
        gc.collect()
        gc.freeze()
        self._judge = Judge(self._runner, baseline, self._guard, self._request.batch)
        self._confirmer = Confirmer(
            self._request,
            self._tree,
            baseline,
            passing=self._judge.passing,
            options=self._runner.options,
            archive=self._archive,
        )
        self._scorer = Scorer(found)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # candidates compile with warnings of their own
            try:
                self._stages(candidates, found, baseline)
            except Stop as stop:
                return str(stop)
        return "budget" if len(candidates) > self._request.max_candidates else "exhausted"

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

    def _stages(self, candidates: list[Candidate], found: Map, baseline: Baseline) -> None:
        """Cheap candidates first, then what is left of them, then those that need a module to be executed again."""
        early: list[Trial] = []
        slow: list[Trial] = []
        stream = self._trials(candidates, 0, self._request.max_candidates)
        while batch := self._next(stream):
            slow += self._evaluate(batch)
            if baseline.alone and len(early) < _ALONE:
                early += batch
        if not self.plausible:
            for batch in _chunks(early[:_ALONE]):
                self._evaluate(batch, alone=True)
        for trial in slow[: _RETRIES // 4 if self.plausible else _RETRIES]:
            if self._judge.judge([trial.swap], large=True) == ["passed"]:
                self._settle(trial)
        count = _RELOADS // 10 if self.plausible else _RELOADS
        reloads = self._generator.generate(module_level.places(found), reload=True)
        stream = self._trials(reloads, self._request.max_candidates, count)
        swapped = self.search_cpu_s
        while batch := self._next(stream):
            self.reloads += len(batch)
            self._evaluate(batch, alone=True)
            self.reload_cpu_s, self.search_cpu_s = self.reload_cpu_s + self.search_cpu_s - swapped, swapped

    def _next(self, stream: Iterator[Trial]) -> list[Trial]:
        started = cpu_seconds()
        batch = list(itertools.islice(stream, self._request.batch))
        self.search_cpu_s += cpu_seconds() - started
        return batch

    def _evaluate(self, batch: list[Trial], alone: bool = False) -> list[Trial]:
        """Try a batch, settle what passes, and return what ran out of time."""
        started = cpu_seconds()
        verdicts = self._judge.judge([trial.swap for trial in batch], alone=alone)
        self.search_cpu_s += cpu_seconds() - started
        self.tried += len(batch)
        for trial, verdict in zip(batch, verdicts):
            if verdict == "passed" and self._judge.judge([trial.swap], large=True) == ["passed"]:
                self._settle(trial)
        self._events.emit(
            "progress", tried=self.tried, cpu_s=round(cpu_seconds(), 3), search_cpu_s=round(self.search_cpu_s, 3)
        )
        if self._request.cpu_s and cpu_seconds() > self._request.cpu_s:
            raise Stop("cpu")
        return [trial for trial, verdict in zip(batch, verdicts) if verdict == "timeout"]

    def _trials(self, candidates: Iterable[Candidate], first: int, count: int) -> Iterator[Trial]:
        """Candidates that are Python, differ from the original and from each other, and can be swapped in."""
        index = first
        for candidate in candidates:
            if index >= first + count:
                return
            swap = self._swap(candidate)
            if swap is not None:
                index += 1
                if index > self._request.skip:
                    yield Trial(index - 1, candidate, swap)

    def _swap(self, candidate: Candidate) -> Optional[Swap]:
        unit = candidate.unit
        if candidate.how == DEFAULT:
            return default_swap(self._live, unit, candidate.edit)
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
            return body_swap(self._live, unit, code)
        return module_level.ReloadSwap(unit.source.path, code)

    def _settle(self, trial: Trial) -> None:
        """Confirm in a cold process an edit that passed in a fork of its own, and report it."""
        candidate, edit = trial.candidate, trial.candidate.edit
        if not self._confirmer.confirms(candidate.unit.source, edit):
            return
        self.plausible += 1
        self._events.emit(
            "plausible",
            path=self._relative(candidate.unit),
            start=edit.start,
            end=edit.end,
            replacement=edit.text,
            operator=edit.operator,
            function=candidate.unit.qualname,
            line=edit.line,
            index=trial.order,
            score=round(self._scorer.score(candidate), 5),
            flags=list(edit.flags),
            cpu_s=round(cpu_seconds(), 3),
        )
        if self.plausible >= self._request.max_plausible:
            raise Stop("enough")


def _chunks(trials: list[Trial], size: int = 50) -> Iterator[list[Trial]]:
    for start in range(0, len(trials), size):
        yield trials[start : start + size]

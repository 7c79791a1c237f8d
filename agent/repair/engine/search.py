"""One search, from collected tests to plausible edits."""

from __future__ import annotations

import ast
import dataclasses
import gc
import os
import re
import warnings
from typing import Iterator, Union

from . import groups
from .baseline import Baseline, Observation, Project
from .context import constants
from .forks import cpu_seconds
from .ground import Hopeless, establish
from .groups import Group, Plan
from .hunt import RELOADS, Count, Hunt, Stop, Tools
from .localize import Map, locate
from .request import Events, Request
from .runner import Runner
from .state import StateGuard, Tree
from .swap import Unit

_WHOLE = 2 / 3
"""Share of the budget that goes to whole groups where there are parts to try after them."""


class Search:
    """Plans the hunts of one request. `run` goes through them and returns why it stopped."""

    def __init__(self, request: Request, events: Events, runner: Runner, archive: str) -> None:
        self._request = request
        self._events = events
        self._runner = runner
        self._project = Project(request.workdir, runner)
        self._tree = Tree(self._project.workdir)
        self._guard = StateGuard(self._project.ours, self._project.workdir)
        self._archive = archive
        self.count = Count()

    def run(self) -> str:
        """Search. Raises `Hopeless`."""
        baseline = establish(self._request, self._runner, self._project, self._guard, self._tree)
        plan = self._plan(baseline)
        self._events.emit(
            "baseline",
            tests=len(baseline.passing),
            failing=[item.test for item in baseline.failing],
            groups=[group.tests for group in plan.groups],
            dropped=baseline.dropped,
            alone=baseline.alone,
            cpu_s=round(cpu_seconds(), 3),
        )
        tools = Tools(
            request=self._request,
            events=self._events,
            runner=self._runner,
            guard=self._guard,
            tree=self._tree,
            archive=self._archive,
            workdir=self._project.workdir,
            count=self.count,
        )
        gc.collect()
        gc.freeze()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # candidates compile with warnings of their own
            try:
                return self._hunts(plan, baseline, tools)
            except Stop as stop:
                return str(stop)

    def _plan(self, baseline: Baseline) -> Plan:
        if self._request.together:
            return groups.together(baseline)
        return groups.apart(
            baseline, {test.partition("[")[0]: text for test, _, text in self._written(baseline)}, self._request.issue
        )

    def _hunts(self, plan: Plan, baseline: Baseline, tools: Tools) -> str:
        """Group by group until one gave something; then parts of groups. What one leaves of its budget goes to the next."""
        whole = self._request.max_candidates
        left = int(whole * _WHOLE) if plan.parts else whole
        unsearched, reason = True, "exhausted"
        for stage in (plan.groups, plan.parts):
            for place, group in enumerate(stage):
                budget = max(1, left // (len(stage) - place))
                own = _only(baseline, group)
                try:
                    found = self._locate(own)
                except Hopeless:
                    continue
                unsearched = False
                others = [item.test for item in baseline.failing if item.test not in group.tests]
                hunt = Hunt(tools, group, baseline=own, others=others, found=found, expected=self._expected(own))
                try:
                    hunt.run(budget, RELOADS // len(stage) if stage is plan.groups else 0)
                finally:
                    self._events.emit("scores", scores=hunt.scores())
                left -= hunt.taken
                reason = "budget" if hunt.left_out else reason
                if hunt.plausible:
                    return reason
            left += whole - int(whole * _WHOLE)
        if unsearched:
            raise Hopeless("no function that the failing tests run can be read")
        return reason

    def _locate(self, baseline: Baseline) -> Map:
        text = "\n".join(text for _, _, text in self._written(baseline))
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

    def _written(self, baseline: Baseline) -> Iterator[tuple[str, ast.AST, str]]:
        """The functions of the failing tests: the first test of each, as tree and as text."""
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
                    yield item.test, node, ast.get_source_segment(text, node) or ""

    def _expected(self, baseline: Baseline) -> list[Union[str, int, float]]:
        """Constants of the failing tests, at most 40, in order of appearance."""
        found: dict[Union[str, int, float], None] = {}
        for _, node, _ in self._written(baseline):
            found.update(dict.fromkeys(constants(node)))
        return list(found)[:40]

    def _relative(self, unit: Unit) -> str:
        return os.path.relpath(unit.source.path, self._project.workdir)


def _only(baseline: Baseline, group: Group) -> Baseline:
    """The baseline of one group: its failing tests, and the passing ones that run some of their code."""
    failing = [item for item in baseline.failing if item.test in group.tests]
    touched = {key for item in failing for key in item.lines}

    def near(items: list[Observation]) -> list[Observation]:
        return [item for item in items if touched & item.lines.keys()]

    return dataclasses.replace(baseline, failing=failing, passing=near(baseline.passing))

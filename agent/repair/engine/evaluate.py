"""Candidates against tests, in forked children of the warmed process."""

from __future__ import annotations

import signal
from typing import Any, Optional, Sequence

from .baseline import Baseline
from .forks import Limits, forked
from .runner import PASSED, Result, Runner
from .state import StateGuard
from .swap import Swap

_SMALL = (10.0, 0.06)
"""Factor on a test's own CPU time, and seconds on top, before it is taken to hang."""
_LARGE = (20.0, 0.5)
_WALL_S = (4.0, 12.0)


class Judge:
    """Runs candidates until a test fails: failing tests first, then covering ones, deadliest first."""

    def __init__(self, runner: Runner, baseline: Baseline, guard: StateGuard, batch: int) -> None:
        self._runner = runner
        self._baseline = baseline
        self._guard = guard
        self._batch = batch
        self._failing = sorted((item.test for item in baseline.failing), key=self._cost)
        self._kills: dict[str, int] = {}
        self.passing = _by_relevance(baseline)

    def judge(self, swaps: Sequence[Swap], *, large: bool = False, alone: bool = False) -> list[str]:
        """Evaluate candidates, many per child or `alone`; their verdicts in order (`passed`, `failed`, `timeout`, `died`).

        `large`: alone, and with more time.
        """
        order = self._failing + sorted(self.passing, key=self._uselessness)
        verdicts: list[str] = []
        factor, extra = _LARGE if large else _SMALL
        limits = {test: self._baseline.cpu.get(test, 0.05) * factor + extra for test in order}
        first = Limits(cpu_s=limits[order[0]], wall_s=_WALL_S[large] + max(limits.values()))

        def work(index: int) -> Any:
            return self._one(swaps[index], order, limits)

        for done in forked(len(swaps), work, lambda index: first, batch=1 if large or alone else self._batch):
            if done.payload is None:
                verdicts.append(done.status)
                continue
            status, killer = done.payload
            if killer in limits:
                self._kills[killer] = self._kills.get(killer, 0) + 1
            verdicts.append(status)
        return verdicts

    def passes(self, swap: Swap, test: str) -> bool:
        """True when one test, whichever it is, passes with the candidate; in a child of its own."""
        factor, extra = _LARGE
        limit = self._baseline.cpu.get(test, 0.05) * factor + extra
        limits = Limits(cpu_s=limit, wall_s=_WALL_S[True] + limit)
        (done,) = forked(1, lambda index: self._one(swap, [test], {test: limit}), lambda index: limits, batch=1)
        return bool(done.payload == ["passed", ""])

    def _cost(self, test: str) -> float:
        return self._baseline.cpu.get(test, 0.05)

    def _uselessness(self, test: str) -> float:
        """The order of tests decides how fast a candidate falls, never whether: it may depend on measured time."""
        return -(self._kills.get(test, 0) + 0.05) / (self._cost(test) + 0.0005)

    def _one(self, swap: Swap, order: list[str], limits: dict[str, float]) -> list[Any]:
        """In the child: one candidate, until the first test that does not pass."""
        seen = 0
        killer: Optional[str] = None

        def before(test: str) -> None:
            signal.setitimer(signal.ITIMER_PROF, limits.get(test, 1.0))

        def after(test: str, result: Result) -> bool:
            nonlocal seen, killer
            seen += 1
            if result.outcome != PASSED:
                killer = test
            return killer is None

        self._guard.restore()
        try:
            swap.apply()
        except Exception:
            return ["failed", ""]
        try:
            self._runner.run(order, full=self._baseline.full, before=before, after=after)
        finally:
            swap.undo()
        if killer is None and seen == len(order):
            return ["passed", ""]
        return ["failed", killer or ""]


def _by_relevance(baseline: Baseline) -> list[str]:
    """Covering tests, those that share most code with the failing ones first."""
    wanted = {key for item in baseline.failing for key in item.lines}

    def share(lines: dict[tuple[str, int, str], list[int]]) -> float:
        return len(wanted & lines.keys()) / (len(wanted | lines.keys()) or 1)

    return [item.test for item in sorted(baseline.passing, key=lambda item: -share(item.lines))]

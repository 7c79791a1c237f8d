"""The selector: pool, evidence by execution and without, then a policy. The effects are injected, and each is optional but the base."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.values import Brief, Candidate
from envs.history import Commit
from envs.patches import BaseTree, FileChange
from envs.values import Patch, SuiteReport
from sandbox.errors import SandboxLost
from sandbox.values import Value
from selection.agreement import agreement
from selection.behaviour import behaviour
from selection.choose import SelectionLog, choose
from selection.evidence import LEARNED, Evidence, Gate, Verdict, entry_of, gate_of
from selection.execution.gather import gather, packages_of
from selection.execution.impact import find_tests
from selection.execution.matrix import Matrix, in_parallel, run_matrix
from selection.execution.runs import BASE, Runs
from selection.execution.suite import SuiteLimits, known_suite, run_suite_on_base
from selection.gate import BaseSuite, GateResult, demands_of, judge_patch, without_contested
from selection.policies import Preferences, Separator, decide
from selection.policies.default import close_call
from selection.pool import Pool, build_pool
from selection.port import Comparer, Judge, ProbeWriter, WrittenProbe
from selection.standing import assess, behind
from selection.values import Score, Selection
from selection.verifier.score import VerifierInput, score_pool

Report = Callable[[str, Mapping[str, object]], None]
_NOTHING = Matrix((), (), ())


class Choice(Value):
    """A selection with what it takes to deliver."""

    selection: Selection
    gates: Mapping[str, GateResult]
    """By leader."""
    patches: Mapping[str, Patch]
    """By candidate, of all that are in the pool: without scratch files, as it is to be delivered."""

    def gate_of(self, candidate: str) -> GateResult | None:
        """How a candidate's change fared; None where it was not run."""
        leaders = (cluster.leader for cluster in self.selection.clusters if candidate in cluster.members)
        return self.gates.get(next(leaders, ""))


@dataclass(frozen=True)
class Execution:
    """What it takes to run things."""

    runs: Runs
    workers: int
    """Sandboxes at once."""
    limits: SuiteLimits
    why_no_suite: str = ""
    """Why the repository's tests cannot be run; empty where they can."""
    commits: Sequence[Commit] = ()
    """History of the base, newest first; may be empty."""
    base_report: SuiteReport | None = None
    """The whole suite on base, where it was run; None: what is needed is run."""


@dataclass(frozen=True)
class Selector:
    """Gathers evidence and lets a policy decide. The order of candidates never matters, but for the policy `first`."""

    base: BaseTree
    brief: Brief
    preferences: Preferences
    execution: Execution | None = None
    """None: nothing is run."""
    written: Sequence[WrittenProbe] = ()
    judge: Judge | None = None
    comparer: Comparer | None = None
    compared: int = 3
    """Leaders that are compared at most."""
    writer: ProbeWriter | None = None
    separator: Separator | None = None
    max_changes: int = 32
    """Distinct changes that are run at most, the likeliest by their text first."""
    report: Report = field(default=lambda _kind, _data: None)

    def select(
        self, candidates: Sequence[Candidate], families: Mapping[str, str] | None = None
    ) -> tuple[Choice, SelectionLog]:
        """Decide; the log is enough to decide again and to explain.

        Args:
            candidates: in the order in which they came.
            families: of candidates, by id; see `selection.evidence.Entry`. Those that are missing stand for themselves.

        Raises:
            SandboxError: the machine is at fault; nothing was decided.
        """
        pool = build_pool(candidates, self.base)
        families = families or {}
        evidence = Evidence(
            task_id=self.brief.task.id,
            entries=tuple(
                entry_of(candidate, position=at, family=families.get(candidate.id, ""))
                for at, candidate in enumerate(candidates)
            ),
            clusters=pool.clusters,
            dropped=pool.dropped,
        )
        evidence = _with_scores(evidence, self._without_execution(evidence, pool))
        gates: dict[str, GateResult] = {}
        if self.execution is not None and pool.clusters:
            gates = self._gates(self.execution, evidence, pool)
            evidence = _with_gates(evidence, gates)
            seen = self._matrix(self.execution, evidence, pool, gates)
            evidence = evidence.model_copy(update={"probes": seen.probes, "cells": seen.cells})
            evidence = _with_scores(evidence, behaviour(evidence, seen.behaviours))
        if self.judge is not None and pool.clusters:
            survivors = [_delivered(pool, leader) for leader in in_play(evidence, gates)]
            if survivors:
                self.report("phase", {"name": "judge"})
                evidence = _with_scores(evidence, self.judge.scores(survivors))
        if self.comparer is not None and pool.clusters:
            close = [_delivered(pool, leader) for leader in close_call(assess(evidence), self.compared)]
            evidence = _with_scores(evidence, self.comparer.scores(close) if close else ())
        evidence = Evidence.model_validate(evidence.model_dump())
        selection, log = choose(evidence, self.preferences, self.separator)
        patches = {name: pool.parts[name].patch for name in pool.candidates}
        return Choice(selection=selection, gates=gates, patches=patches), log

    def _without_execution(self, evidence: Evidence, pool: Pool) -> tuple[Score, ...]:
        """The verifiers that need neither sandbox nor model."""
        names = sorted(pool.candidates)
        family = {entry.candidate_id: entry.family for entry in evidence.entries}
        inputs = [
            VerifierInput(
                diff=pool.candidates[name].patch.diff,
                trajectory=pool.candidates[name].trajectory_id,
                family=family[name],
            )
            for name in names
        ]
        issue = self.brief.task.issue
        learned = dict(zip(names, score_pool(issue.text if issue else "", inputs), strict=True))
        diffs = {name: pool.candidates[name].patch.diff for name in names}
        return (
            *(Score(verifier=LEARNED, candidate_id=leader, value=learned[leader]) for leader in evidence.leaders),
            *agreement(evidence, diffs),
        )

    def _gates(self, execution: Execution, evidence: Evidence, pool: Pool) -> dict[str, GateResult]:
        """Send changes through the gate: of each trajectory the one that it ranks first, and the next only when that one fell."""
        changes = {leader: pool.parts[leader].changes for leader in evidence.leaders}
        suite = self._suite(execution, changes)
        likeliest = decide(assess(evidence), Preferences()).ranking
        gates: dict[str, GateResult] = {}
        lost: list[SandboxLost] = []
        tried: set[str] = set()
        while True:
            later = behind(_with_gates(evidence, gates))
            wave = [name for name in likeliest if name not in tried and later[name] == 0]
            wave = wave[: self.max_changes - len(tried)]
            if not wave:
                break
            tried.update(wave)
            results = in_parallel(
                [_bound(self._gate, execution, suite, pool, name) for name in wave], execution.workers
            )
            for name, result in zip(wave, results, strict=True):
                if isinstance(result, SandboxLost):
                    lost.append(result)
                else:
                    gates[name] = result
        if lost and not gates:
            raise lost[0]
        return without_contested(gates, evidence.voices)

    def _suite(self, execution: Execution, changes: Mapping[str, Sequence[FileChange]]) -> BaseSuite:
        """What of the suite is run, on base."""
        if execution.why_no_suite:
            return BaseSuite(why_none=f"the tests cannot be run: {execution.why_no_suite.rstrip('.')}")
        self.report("phase", {"name": "tests on base"})
        tests = find_tests(self.base, changes, execution.commits, within=self.brief.suite.paths)
        if execution.base_report is not None:
            return known_suite(self.brief.suite, execution.base_report, tests, execution.limits)
        return run_suite_on_base(execution.runs, self.brief.suite, tests, execution.limits)

    def _gate(self, execution: Execution, suite: BaseSuite, pool: Pool, leader: str) -> GateResult | SandboxLost:
        """Send one change through the gate; a machine that is lost twice leaves it unknown."""
        brief, parts = self.brief, pool.parts[leader]
        targets = demands_of(pool.candidates[leader], brief.task, brief.targets)
        failing = brief.base_report if brief.targets else None
        try:
            with execution.runs.on(parts.core) as patched, execution.runs.on(BASE) as base:
                result = judge_patch(patched, base, suite, targets=targets, failing=failing, rewritten=parts.rewritten)
        except SandboxLost as lost:
            return lost
        self.report("gate", {"candidate": leader, "verdict": result.verdict.value, "reason": result.reason})
        return result

    def _matrix(self, execution: Execution, evidence: Evidence, pool: Pool, gates: Mapping[str, GateResult]) -> Matrix:
        """Put checks from everywhere to the changes that are still in question."""
        leaders = in_play(evidence, gates)
        if not leaders:
            return _NOTHING
        # Tests for one change alone would tell it from nothing.
        written = (*self.written, *(self.writer.write() if self.writer and len(leaders) > 1 else ()))
        files = self.base.tree.files()
        issue = self.brief.task.issue
        checks = gather(
            issue=issue.text if issue else "",
            packages=packages_of(files),
            written=written,
            candidates={candidate: pool.candidates[candidate] for candidate in pool.candidates},
            parts={name: pool.parts[name] for name in pool.candidates},
        )
        if not checks:
            return _NOTHING
        self.report("phase", {"name": "probes", "probes": len(checks), "changes": len(leaders)})
        here = {file.path for file in files}
        cores = {leader: pool.parts[leader].core for leader in leaders}
        return run_matrix(execution.runs, checks, cores, workers=execution.workers, exists=here.__contains__)


def in_play(evidence: Evidence, gates: Mapping[str, GateResult]) -> tuple[str, ...]:
    """Leaders that may still be chosen: those that came through the gate, or of which it does not know; all, where nothing was run."""
    if not gates:
        return evidence.leaders
    return tuple(leader for leader in evidence.leaders if leader in gates and gates[leader].verdict is not Verdict.FAIL)


def _delivered(pool: Pool, leader: str) -> Candidate:
    """A candidate as it would be delivered, which is what an opinion is wanted of."""
    return pool.candidates[leader].model_copy(update={"patch": pool.parts[leader].patch})


def _with_gates(evidence: Evidence, gates: Mapping[str, GateResult]) -> Evidence:
    found: tuple[Gate, ...] = tuple(gate_of(leader, result) for leader, result in sorted(gates.items()))
    return evidence.model_copy(update={"gates": found})


def _with_scores(evidence: Evidence, scores: Sequence[Score]) -> Evidence:
    return evidence.model_copy(update={"scores": (*evidence.scores, *scores)})


def _bound(job: Callable[..., GateResult | SandboxLost], *words: object) -> Callable[[], GateResult | SandboxLost]:
    return lambda: job(*words)

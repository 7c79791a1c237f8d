"""The first selector: pool, suite regressions, then how much it repairs, the proposer's belief, votes, and the smallest normalised diff.

Clusters are tried in that order and the first that gets through the gate is chosen. That is the lexicographic order with the gate
first, without running what cannot win.
"""

from collections.abc import Callable, Mapping, Sequence

from agent.values import Candidate
from envs.patches import BaseTree
from envs.values import SuiteReport, Task
from selection.gate import GateResult, demands_of, judge_patch
from selection.pool import Pool, build_pool
from selection.port import Bench
from selection.settle import is_settled
from selection.values import Score, Selection

GATE = "suite"
"""Name of the only verifier so far."""


class FirstSelector:
    """Gate by execution, then the pool's order."""

    def __init__(
        self,
        base: BaseTree,
        bench: Bench,
        *,
        base_report: SuiteReport,
        targets: Sequence[str],
        max_clusters: int = 8,
        record: Callable[[str, GateResult], None] = lambda _leader, _result: None,
        known: Mapping[str, GateResult] | None = None,
    ) -> None:
        """Keep the effects.

        Args:
            base: the base commit's files.
            bench: runs tests on patched copies.
            base_report: the suite on base.
            targets: tests that fail on base and should pass in the end; see `demands_of`.
            max_clusters: clusters that may be run before it gives up; at least 1.
            record: called with each result as it comes, so that a killed run need not repeat it.
            known: results of an earlier, killed selection, by leader.
        """
        self._base = base
        self._bench = bench
        self._base_report = base_report
        self._targets = tuple(targets)
        self._max_clusters = max_clusters
        self._record = record
        self._known = dict(known or {})

    def select(self, task: Task, candidates: Sequence[Candidate]) -> Selection:
        """Decide; see `selection.port.Selector`."""
        pool = build_pool(candidates, self._base, lambda candidate: len(demands_of(candidate, task, self._targets)))
        results: dict[str, GateResult] = {}
        for cluster in pool.clusters[: self._max_clusters]:
            result = self._known.get(cluster.leader) or self._run(task, pool.candidates[cluster.leader])
            results[cluster.leader] = result
            if result.passed:
                return _decision(pool, results, chosen=cluster.leader)
        return _decision(pool, results, chosen=None)

    def _run(self, task: Task, leader: Candidate) -> GateResult:
        """Send one leader through the gate."""
        demands = demands_of(leader, task, self._targets)
        result = judge_patch(self._bench, leader.patch, base=self._base_report, targets=demands)
        self._record(leader.id, result)
        return result


def _decision(pool: Pool, results: Mapping[str, GateResult], *, chosen: str | None) -> Selection:
    """Lay the outcome out: survivors first, then what was not run, then what fell."""
    place = {leader: 0 if r.passed else 2 for leader, r in results.items()}
    ranking = sorted((c.leader for c in pool.clusters), key=lambda leader: place.get(leader, 1))
    scores = [
        Score(
            verifier=GATE,
            candidate_id=c.leader,
            value=_value(results.get(c.leader)),
            reason=_reason(results.get(c.leader)),
        )
        for c in pool.clusters
    ]
    return Selection(
        verdict="chosen" if chosen else "abstained",
        chosen=chosen,
        ranking=tuple(ranking),
        clusters=pool.clusters,
        dropped=pool.dropped,
        scores=tuple(scores),
        regressions={leader: r.regressions for leader, r in results.items() if r.suite is not None},
        settled=_settled(pool, results, chosen),
        reason=_why(pool, results, chosen),
    )


def _settled(pool: Pool, results: Mapping[str, GateResult], chosen: str | None) -> bool:
    """Whether another round would be a waste; see `selection.settle`."""
    votes = {
        cluster.leader: len({pool.candidates[m].trajectory_id for m in cluster.members}) for cluster in pool.clusters
    }
    return is_settled(
        chosen=votes[chosen] if chosen else None,
        votes=tuple(votes.values()),
        rejected=len(results) + len(pool.dropped) if chosen is None else 0,
        judged_by_targets=any(result.demands for result in results.values()),
    )


def _value(result: GateResult | None) -> float | None:
    return None if result is None else float(result.passed)


def _reason(result: GateResult | None) -> str:
    return "not run: one before it got through" if result is None else result.reason


def _why(pool: Pool, results: Mapping[str, GateResult], chosen: str | None) -> str:
    """One sentence for people."""
    if chosen:
        fallen = len(results) - 1
        rivals = len(pool.clusters) - 1
        if not rivals:
            return f"the only distinct change; {results[chosen].reason}"
        before = f", and {fallen} before it fell at the gate" if fallen else ""
        order = "by tests repaired, its search's belief, votes and size"
        return f"the first of {len(pool.clusters)} distinct changes {order}{before}; {results[chosen].reason}"
    if not pool.clusters:
        if pool.dropped:
            return f"none of {len(pool.dropped)} candidates could enter the pool: {pool.dropped[0].reason}"
        return "no candidate was proposed"
    first = results[pool.clusters[0].leader].reason
    return f"none of the {len(results)} distinct changes that were run got through; the first: {first}"

"""From results to the numbers of a report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from sandbox.values import Value
from selection.policies import POLICIES
from selection.report.bootstrap import Interval
from selection.report.compare import Comparison, compare
from selection.report.curves import Point, sizes
from selection.report.outcomes import TaskOutcome, outcomes_at
from winnow.eval.report.statistics import Paired, compare_pairs, mean, pass_at, wilson
from winnow.eval.report.values import KNOWN, Outcome, Results, TaskRow

_VERDICTS: frozenset[Outcome] = frozenset({"resolved", "unresolved", "not_applied", "unknown"})
_DRAWS = 20
"""Subsets of tries per task and size for best@k."""


class RepositoryRow(Value):
    """The tasks of one repository."""

    repository: str
    tasks: int
    resolved: int
    share: Interval


class PassAt(Value):
    """pass@k: the share of tasks of which one of k tries is right."""

    k: int
    share: Interval


class Cost(Value):
    """What it took. None: not known."""

    usd: float | None
    usd_per_task: float | None
    usd_per_resolved: float | None
    """None where nothing is resolved, too."""
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    estimated_calls: int
    """Calls whose tokens the endpoint did not tell."""
    seconds: float
    """Sum over tasks of their wall time."""
    seconds_median: float


class Numbers(Value):
    """One system in numbers. Shares are of all its tasks."""

    name: str
    source: str
    tasks: int
    outcomes: Mapping[str, int]
    graded: bool
    """Some task has a verdict. Otherwise every share is None."""
    delivered: Interval
    """Share resolved, with its Wilson interval."""
    at_most: float | None
    """The same if everything that is not known were resolved; None when all is known."""
    coverage: Interval | None = None
    """Share of tasks with some right candidate; None where candidates were not graded."""
    pass_at: tuple[PassAt, ...] = ()
    """Where candidates were graded; pass@1 is what a try drawn by lot delivers."""
    policies: Comparison | None = None
    """What each policy would have delivered from the same candidates and evidence."""
    best_at: tuple[Point, ...] = ()
    """The same by number of tries."""
    repositories: tuple[RepositoryRow, ...]
    cost: Cost | None = None
    """None where nothing is known of it."""
    lost_tries: int
    infra_failures: int


class Pair(Value):
    """Two systems on the tasks that both have."""

    first: str
    second: str
    paired: Paired
    only_in_first: int
    """Tasks that the second does not have; they are left out."""
    only_in_second: int


class Report(Value):
    """What `winnow eval report` prints."""

    schema_version: int = 1
    systems: tuple[Numbers, ...]
    pairs: tuple[Pair, ...] = ()
    """Each further system against the first."""
    resamples: int
    seed: int


def measure(all_results: Sequence[Results], *, resamples: int = 2000, seed: int = 0) -> Report:
    """Measure systems, and compare each with the first."""
    first, *others = all_results
    pairs = [pair for one in others if (pair := _pair(first, one, resamples, seed)) is not None]
    return Report(
        systems=tuple(_numbers(results, resamples, seed) for results in all_results),
        pairs=tuple(pairs),
        resamples=resamples,
        seed=seed,
    )


def _numbers(results: Results, resamples: int, seed: int) -> Numbers:
    rows = results.tasks
    outcomes = {row.outcome for row in rows}
    graded = bool(outcomes & _VERDICTS) or (bool(outcomes & KNOWN) and "not_graded" not in outcomes)
    resolved = sum(row.resolved for row in rows)
    unknown = sum(row.outcome not in KNOWN for row in rows)
    points = _best_at(results, resamples, seed)
    return Numbers(
        name=results.name,
        source=results.source,
        tasks=len(rows),
        outcomes=dict(sorted(Counter(row.outcome for row in rows).items())),
        graded=graded,
        delivered=wilson(resolved, len(rows)) if graded else Interval(value=None, low=None, high=None),
        at_most=(resolved + unknown) / len(rows) if graded and unknown else None,
        coverage=_coverage(rows),
        pass_at=_pass_at(rows, resamples, seed),
        policies=points[-1].comparison if points else None,
        best_at=points,
        repositories=_repositories(rows) if graded else (),
        cost=_cost(rows),
        lost_tries=sum(row.lost for row in rows),
        infra_failures=sum(row.failures for row in rows),
    )


def _coverage(rows: Sequence[TaskRow]) -> Interval | None:
    if any(row.tries is None for row in rows):
        return None
    return wilson(sum(row.any_right is True for row in rows), len(rows))


def _pass_at(rows: Sequence[TaskRow], resamples: int, seed: int) -> tuple[PassAt, ...]:
    """The unbiased estimator, averaged over tasks, up to the number of tries that every task has."""
    tries = [row.tries for row in rows]
    if any(one is None for one in tries):
        return ()
    known = [(len(one), sum(verdict is True for verdict in one)) for one in tries if one is not None]
    found = []
    for k in sizes(min((count for count, _ in known), default=0)):
        shares = [pass_at(k, tries=count, right=right) for count, right in known]
        found.append(PassAt(k=k, share=mean([s for s in shares if s is not None], resamples=resamples, seed=seed)))
    return tuple(found)


def _best_at(results: Results, resamples: int, seed: int) -> tuple[Point, ...]:
    if not results.pools:
        return ()
    names = list(POLICIES)
    names.sort(
        key=lambda name: name != results.policy
    )  # the one that was used comes first: others are compared with it
    points = []
    for k in sizes(max(len(units) for units in results.tried.values())):
        part = outcomes_at(results.pools, results.right, names, k=k, draws=_DRAWS, seed=seed, tries=results.tried)
        part = [_by_try(task, results) for task in part]
        points.append(Point(k=k, comparison=compare(part, resamples=resamples, seed=seed)))
    return tuple(points)


def _by_try(task: TaskOutcome, results: Results) -> TaskOutcome:
    """A pick by lot is one of the tries, those that came to nothing included."""
    units, right = results.tried[task.task_id], results.right.get(task.task_id, {})
    firsts = [right[next(iter(unit))] if unit else False for unit in units]
    return task.model_copy(update={"random": sum(firsts) / len(firsts)})


def _repositories(rows: Sequence[TaskRow]) -> tuple[RepositoryRow, ...]:
    names = sorted({row.repository for row in rows})
    counts = {
        name: (sum(row.repository == name for row in rows), sum(row.resolved for row in rows if row.repository == name))
        for name in names
    }
    return tuple(
        RepositoryRow(repository=name, tasks=total, resolved=right, share=wilson(right, total))
        for name, (total, right) in counts.items()
    )


def _cost(rows: Sequence[TaskRow]) -> Cost | None:
    usages = [row.usage for row in rows if row.usage is not None]
    if not usages:
        return None
    total = sum(usages[1:], usages[0])
    resolved = sum(row.resolved for row in rows)
    seconds = [row.seconds for row in rows if row.seconds is not None]
    return Cost(
        usd=total.usd,
        usd_per_task=None if total.usd is None else total.usd / len(rows),
        usd_per_resolved=None if total.usd is None or not resolved else total.usd / resolved,
        calls=total.calls,
        input_tokens=total.input_tokens,
        cached_tokens=total.cached_tokens,
        output_tokens=total.output_tokens,
        estimated_calls=total.estimated_calls,
        seconds=round(sum(seconds), 1),
        seconds_median=round(median(seconds), 1) if seconds else 0.0,
    )


def _pair(first: Results, second: Results, resamples: int, seed: int) -> Pair | None:
    """None where they have no task in common."""
    one = {row.task_id: row.resolved for row in first.tasks}
    two = {row.task_id: row.resolved for row in second.tasks}
    both = sorted(one.keys() & two.keys())
    if not both:
        return None
    return Pair(
        first=first.name,
        second=second.name,
        paired=compare_pairs([one[t] for t in both], [two[t] for t in both], resamples=resamples, seed=seed),
        only_in_first=len(one) - len(both),
        only_in_second=len(two) - len(both),
    )

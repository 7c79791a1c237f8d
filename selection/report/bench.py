"""`winnow select bench`: stored pools through every policy."""

from collections.abc import Sequence
from pathlib import Path

from sandbox.values import Value
from selection.errors import PoolUnusable
from selection.policies import Preferences, decide
from selection.report.bootstrap import Interval
from selection.report.compare import Comparison, compare
from selection.report.curves import Point, sizes
from selection.report.labels import read_labels
from selection.report.outcomes import outcomes, outcomes_at
from selection.standing import assess
from selection.stored import StoredPool, evidence_of, read_values


class Habit(Value):
    """What a policy does, where nobody knows what is right."""

    policy: str
    chosen: int
    """Tasks on which it delivers."""
    abstained: int
    same: int
    """Tasks on which it delivers what the first policy delivers."""


class BenchReport(Value):
    """What a bench showed."""

    pools: int
    candidates: int
    with_execution: int
    """Pools that hold gates or a matrix; the others have nothing but their patches."""
    comparison: Comparison | None = None
    """None without labels."""
    habits: tuple[Habit, ...] = ()
    """Only without labels."""
    curve: tuple[Point, ...] = ()
    """best@k, where it was asked for."""


def bench(
    pools_path: Path,
    *,
    labels_path: Path | None,
    policies: Sequence[str],
    price_of_wrong: float = 0.0,
    resamples: int = 2000,
    seed: int = 0,
    draws: int = 0,
) -> BenchReport:
    """Replay policies over a file of pools.

    Args:
        pools_path: one `StoredPool` per line.
        labels_path: one `Label` per line; None: nobody knows what is right.
        policies: names; the first is what others are compared with.
        price_of_wrong: see `Preferences`.
        resamples: bootstrap resamples over tasks.
        seed: of resamples and draws.
        draws: subsets per task and pool size for best@k; 0: no curve.

    Raises:
        PoolUnusable: a file cannot be used, or the labels are about other tasks.
    """
    pools = list(read_values(pools_path, StoredPool))
    if not pools:
        raise PoolUnusable(f"{pools_path} holds no pool.", hint="One pool per line is wanted.")
    report = BenchReport(
        pools=len(pools),
        candidates=sum(len(pool.candidates) for pool in pools),
        with_execution=sum(bool(pool.evidence and (pool.evidence.gates or pool.evidence.cells)) for pool in pools),
    )
    if labels_path is None:
        return report.model_copy(update={"habits": _habits(pools, policies, price_of_wrong)})
    labels = read_labels(labels_path)
    whole = outcomes(pools, labels, policies, price_of_wrong=price_of_wrong)
    if not whole:
        raise PoolUnusable(
            f"{labels_path} has no label for a task of {pools_path}.", hint="Make both by one conversion."
        )
    curve = []
    for k in sizes(max(task.candidates for task in whole)) if draws else ():
        part = outcomes_at(pools, labels, policies, k=k, draws=draws, seed=seed, price_of_wrong=price_of_wrong)
        curve.append(Point(k=k, comparison=compare(part, resamples=resamples, seed=seed)))
    comparison = compare(whole, resamples=resamples, seed=seed)
    return report.model_copy(update={"comparison": comparison, "curve": tuple(curve)})


def bench_page(report: BenchReport) -> str:
    """The report as Markdown."""
    head = f"{report.pools} pools, {report.candidates} candidates; {report.with_execution} pools with evidence from execution."
    if report.comparison is None:
        rows = [f"| {h.policy} | {h.chosen} | {h.abstained} | {h.same} |" for h in report.habits]
        return "\n".join(
            [head, "", "| policy | delivers | abstains | same as the first |", "|---|--:|--:|--:|", *rows, ""]
        )
    found = report.comparison
    lines = [
        head,
        f"{found.tasks} tasks and {found.candidates} candidates have labels: random {found.random:.1%}, oracle {found.oracle:.1%}. "
        f"In brackets: 95 % of {found.resamples} paired bootstrap resamples over tasks.",
        "",
        f"| policy | delivered | share of the gap closed | points over {found.rows[0].policy} | abstained | right of delivered |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in found.rows:
        right = "" if row.precision is None else f"{row.precision:.1%}"
        cells = (
            row.policy,
            _share(row.delivered),
            _share(row.gap_closed),
            _points(row.ahead),
            f"{row.abstained:.1%}",
            right,
        )
        lines.append(f"| {' | '.join(cells)} |")
    if report.curve:
        lines += ["", "Delivered by candidates per task, at most:", "", *_curve(report.curve)]
    return "\n".join([*lines, ""])


def _habits(pools: Sequence[StoredPool], policies: Sequence[str], price: float) -> tuple[Habit, ...]:
    assessments = [assess(evidence_of(pool)) for pool in pools]
    chosen = {
        policy: [decide(a, Preferences(policy=policy, price_of_wrong=price)) for a in assessments]
        for policy in policies
    }
    first = chosen[policies[0]]
    return tuple(
        Habit(
            policy=policy,
            chosen=sum(decision.verdict == "chosen" for decision in decisions),
            abstained=sum(decision.verdict == "abstained" for decision in decisions),
            same=sum(one.shares == other.shares for one, other in zip(decisions, first, strict=True)),
        )
        for policy, decisions in chosen.items()
    )


def _curve(points: Sequence[Point]) -> list[str]:
    names = [row.policy for row in points[0].comparison.rows]
    lines = [f"| k | oracle | {' | '.join(names)} |", "|--:|--:|" + "--:|" * len(names)]
    for point in points:
        cells = [f"{row.delivered.value or 0:.1%}" for row in point.comparison.rows]
        lines.append(f"| {point.k} | {point.comparison.oracle:.1%} | {' | '.join(cells)} |")
    return lines


def _share(interval: Interval) -> str:
    if interval.value is None:
        return ""
    spread = "" if interval.low is None or interval.high is None else f" ({interval.low:.1%} to {interval.high:.1%})"
    return f"{interval.value:.1%}{spread}"


def _points(interval: Interval) -> str:
    if interval.value is None or interval.low is None or interval.high is None:
        return ""
    return f"{100 * interval.value:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"

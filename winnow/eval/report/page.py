"""A report as Markdown."""

from collections.abc import Sequence

from selection.report.bootstrap import Interval
from winnow.eval.report.measure import Cost, Numbers, Pair, Report

_NOTES = (
    "Shares are of all tasks: what is not known (unknown, infra, unusable, defect, not graded, not run) is not resolved. "
    "In brackets: 95 %; Wilson for shares of tasks, {resamples} paired bootstrap resamples over tasks for everything else."
)


def page(report: Report, *, pictures: Sequence[str] = ()) -> str:
    """Write everything down; `pictures` are file names beside the page."""
    lines = ["# Evaluation", "", *_overview(report.systems), "", _NOTES.format(resamples=report.resamples), ""]
    for pair in report.pairs:
        lines += [*_pair(pair), ""]
    for numbers in report.systems:
        lines += [f"## {numbers.name}", "", *_system(numbers), ""]
    lines += [f"![{name}]({name})" for name in pictures]
    return "\n".join(lines).rstrip() + "\n"


def _overview(systems: Sequence[Numbers]) -> list[str]:
    lines = [
        "| system | tasks | resolved | share | coverage | pass@1 | USD per task | USD per resolved |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for one in systems:
        cost = one.cost
        cells = (
            one.name,
            str(one.tasks),
            str(one.outcomes.get("resolved", 0)) if one.graded else "",
            share(one.delivered),
            share(one.coverage),
            share(one.pass_at[0].share if one.pass_at else None),
            _usd(cost.usd_per_task if cost else None),
            _usd(cost.usd_per_resolved if cost else None),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _pair(pair: Pair) -> list[str]:
    found = pair.paired
    left_out = pair.only_in_first + pair.only_in_second
    return [
        f"**{pair.second} against {pair.first}**, on the {found.tasks} tasks that both have"
        + (f" ({left_out} that only one has are left out)" if left_out else "")
        + f": {_points(found.difference)} points. Both resolve {found.both}, only {pair.first} {found.only_first}, "
        f"only {pair.second} {found.only_second}, neither {found.neither}; McNemar's exact p = {found.p_value:.3g}."
    ]


def _system(one: Numbers) -> list[str]:
    outcomes = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in one.outcomes.items())
    lines = [f"{one.tasks} tasks: {outcomes}."]
    if one.at_most is not None:
        lines.append(f"If all that is not known were resolved, the share would be {one.at_most:.1%}.")
    if one.lost_tries or one.infra_failures:
        lines.append(
            f"Infrastructure: {one.infra_failures} failures of whole tasks, those that a repetition cured included; "
            f"{one.lost_tries} tries lost."
        )
    if one.cost:
        lines += ["", *_cost(one.cost)]
    if one.pass_at:
        lines += ["", "| k | pass@k |", "|--:|--:|", *(f"| {at.k} | {share(at.share)} |" for at in one.pass_at)]
    if one.policies:
        lines += ["", *_policies(one)]
    if len(one.repositories) > 1:
        lines += ["", "| repository | tasks | resolved | share |", "|---|--:|--:|--:|"]
        lines += [
            f"| {row.repository} | {row.tasks} | {row.resolved} | {share(row.share)} |" for row in one.repositories
        ]
    return lines


def _cost(cost: Cost) -> list[str]:
    paid = "unknown price" if cost.usd is None else f"{cost.usd:.4g} USD"
    cached = f"{cost.cached_tokens / cost.input_tokens:.0%} from cache" if cost.input_tokens else "none from cache"
    estimated = f", {cost.estimated_calls} of them estimated" if cost.estimated_calls else ""
    return [
        f"Cost: {paid}; {cost.calls} calls{estimated}; {cost.input_tokens:,} tokens in ({cached}), {cost.output_tokens:,} out. "
        f"Wall time over tasks: {cost.seconds:,.0f} s, median {cost.seconds_median:,.1f} s."
    ]


def _policies(one: Numbers) -> list[str]:
    found = one.policies
    assert found is not None
    names = [row.policy for row in found.rows]
    lines = [
        f"The same candidates and evidence through every policy; a try by lot {found.random:.1%}, oracle {found.oracle:.1%}:",
        "",
        f"| policy | delivered | share of the gap closed | points over {names[0]} | abstained |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in found.rows:
        ahead = "" if row.ahead.value is None else _points(row.ahead)
        cells = (row.policy, share(row.delivered), share(row.gap_closed), ahead, f"{row.abstained:.1%}")
        lines.append(f"| {' | '.join(cells)} |")
    if len(one.best_at) > 1:
        lines += ["", f"best@k | {' | '.join(names)}".join(("| ", " |")), "|--:|" + "--:|" * len(names)]
        for point in one.best_at:
            shares = (f"{row.delivered.value or 0:.1%}" for row in point.comparison.rows)
            lines.append(f"| {point.k} | {' | '.join(shares)} |")
    return lines


def share(interval: Interval | None) -> str:
    """A share in per cent with its interval; empty when it is not known. Resamples that are all the same say nothing of the spread."""
    if interval is None or interval.value is None:
        return ""
    silent = interval.low is None or interval.high is None or interval.low == interval.high
    spread = "" if silent else f" ({interval.low:.1%} to {interval.high:.1%})"
    return f"{interval.value:.1%}{spread}"


def _points(interval: Interval) -> str:
    spread = "" if interval.low == interval.high else f" ({_signed(interval.low)} to {_signed(interval.high)})"
    return f"{_signed(interval.value)}{spread}"


def _signed(value: float | None) -> str:
    return "?" if value is None else f"{100 * value:+.1f}"


def _usd(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"

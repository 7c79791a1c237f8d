"""Results as text for people."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from selection.files import PAGE
from winnow.overview import Row
from winnow.replay import ReplayResult
from winnow.result import Contest, FixResult, TestCounts
from winnow.select_values import SelectResult


def show_result(console: Console, result: FixResult) -> None:
    """Print the patch, the tests before and after, the contest, time and cost."""
    if result.patch:
        title = "plausible patch" + (", low confidence" if result.confidence == "low" else "")
        console.print(Rule(title, align="left", style="dim"))
        _print_patch(console, result.patch)
    else:
        console.print(Text("nothing plausible was found", style="bold"))
    console.print(_facts(result))


def show_selection(console: Console, result: SelectResult) -> None:
    """Print the chosen patch, or that there is none, and why."""
    if result.chosen:
        console.print(Rule(f"chosen: {result.chosen}", align="left", style="dim"))
        _print_patch(console, result.patch)
    else:
        console.print(Text("nothing is chosen", style="bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()

    def row(label: str, value: str) -> None:
        table.add_row(label, Text(value))

    if not result.chosen and result.ranking:
        row("leading", ", ".join(result.ranking[:2]))
    row("rivals", f"{result.candidates} candidates, {result.distinct} distinct")
    if result.sandbox:
        row("tests", f"{result.got_through} came through, {result.fell} fell; {result.probes} probes vote")
    row("why", result.reason)
    if result.probability is not None:
        row("chance", f"about {result.probability:.0%}, by a rough reckoning")
    where = f" in {result.sandbox} sandboxes" if result.sandbox else ""
    row("spent", f"{result.seconds:.1f} s{where}, {result.ran} runs of tests")
    for path in result.written:
        row("written", path)
    console.print(table)


def _print_patch(console: Console, patch: str) -> None:
    for line in patch.rstrip("\n").split("\n"):  # no frame and no wrapping: people copy it
        console.print(Text(line, style=_colour(line)), soft_wrap=True)
    console.print(Rule(style="dim"))


def show_replay(console: Console, replayed: ReplayResult) -> None:
    """Print whether a replay came to the same, and what it came to where it did not."""
    console.print(Text(f"run {replayed.replayed} again, as run {replayed.run_id}: {replayed.reason}"))
    if not replayed.same:
        show_result(console, replayed.result)


def _colour(line: str) -> str:
    """Style of a line of a diff."""
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


def _facts(result: FixResult) -> Table:
    """The evidence as label and value."""
    contest = result.contest
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()

    def row(label: str, value: str) -> None:
        table.add_row(label, Text(value))

    if result.summary:
        row("change", result.summary)
    if result.targets:
        verb = "pass now" if result.patch else "fail"
        row("target tests", f"{', '.join(result.targets[:3])}{_more(result.targets)}: {verb}")
    if result.patch and result.still_failing:
        row(
            "still failing",
            f"{', '.join(result.still_failing[:3])}{_more(result.still_failing)}: the patch is not about them",
        )
    if result.probe and not result.probe.startswith("none"):
        row("agent's own test", _probe(result.probe))
    if result.before:
        row("suite before", _counts(result.before))
    if result.after:
        row("suite after", _counts(result.after))
    row("rivals", _rivals(contest))
    row("why", result.reason)
    if result.caution:
        row("caution", result.caution)
    row("spent", _spent(result))
    for label, value in result.delivered.items():
        row(label, value)
    row("kept in", result.run_dir)
    page = Path(result.run_dir) / PAGE
    if page.exists():
        row("explained in", str(page))
    return table


def _probe(verdicts: str) -> str:
    """What an agent's probe said before and after."""
    before, _, after = verdicts.partition(" -> ")
    words = {"present": "shows the problem", "fixed": "passes", "broken": "does not work", "timed_out": "does not end"}
    return f"{words.get(before, before)} on base, {words.get(after, after)} with the patch"


def _rivals(contest: Contest) -> str:
    """Against how many others it stood."""
    tried = f"{contest.tried} edits tried, " if contest.tried else ""
    plural = "y" if contest.trajectories == 1 else "ies"
    s = "" if contest.candidates == 1 else "s"
    return f"{contest.trajectories} trajector{plural}, {tried}{contest.candidates} candidate{s}, {contest.distinct} distinct"


def _spent(result: FixResult) -> str:
    """Time and cost."""
    usd = "cost unknown" if result.usage.usd is None else f"${result.usage.usd:.2f}"
    usage = result.usage
    tokens = f", {usage.input_tokens:,} + {usage.output_tokens:,} tokens ({usage.cached_tokens:,} cached)"
    calls = f", {usage.calls} model calls{tokens}" if usage.calls else ""
    return f"{result.seconds:.1f} s, {result.usage.cpu_seconds:.1f} CPU-s in {result.sandbox} sandboxes, {usd}{calls}"


def _counts(number: TestCounts) -> str:
    parts = [f"{number.passed} passed", f"{number.failed} failed"]
    parts += [f"{number.errors} errors"] if number.errors else []
    parts += [f"{number.skipped} skipped"] if number.skipped else []
    return ", ".join(parts) + ("" if number.status == "ran" else f" ({number.status.replace('_', ' ')})")


def _more(names: tuple[str, ...]) -> str:
    return f" and {len(names) - 3} more" if len(names) > 3 else ""


def show_runs(console: Console, rows: Iterable[Row]) -> None:
    """Print one line per run."""
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "state", "result", "asked"):
        table.add_column(heading, no_wrap=heading != "asked")
    for row in rows:
        table.add_row(row.run_id, row.state, row.result.replace("_", " "), Text(row.asked))
    console.print(table)


def show_row(console: Console, row: Row) -> None:
    """Print a run that has no result yet, and how to go on."""
    console.print(Text(f"run {row.run_id}: {row.state}" + (f": {row.detail}" if row.detail else "")))
    console.print(Text(f"asked: {row.asked}\nrepository: {row.repository}\nkept in: {row.run_dir}"))
    if row.state != "running":
        console.print(Text(f"Go on with: winnow resume {row.run_id}"))

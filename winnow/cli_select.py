"""`winnow select ...`: choosing between patches that are there already.

As in `winnow.cli`, commands import what they need when they run.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from winnow.errors import SettingsError
from winnow.output import errors, print_json

app = typer.Typer(
    no_args_is_help=True, help="Choose between patches that are there already, and see how well policies do."
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]


@app.command()
def bench(  # noqa: PLR0917 - Typer reads options from parameters
    pools: Annotated[Path, typer.Argument(help="Stored pools, one JSON object per line; .gz is read too.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="Which candidates are right, one JSON object per line. Only the report reads it."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="Names with commas; the first is what others are compared with. [default: all]"),
    ] = None,
    price_of_wrong: Annotated[
        float,
        typer.Option(
            min=0,
            help="What a wrong patch costs, in units of a right one's worth: below p = c/(1+c) nothing is delivered.",
        ),
    ] = 0.0,
    draws: Annotated[
        int, typer.Option(min=0, help="Subsets per task and pool size for best@k; 0: whole pools only.")
    ] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="Where the best@k curves are drawn (SVG); 10 draws if not said.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples over tasks.")] = 2000,
    seed: Annotated[int, typer.Option(help="Same seed, same numbers.")] = 0,
    as_json: Json = False,
) -> None:
    """Replay stored pools through every policy: delivered, random, oracle, and the share of the gap closed."""
    from selection.report.bench import bench as measure
    from selection.report.bench import bench_page
    from selection.report.curves import plot as draw

    with errors(as_json):
        if plot is not None and labels is None:
            raise SettingsError(
                "A plot of best@k needs --labels.", hint="Name the file that says which candidates are right."
            )
        report = measure(
            pools,
            labels_path=labels,
            policies=_policies(policy),
            price_of_wrong=price_of_wrong,
            resamples=resamples,
            seed=seed,
            draws=draws or (10 if plot else 0),
        )
        if plot is not None:
            _write(plot, draw(report.curve))
        if as_json:
            print_json(report.model_dump(mode="json"))
        else:
            typer.echo(bench_page(report), nl=False)


@app.command()
def convert(  # noqa: PLR0917 - Typer reads options from parameters
    candidates: Annotated[
        Path,
        typer.Argument(help="Published patches, one JSON object per line with instance_id and patch; .gz is read too."),
    ],
    pools: Annotated[Path, typer.Argument(help="Where the pools are written.")],
    labels: Annotated[Path | None, typer.Option(help="Where the published claims are written, as labels.")] = None,
    tier: Annotated[str | None, typer.Option(help="Only these tiers, with commas. [default: all]")] = None,
    issues: Annotated[
        Path | None, typer.Option(help="Task records with instance_id and problem_statement, for the issues' texts.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn a list of published patches into stored pools, and its claims into a file of their own."""
    from selection.report.convert import convert as gather
    from selection.stored import write_values

    with errors(as_json):
        stored, claims = gather(candidates, tiers=_names(tier), issues=issues)
        written = {"pools": write_values(pools, stored), "candidates": sum(len(pool.candidates) for pool in stored)}
        if labels is not None:
            written["labels"] = write_values(labels, claims)
        if as_json:
            print_json(written)
        else:
            typer.echo(", ".join(f"{count} {what}" for what, count in written.items()))


@app.command()
def explain(
    log: Annotated[Path, typer.Argument(help="The log of a selection: selection-log.json.")],
    out: Annotated[Path, typer.Option(help="The folder for selection.md, selection.json and selection.svg.")] = Path(),
    as_json: Json = False,
) -> None:
    """Make a selection again from its log, without a sandbox or a model, and write down what it rests on."""
    from selection.explain import explain as lay_open
    from selection.files import read_log, write_explanation

    with errors(as_json):
        explanation = lay_open(read_log(log))
        written = write_explanation(explanation, out)
        if as_json:
            print_json(explanation.model_dump(mode="json"))
        else:
            console = Console()
            for line in (explanation.selection.reason, *map(str, written)):
                console.print(line, highlight=False, markup=False, soft_wrap=True)


def _policies(given: str | None) -> tuple[str, ...]:
    from selection.policies import POLICIES

    names = _names(given) or tuple(POLICIES)
    unknown = [name for name in names if name not in POLICIES]
    if unknown:
        raise SettingsError(f"There is no policy {unknown[0]!r}.", hint=f"One of: {', '.join(POLICIES)}.")
    return tuple(dict.fromkeys(names))


def _names(given: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (given or "").split(",") if part.strip())


def _write(path: Path, text: str) -> None:
    from selection.files import write_text

    write_text(path, text)

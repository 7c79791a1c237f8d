"""`winnow select ...`: choosing between patches that are there already.

As in `winnow.cli`, commands import what they need when they run.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from winnow import cli_options as options
from winnow.cli_options import Json, Quiet, RunByDefault, Verbose, given, listed
from winnow.errors import SettingsError
from winnow.output import errors, print_json

app = typer.Typer(
    cls=RunByDefault,
    no_args_is_help=True,
    help="Choose between patches that are there already: `winnow select --repo R --issue I CANDIDATES`, as `winnow select run --help` "
    "says; and see how well policies do.",
)

_WHAT = "What to choose between"


@app.command("run")
def run(  # noqa: PLR0917 - Typer reads options from parameters
    candidates: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of diffs (a sub-folder, or what stands before -- in a name, is the system), diffs, stored pools, published "
            "patches, or predictions with instance_id and model_patch; .gz is read too."
        ),
    ],
    repo: Annotated[
        Path, typer.Option("--repo", "-C", help="A folder of the repository.", rich_help_panel=_WHAT)
    ] = Path(),
    issue: Annotated[
        str | None,
        typer.Option(
            "--issue",
            "-i",
            help='FILE, "text", - (stdin), https://…/issues/N, owner/repo#N or #N. [default: what stored pools hold]',
            rich_help_panel=_WHAT,
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Commit that the patches are for. [default: what is on disk]", rich_help_panel=_WHAT),
    ] = None,
    task: Annotated[str, typer.Option(help="Which task, where a file holds several.", rich_help_panel=_WHAT)] = "",
    failing_test: Annotated[
        list[str] | None,
        typer.Option(
            "--failing-test", "-t", help="A test that fails now and must pass. Repeatable.", rich_help_panel=_WHAT
        ),
    ] = None,
    probe: Annotated[
        list[Path] | None,
        typer.Option(
            help="A test from outside: test_*.py, or a script that ends with 2 while the issue is there and 0 when it is gone. "
            "Repeatable.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    no_execution: Annotated[
        bool, typer.Option("--no-execution", help="Run nothing: compare texts alone.", rich_help_panel=_WHAT)
    ] = False,
    policy: options.Policy = None,
    price_of_wrong: options.PriceOfWrong = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Model that judges and writes tests. [default: none]", rich_help_panel=options.MODELS
        ),
    ] = None,
    base_url: options.BaseUrl = None,
    max_usd: options.MaxUsd = None,
    suite_seconds: Annotated[
        float | None,
        typer.Option(
            help="CPU time on base of the tests that are run with every change; of a longer suite the nearest ones.",
            rich_help_panel=options.CHOICE,
        ),
    ] = None,
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    image: options.ImageName = None,
    base_image: options.BaseImage = None,
    setup: options.Setup = None,
    python: options.Python = None,
    test_command: options.TestCommand = None,
    tests: options.Tests = None,
    memory_mb: options.MemoryMb = None,
    disk_mb: options.DiskMb = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the log, the page and the picture.", rich_help_panel=options.RESULT)
    ] = None,
    patch_out: options.PatchOut = None,
    evidence_out: Annotated[
        Path | None,
        typer.Option(
            help="Write the pool with all evidence to a file, for `winnow select bench`.",
            rich_help_panel=options.RESULT,
        ),
    ] = None,
    config: options.Config = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Choose one of several patches, or none: tests and probes run on every distinct change, then a policy decides.

    No model and no key is needed, and nobody has to know which patch is right. The repository is only read.
    """
    from envs.repository import find_repository
    from winnow.progress import Progress
    from winnow.select_values import Asked
    from winnow.selecting import choose_between
    from winnow.settings import load
    from winnow.show import show_selection

    flags: dict[str, dict[str, Any]] = {
        "selection": {"policy": policy, "price_of_wrong": price_of_wrong, "suite_seconds": suite_seconds},
        "model": {"names": tuple(model) if model else None, "base_url": base_url},
        "budget": {"usd": max_usd},
        "run": {"workers": workers},
        "sandbox": {"kind": sandbox, "memory_mb": memory_mb, "disk_mb": disk_mb},
        "image": {"name": image, "base": base_image, "setup": setup, "python": python},
        "suite": {"command": test_command, "paths": tests},
    }
    with errors(as_json):
        asked = Asked(
            candidates=tuple(candidates),
            issue=issue,
            task=task,
            failing_tests=tuple(failing_test or ()),
            commit=base,
            probes=tuple(probe or ()),
            execution=not no_execution,
            out=out,
            patch_out=patch_out,
            evidence_out=evidence_out,
        )
        repository = find_repository(repo)
        settings = load(given(flags), repository=repository, config=config)
        with Progress(Console(stderr=True), quiet=quiet or (as_json and not verbose), verbose=verbose) as progress:
            result = choose_between(asked, settings, repository, progress)
        if as_json:
            print_json(result.model_dump(mode="json"))
        else:
            show_selection(Console(), result)
    raise typer.Exit(result.exit_code)


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
        stored, claims = gather(candidates, tiers=listed(tier) or (), issues=issues)
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


def _policies(said: str | None) -> tuple[str, ...]:
    from selection.policies import POLICIES

    names = listed(said) or tuple(POLICIES)
    unknown = [name for name in names if name not in POLICIES]
    if unknown:
        raise SettingsError(f"There is no policy {unknown[0]!r}.", hint=f"One of: {', '.join(POLICIES)}.")
    return tuple(dict.fromkeys(names))


def _write(path: Path, text: str) -> None:
    from selection.files import write_text

    write_text(path, text)

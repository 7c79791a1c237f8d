"""`winnow eval DATASET` and `winnow eval report`.

As in `winnow.cli`, commands import what they need when they run.
"""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from winnow import cli_dataset as options
from winnow import cli_options as shared
from winnow.cli_options import Json, Quiet, given, listed
from winnow.output import errors, print_json


def register(app: typer.Typer) -> None:
    """Add the commands to the group `eval`."""
    app.command(name="run")(run)
    app.command(name="report")(report)


def run(  # noqa: PLR0917 - Typer reads options from parameters
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="DATASET", help="JSONL, JSON or Parquet file (.gz too); lite, verified, full, or a name on the hub."
        ),
    ] = None,
    subset: Annotated[
        str | None, typer.Option(help="Another way to name the dataset.", rich_help_panel=options.WHICH)
    ] = None,
    split: options.Split = "test",
    ids: options.Ids = None,
    filter: options.Filter = "",  # noqa: A002
    slice: options.Slice = "",  # noqa: A002
    shuffle: options.Shuffle = None,
    trajectories: shared.Trajectories = None,
    rounds: shared.Rounds = None,
    iterations: shared.Iterations = None,
    turns: shared.Turns = None,
    seed: shared.Seed = None,
    max_usd: shared.MaxUsd = None,
    batch_usd: Annotated[
        float | None,
        typer.Option(help="USD that all tasks may cost; needs --max-usd.", rich_help_panel=shared.MODELS),
    ] = None,
    max_tokens: shared.MaxTokens = None,
    max_calls: shared.MaxCalls = None,
    max_seconds: shared.MaxSeconds = None,
    model: shared.Model = None,
    base_url: shared.BaseUrl = None,
    price: shared.Price = None,
    proposers: shared.Proposers = None,
    strategy: shared.Strategy = None,
    temperature: shared.Temperature = None,
    policy: shared.Policy = None,
    mirror: options.Mirror = None,
    repository_url: options.RepositoryUrl = None,
    base_image: options.BaseImage = None,
    pull: options.Pull = None,
    image_gb: options.ImageGb = None,
    workers: Annotated[
        int | None, typer.Option("-w", "-j", "--workers", help="Tasks at once.", rich_help_panel=shared.WHERE)
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Address of a Ray cluster; auto: the one that this machine is part of.", rich_help_panel=shared.WHERE
        ),
    ] = None,
    retries: Annotated[
        int | None, typer.Option(help="Repetitions of a task whose machine failed.", rich_help_panel=shared.WHERE)
    ] = None,
    grade: Annotated[
        str | None,
        typer.Option(help="Patches to grade: none, chosen or all.", rich_help_panel=shared.RESULT),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The batch's folder. [default: winnow-eval/DATASET]", rich_help_panel=shared.RESULT
        ),
    ] = None,
    config: shared.Config = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Solve every task of a dataset, and grade what comes.

    The same command goes on with a batch that was interrupted or killed: what is finished is not paid again, and a changed setting
    is refused. --grade all also grades the candidates that were not chosen, which pass@k and best@k need.
    """
    flags = options.flags(
        mirror=mirror, repository_url=repository_url, base_image=base_image, pull=pull, image_gb=image_gb, workers=None
    )
    flags |= {
        "run": {"trajectories": trajectories, "rounds": rounds, "seed": seed, "proposers": listed(proposers)},
        "model": {"names": model, "base_url": base_url, "temperature": temperature, "prices": price},
        "selection": {"policy": policy},
        "agent": {"strategies": listed(strategy), "iterations": iterations, "turns": turns},
        "budget": {"usd": max_usd, "tokens": max_tokens, "calls": max_calls, "seconds": max_seconds},
        "eval": {
            "out": out,
            "grade": grade,
            "workers": workers,
            "batch_usd": batch_usd,
            "cluster": cluster,
            "retries": retries,
        },
    }

    def work(console: Console) -> Any:
        from winnow.chooser import preferences_of
        from winnow.errors import SettingsError
        from winnow.eval.progress import BatchProgress
        from winnow.eval.run import DatasetName, evaluate
        from winnow.eval.testbeds import Testbeds
        from winnow.request import without_secrets
        from winnow.settings import load

        name = source or subset
        if name is None:
            raise SettingsError("No dataset is named.", hint="Give a file, or a name such as lite or verified.")
        settings = load(given(flags), repository=None, config=config)
        preferences_of(settings)
        tasks = options.dataset(name, split=split, ids=ids, pattern=filter, part=slice, shuffle=shuffle)
        with BatchProgress(console, quiet=quiet or as_json) as progress:
            return evaluate(
                settings,
                tasks.records,
                tasks.gold,
                dataset=DatasetName(name, split),
                sites=Testbeds(settings=without_secrets(settings)),
                report=progress,
                watch=progress.watch,
            )

    with errors(as_json):
        result = _going_on(work)
        if as_json:
            print_json(result.model_dump(mode="json"))
        else:
            from winnow.eval.progress import show_batch

            show_batch(Console(), result)
    raise typer.Exit(result.exit_code)


def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of batches, or results of other systems in the official forms. The first is the reference."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for report.md, report.json, manifest and pictures.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples over tasks.")] = 2000,
    seed: Annotated[int, typer.Option(help="Same seed, same numbers.")] = 0,
    as_json: Json = False,
) -> None:
    """Say what batches came to, and compare them: resolved, pass@k, best@k by policy, costs, repositories, with intervals."""
    from winnow.eval.report.page import page
    from winnow.eval.report.write import make_report, write_report

    with errors(as_json):
        made = make_report(results, resamples=resamples, seed=seed)
        written = write_report(made, out) if out is not None else ()
        if as_json:
            print_json(made.model_dump(mode="json"))
        else:
            typer.echo(page(made), nl=False)
            for path in written:
                typer.echo(str(path), err=True)


def _going_on(work: Any) -> Any:
    """Work with a console on standard error; what stops a batch half-way says how to go on."""
    from agent.models.errors import ModelError
    from sandbox.errors import SandboxError
    from winnow.errors import Interrupted

    try:
        return work(Console(stderr=True))
    except (Interrupted, SandboxError, ModelError) as error:
        error.hint = f"{error.hint} Go on with: {shlex.join(['winnow', *sys.argv[1:]])}".strip()
        raise

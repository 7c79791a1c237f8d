"""`winnow eval DATASET` and `winnow eval report`.

As in `winnow.cli`, commands import what they need when they run.
"""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from winnow import cli_dataset as options
from winnow.output import errors, print_json

_HOW = "How much is tried"
_WHO = "Who tries"
_WHERE = "Where they run"
_RESULT = "What happens with the result"
_NAMED = ("-h", "--help")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]


class RunByDefault(TyperGroup):
    """A group whose first word may be a dataset: `winnow eval DATASET` is `winnow eval run DATASET`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name in where it was left out."""
        if args and args[0] not in self.commands and args[0] not in _NAMED:
            args = ["run", *args]
        return super().parse_args(ctx, args)


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
    trajectories: Annotated[
        int | None, typer.Option("-n", "--trajectories", help="Independent tries per task.", rich_help_panel=_HOW)
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds per task at most.", rich_help_panel=_HOW)] = None,
    iterations: Annotated[
        int | None, typer.Option(help="Checks by execution in a trajectory.", rich_help_panel=_HOW)
    ] = None,
    turns: Annotated[int | None, typer.Option(help="Model calls in a trajectory.", rich_help_panel=_HOW)] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same plan.", rich_help_panel=_HOW)] = None,
    max_usd: Annotated[float | None, typer.Option(help="USD that one task may cost.", rich_help_panel=_HOW)] = None,
    batch_usd: Annotated[
        float | None, typer.Option(help="USD that all tasks may cost; needs --max-usd.", rich_help_panel=_HOW)
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens that one task may use.", rich_help_panel=_HOW)] = None,
    max_calls: Annotated[int | None, typer.Option(help="Model calls of one task.", rich_help_panel=_HOW)] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Wall time of one task after which no call starts.", rich_help_panel=_HOW)
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Model behind the endpoint. Repeatable.", rich_help_panel=_WHO),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="OpenAI-compatible endpoint. [default: OPENAI_BASE_URL]", rich_help_panel=_WHO)
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(help="NAME=IN/CACHED/OUT, USD per million tokens. Repeatable.", rich_help_panel=_WHO),
    ] = None,
    proposers: Annotated[str | None, typer.Option(help="agent, repair or agent,repair.", rich_help_panel=_WHO)] = None,
    strategy: Annotated[
        str | None, typer.Option(help="react, iterate, single; several take turns.", rich_help_panel=_WHO)
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Of sampling. [default: 0 first, then 0.8]", rich_help_panel=_WHO)
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="Who chooses; see `winnow select bench`.", rich_help_panel=_WHO)
    ] = None,
    mirror: options.Mirror = None,
    repository_url: options.RepositoryUrl = None,
    base_image: options.BaseImage = None,
    pull: options.Pull = None,
    image_gb: options.ImageGb = None,
    workers: Annotated[
        int | None, typer.Option("-w", "-j", "--workers", help="Tasks at once.", rich_help_panel=_WHERE)
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Address of a Ray cluster; auto: the one that this machine is part of.", rich_help_panel=_WHERE
        ),
    ] = None,
    retries: Annotated[
        int | None, typer.Option(help="Repetitions of a task whose machine failed.", rich_help_panel=_WHERE)
    ] = None,
    grade: Annotated[
        str | None,
        typer.Option(help="Patches to grade: none, chosen or all.", rich_help_panel=_RESULT),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The batch's folder. [default: winnow-eval/DATASET]", rich_help_panel=_RESULT),
    ] = None,
    config: options.Config = None,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Solve every task of a dataset, and grade what comes.

    The same command goes on with a batch that was interrupted or killed: what is finished is not paid again, and a changed setting
    is refused. --grade all also grades the candidates that were not chosen, which pass@k and best@k need.
    """
    flags = options.flags(
        mirror=mirror, repository_url=repository_url, base_image=base_image, pull=pull, image_gb=image_gb, workers=None
    )
    flags |= {
        "run": {"trajectories": trajectories, "rounds": rounds, "seed": seed, "proposers": _listed(proposers)},
        "model": {"names": model, "base_url": base_url, "temperature": temperature, "prices": price},
        "selection": {"policy": policy},
        "agent": {"strategies": _listed(strategy), "iterations": iterations, "turns": turns},
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
    flags = {section: {k: v for k, v in values.items() if v is not None} for section, values in flags.items()}

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
        settings = load(flags, repository=None, config=config)
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
        error.hint = f"{error.hint} Go on with: {shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])}".strip()
        raise


def _listed(given: str | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(part.strip() for part in given.split(",") if part.strip())

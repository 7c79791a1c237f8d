"""`winnow eval grade`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from winnow import cli_dataset as options
from winnow.cli_options import Config, Json, Quiet
from winnow.errors import Exit, SettingsError
from winnow.output import errors, print_json

if TYPE_CHECKING:
    from winnow.grade import GradeResult

_WHAT = "What is graded"
Predictions = Annotated[
    list[Path] | None,
    typer.Option(
        "--predictions",
        "-p",
        help="JSON or JSONL with instance_id, model_name_or_path and model_patch. Repeatable.",
        rich_help_panel=_WHAT,
    ),
]


def grade(  # noqa: PLR0917 - Typer reads options from parameters
    source: options.Source,
    predictions: Predictions = None,
    gold: Annotated[bool, typer.Option("--gold", help="The reference patches.", rich_help_panel=_WHAT)] = False,
    empty: Annotated[
        bool, typer.Option("--empty", help="No patch: what the tests say of the base.", rich_help_panel=_WHAT)
    ] = False,
    run_id: Annotated[str, typer.Option(help="Names the logs and the summary.")] = "run",
    out: Annotated[Path, typer.Option("--report-dir", "-o", help="The folder of logs and summaries.")] = Path(),
    split: options.Split = "test",
    ids: options.Ids = None,
    filter: options.Filter = "",  # noqa: A002
    slice: options.Slice = "",  # noqa: A002
    shuffle: options.Shuffle = None,
    workers: options.Workers = None,
    timeout: Annotated[float | None, typer.Option("--timeout", "-t", help="Seconds for the tests of a patch.")] = None,
    mirror: options.Mirror = None,
    repository_url: options.RepositoryUrl = None,
    base_image: options.BaseImage = None,
    pull: options.Pull = None,
    image_gb: options.ImageGb = None,
    network: Annotated[bool | None, typer.Option("--network", help="Let the tests use the network.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Grade again what was graded before.")] = False,
    config: Config = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Run hidden tests on patches, and write reports as the official harness does.

    A grading that was killed goes on where it was: grades are kept by the content of patch, task and image. The exit code is 27 when
    machines failed for some patches; the same command tries those again.
    """
    with errors(as_json):
        if not (predictions or gold or empty):
            raise SettingsError("There is nothing to grade.", hint="Name a file with -p, or add --gold or --empty.")
        if "/" in run_id or run_id in ("", ".", ".."):
            raise SettingsError(f"{run_id!r} is no name for a run.", hint="It names a folder.")
        said = options.flags(
            mirror=mirror, repository_url=repository_url, base_image=base_image, pull=pull, image_gb=image_gb,
            workers=workers, timeout_s=timeout, network=network,
        )  # fmt: skip
        tasks = options.dataset(source, split=split, ids=ids, pattern=filter, part=slice, shuffle=shuffle)
        what = {"predictions": predictions or [], "gold": gold, "empty": empty}
        where = {
            "source": source,
            "split": split,
            "out": out,
            "run_id": run_id,
            "fresh": fresh,
            "quiet": quiet or as_json,
        }
        result = _grade(tasks, said, config, what, where)
        if as_json:
            print_json(result.model_dump(mode="json"))
        else:
            _show(result)
    raise typer.Exit(Exit.UNGRADED if any(one.infra for one in result.systems) else Exit.OK)


def _grade(tasks: Any, said: Any, config: Path | None, what: dict[str, Any], where: dict[str, Any]) -> "GradeResult":
    import os
    import time

    from envs.grading.predictions import read_predictions
    from sandbox.reaper import sweep
    from winnow.grade import Campaign
    from winnow.grade_progress import GradeProgress
    from winnow.graders import grader_of
    from winnow.machines import Machines
    from winnow.settings import load
    from winnow.signals import interruptible
    from winnow.solve import provider_of, silent

    settings = load(said, repository=None, config=config)
    given = [prediction for path in what["predictions"] for prediction in read_predictions(path)]
    machines = Machines(provider_of(settings, "docker"), silent)
    sweep(url=settings.sandbox.docker_host)
    with GradeProgress(Console(stderr=True), quiet=where["quiet"]) as progress:
        grader = grader_of(settings, machines, progress.note, fresh=where["fresh"])
        campaign = Campaign(
            tasks,
            grader,
            out=where["out"],
            run_id=where["run_id"],
            timeout_s=settings.tasks.timeout_s,
            report=progress.graded,
            stop=machines.stop,
        )
        given += [*(campaign.references() if what["gold"] else ()), *(campaign.nothing() if what["empty"] else ())]
        progress.begin(len([one for one in given if one.task_id in tasks.gold]))
        began = time.monotonic()
        workers = settings.tasks.workers or os.cpu_count() or 1
        with interruptible():
            result = campaign.run(given, workers=workers, source=where["source"], split=where["split"])
        return result.model_copy(update={"seconds": round(time.monotonic() - began, 3)})


def _show(result: "GradeResult") -> None:
    if result.strangers:
        typer.echo(f"{len(result.strangers)} tasks with a prediction are not among the wanted ones.")
    for one in result.systems:
        rest = {
            "empty": one.empty,
            "not applied": one.not_applied,
            "unknown": one.unknown,
            "machine failed": one.infra,
            "no prediction": one.absent,
        }
        others = "".join(f", {count} {what}" for what, count in rest.items() if count)
        cached = f" ({one.cached} known from before)" if one.cached else ""
        typer.echo(f"{one.system}: {one.resolved} of {one.total} resolved, {one.unresolved} unresolved{others}{cached}")
        typer.echo(f"  {one.summary}")

"""`winnow eval images ...`."""

from typing import Annotated

import typer
from rich.console import Console

from winnow import cli_dataset as options
from winnow.cli_options import Config, Json
from winnow.errors import Exit
from winnow.output import errors, print_json

app = typer.Typer(no_args_is_help=True, help="The Docker images of tasks: make them ready, list and remove them.")


@app.command()
def build(  # noqa: PLR0917 - Typer reads options from parameters
    source: options.Source,
    split: options.Split = "test",
    ids: options.Ids = None,
    filter: options.Filter = "",  # noqa: A002
    slice: options.Slice = "",  # noqa: A002
    shuffle: options.Shuffle = None,
    mirror: options.Mirror = None,
    repository_url: options.RepositoryUrl = None,
    base_image: options.BaseImage = None,
    pull: options.Pull = None,
    image_gb: options.ImageGb = None,
    workers: options.Workers = None,
    config: Config = None,
    as_json: Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="What is built, step by step.")] = False,
) -> None:
    """Find, pull or build the image of each task. The exit code is 23 when some cannot be had."""
    from winnow.images import Readied, ready_images
    from winnow.machines import Machines
    from winnow.settings import load
    from winnow.signals import interruptible
    from winnow.solve import provider_of, silent
    from winnow.testbeds import task_images

    console = Console(stderr=True)

    def say(line: str) -> None:
        if verbose or line.startswith("Removed"):
            console.print(f"  {line}", style="dim", highlight=False, markup=False, soft_wrap=True)

    def report(one: Readied) -> None:
        what = one.place.image if one.place else f"none: {one.reason}"
        note = f" ({one.place.note})" if one.place and one.place.note else ""
        console.print(f"{one.task_id}: {what}{note}", highlight=False, markup=False, soft_wrap=True)

    with errors(as_json):
        tasks = options.dataset(source, split=split, ids=ids, pattern=filter, part=slice, shuffle=shuffle)
        said = options.flags(
            mirror=mirror,
            repository_url=repository_url,
            base_image=base_image,
            pull=pull,
            image_gb=image_gb,
            workers=workers,
        )
        settings = load(said, repository=None, config=config)
        machines = Machines(provider_of(settings, settings.sandbox.kind), silent)
        images = task_images(settings, machines, say)
        with interruptible():
            found = ready_images(
                tasks.records, images, workers=settings.tasks.workers or 2, report=report, stop=machines.stop
            )
        absent = [one for one in found if one.place is None]
        if as_json:
            print_json([one.model_dump(mode="json") for one in found])
        else:
            typer.echo(f"{len(found) - len(absent)} of {len(found)} tasks have an image")
    raise typer.Exit(Exit.ENVIRONMENT if absent else Exit.OK)


@app.command(name="list")
def list_images(as_json: Json = False) -> None:
    """List what was built, and the disk that it takes."""
    from winnow.settings import load
    from winnow.solve import provider_of
    from winnow.testbeds import store_of

    with errors(as_json):
        settings = load({"sandbox": {"kind": "docker"}}, repository=None)
        built = store_of(settings, provider_of(settings, "docker")).all()
        if as_json:
            print_json([one.model_dump(mode="json") for one in built])
            return
        for one in built:
            typer.echo(f"{one.bytes / 1e6:7.0f} MB  {one.name}{f' ({one.note})' if one.note else ''}")
        typer.echo(f"{len(built)} images, {sum(one.bytes for one in built) / 1e9:.1f} GB")


@app.command()
def clean(
    task: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help="Of these tasks alone. [default: all of them]")
    ] = None,
    shared: Annotated[bool, typer.Option("--shared", help="Also what tasks share: environments and bases.")] = False,
    as_json: Json = False,
) -> None:
    """Remove images that were built for tasks. Those that a container uses stay."""
    from winnow.settings import load
    from winnow.solve import provider_of
    from winnow.testbeds import store_of

    with errors(as_json):
        settings = load({"sandbox": {"kind": "docker"}}, repository=None)
        store = store_of(settings, provider_of(settings, "docker"))
        doomed = [
            one.name for one in store.all() if (one.kind == "task" or shared) and (not task or one.task_id in task)
        ]
        removed, used = store.remove(doomed)
        if as_json:
            print_json({"removed": removed, "in_use": used})
        else:
            lines = [*(f"removed {name}" for name in removed), *(f"{name} stays: it is in use" for name in used)]
            typer.echo("\n".join(lines) or "there was nothing to remove")

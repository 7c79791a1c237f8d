"""Options that every command on a dataset has, and what they say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from winnow.cli_options import WHERE, given

if TYPE_CHECKING:
    from envs.datasets.load import Dataset

WHICH = "Which tasks"

Source = Annotated[
    str,
    typer.Argument(
        metavar="DATASET", help="JSONL, JSON or Parquet file (.gz too); lite, verified, full, or a name on the hub."
    ),
]
Split = Annotated[str, typer.Option(help="Of a dataset on the hub, or of a folder.", rich_help_panel=WHICH)]
Ids = Annotated[
    list[str] | None,
    typer.Option("--ids", "-i", help="Only these tasks, with commas. Repeatable.", rich_help_panel=WHICH),
]
Filter = Annotated[
    str, typer.Option(help="Regular expression that the beginning of an id matches.", rich_help_panel=WHICH)
]
Slice = Annotated[str, typer.Option(help="START:STOP, after the other choices.", rich_help_panel=WHICH)]
Shuffle = Annotated[int | None, typer.Option(help="Seed of a random order.", rich_help_panel=WHICH)]
Mirror = Annotated[
    list[Path] | None,
    typer.Option(
        "--mirror",
        help="Folder of repositories, OWNER__NAME.git or OWNER/NAME.git. Repeatable.",
        rich_help_panel=WHERE,
    ),
]
RepositoryUrl = Annotated[
    str | None,
    typer.Option(help="Address of a repository, with {repository} in it; empty: none.", rich_help_panel=WHERE),
]
BaseImage = Annotated[
    str | None, typer.Option(help="Images to build on: NAME, or 3.9=NAME,3.11=NAME.", rich_help_panel=WHERE)
]
Pull = Annotated[
    bool | None, typer.Option("--pull/--no-pull", help="Ask registries for images.", rich_help_panel=WHERE)
]
ImageGb = Annotated[float | None, typer.Option(help="Disk for images that are built, GiB.", rich_help_panel=WHERE)]
Workers = Annotated[int | None, typer.Option("-j", "--workers", help="At once. [default: one per core]")]


def dataset(
    source: str, *, split: str, ids: list[str] | None, pattern: str, part: str, shuffle: int | None
) -> "Dataset":
    """Read the tasks that are wanted."""
    from envs.datasets.load import load_dataset
    from envs.datasets.pick import Pick

    names = tuple(name.strip() for one in ids or () for name in one.split(",") if name.strip())
    return load_dataset(source, split=split, pick=Pick(ids=names, filter=pattern, slice=part, shuffle=shuffle))


def flags(
    *, mirror: list[Path] | None, repository_url: str | None, base_image: str | None, pull: bool | None,
    image_gb: float | None, workers: int | None, **more: Any,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Return what was said, by section and key of the settings tree."""
    said: dict[str, dict[str, Any]] = {
        "tasks": {
            "mirrors": tuple(map(str, mirror)) if mirror else None,
            "repository_url": repository_url,
            "pull": pull,
            "image_gb": image_gb,
            "workers": workers,
            **more,
        },
        "image": {"base": base_image},
        "sandbox": {"kind": "docker"},
    }
    return given(said)

"""Options that several commands have, and what they say; those of datasets are in `winnow.cli_dataset`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

HOW = "How much is tried"
WHO = "Who tries"
MODELS = "Which models, and what they may cost"
CHOICE = "How it is chosen"
WHERE = "Where it runs"
RESULT = "What happens with the result"

# What is printed
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="More progress, such as the environment's build log.")]
Config = Annotated[Path | None, typer.Option(help="A settings file.")]

# Who tries, and how much
Trajectories = Annotated[
    int | None, typer.Option("-n", "--trajectories", help="Independent tries.", rich_help_panel=HOW)
]
Rounds = Annotated[int | None, typer.Option(help="Rounds at most, while nothing is settled.", rich_help_panel=HOW)]
Seed = Annotated[int | None, typer.Option(help="Same seed, same answer.", rich_help_panel=HOW)]
Iterations = Annotated[int | None, typer.Option(help="Checks by execution in a trajectory.", rich_help_panel=HOW)]
Turns = Annotated[int | None, typer.Option(help="Model calls in a trajectory.", rich_help_panel=HOW)]
Proposers = Annotated[str | None, typer.Option(help="agent, repair or agent,repair.", rich_help_panel=WHO)]
Strategy = Annotated[str | None, typer.Option(help="react, iterate, single; several take turns.", rich_help_panel=WHO)]

# Models
Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model", "-m", help="Model behind the endpoint. Repeatable: they take turns.", rich_help_panel=MODELS
    ),
]
BaseUrl = Annotated[
    str | None, typer.Option(help="OpenAI-compatible endpoint. [default: OPENAI_BASE_URL]", rich_help_panel=MODELS)
]
Temperature = Annotated[
    float | None, typer.Option(help="Of sampling. [default: 0 first, then 0.8]", rich_help_panel=MODELS)
]
Price = Annotated[
    list[str] | None,
    typer.Option(help="NAME=IN/CACHED/OUT, USD per million tokens. Repeatable.", rich_help_panel=MODELS),
]
MaxUsd = Annotated[float | None, typer.Option("--max-usd", help="USD that a task may cost.", rich_help_panel=MODELS)]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", help="Tokens that a task may use.", rich_help_panel=MODELS)
]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", help="Model calls of a task.", rich_help_panel=MODELS)]
MaxSeconds = Annotated[
    float | None,
    typer.Option("--max-seconds", help="Wall time of a task after which no call starts.", rich_help_panel=MODELS),
]

# The choice
Policy = Annotated[
    str | None, typer.Option(help="Rule that chooses; see `winnow select bench`.", rich_help_panel=CHOICE)
]
PriceOfWrong = Annotated[
    float | None,
    typer.Option(
        help="What a wrong patch costs, in units of a right one's worth: below p = c/(1+c) nothing is delivered.",
        rich_help_panel=CHOICE,
    ),
]

# Machines, environment and suite
Workers = Annotated[
    int | None, typer.Option("-w", "--workers", help="Sandboxes at once; 0: one per core.", rich_help_panel=WHERE)
]
Sandbox = Annotated[
    str | None, typer.Option(help="auto, docker, bubblewrap, unshare or host (no isolation).", rich_help_panel=WHERE)
]
ImageName = Annotated[
    str | None,
    typer.Option("--image", help="Docker image with the dependencies, used as it is.", rich_help_panel=WHERE),
]
BaseImage = Annotated[
    str | None, typer.Option(help="Docker image that environments are built on.", rich_help_panel=WHERE)
]
Setup = Annotated[
    list[str] | None, typer.Option(help="Command that installs the project. Repeatable.", rich_help_panel=WHERE)
]
Python = Annotated[
    str | None, typer.Option(help="Interpreter: a path, or a version such as 3.11.", rich_help_panel=WHERE)
]
TestCommand = Annotated[
    str | None,
    typer.Option(
        help="How the tests are run. {tests} stands for files or ids, {modules} for their dotted names.",
        rich_help_panel=WHERE,
    ),
]
Tests = Annotated[
    list[str] | None,
    typer.Option(help="File or folder that the suite is limited to. Repeatable.", rich_help_panel=WHERE),
]
MemoryMb = Annotated[int | None, typer.Option(help="Memory of one sandbox, MiB.", rich_help_panel=WHERE)]
DiskMb = Annotated[int | None, typer.Option(help="Disk of one sandbox, MiB.", rich_help_panel=WHERE)]

PatchOut = Annotated[
    Path | None, typer.Option("--patch-out", "-o", help="Write the patch to a file.", rich_help_panel=RESULT)
]


class RunByDefault(TyperGroup):
    """A group whose name alone is a command: what begins with no other command's name belongs to `run`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name in where it was left out."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def given(flags: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Only what was said: a flag that was not given must not hide a file's value."""
    return {section: {k: v for k, v in values.items() if v is not None} for section, values in flags.items()}


def listed(text: str | None) -> tuple[str, ...] | None:
    """The parts of a list with commas; None where nothing was said."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())

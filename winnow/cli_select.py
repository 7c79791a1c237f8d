"""`winnow select ...`: choosing between patches that are there already.

As in `winnow.cli`, commands import what they need when they run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from winnow.errors import SettingsError
from winnow.output import errors, print_json

_DEFAULT = "run"


class _WithDefault(TyperGroup):
    """A group whose name alone is a command: what names no other one belongs to it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `click.Group.parse_args`."""
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_WithDefault,
    no_args_is_help=True,
    help="Choose between patches that are there already: `winnow select --repo R --issue I CANDIDATES`, as `winnow select run --help` "
    "says; and see how well policies do.",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]

_WHAT = "What to choose between"
_WHERE = "Where it runs"
_RESULT = "What happens with the result"


@app.command(_DEFAULT)
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
    policy: Annotated[
        str | None, typer.Option(help="Rule that chooses. [default: default]", rich_help_panel=_WHAT)
    ] = None,
    price_of_wrong: Annotated[
        float | None,
        typer.Option(
            help="What a wrong patch costs, in units of a right one's worth: below p = c/(1+c) nothing is delivered.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Model that judges and writes tests. [default: none]", rich_help_panel=_WHAT
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Address of its OpenAI-compatible endpoint.", rich_help_panel=_WHAT)
    ] = None,
    max_usd: Annotated[float | None, typer.Option(help="What it may cost.", rich_help_panel=_WHAT)] = None,
    suite_seconds: Annotated[
        float | None,
        typer.Option(
            help="CPU time on base of the tests that are run with every change; of a longer suite the nearest ones.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("-w", help="Sandboxes at once; 0: one per core.", rich_help_panel=_WHERE)
    ] = None,
    sandbox: Annotated[
        str | None,
        typer.Option(help="auto, docker, bubblewrap, unshare or host (no isolation).", rich_help_panel=_WHERE),
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Docker image with the dependencies, used as it is.", rich_help_panel=_WHERE)
    ] = None,
    base_image: Annotated[
        str | None, typer.Option(help="Docker image that environments are built on.", rich_help_panel=_WHERE)
    ] = None,
    setup: Annotated[
        list[str] | None, typer.Option(help="Command that installs the project. Repeatable.", rich_help_panel=_WHERE)
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="Interpreter: a path, or a version such as 3.11.", rich_help_panel=_WHERE)
    ] = None,
    test_command: Annotated[
        str | None,
        typer.Option(
            help="How the tests are run. {tests} stands for files or ids, {modules} for their dotted names.",
            rich_help_panel=_WHERE,
        ),
    ] = None,
    tests: Annotated[
        list[str] | None,
        typer.Option(help="File or folder that the suite is limited to. Repeatable.", rich_help_panel=_WHERE),
    ] = None,
    memory_mb: Annotated[int | None, typer.Option(help="Memory of one sandbox, MiB.", rich_help_panel=_WHERE)] = None,
    disk_mb: Annotated[int | None, typer.Option(help="Disk of one sandbox, MiB.", rich_help_panel=_WHERE)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the log, the page and the picture.", rich_help_panel=_RESULT)
    ] = None,
    patch_out: Annotated[
        Path | None, typer.Option("--patch-out", "-o", help="Write the patch to a file.", rich_help_panel=_RESULT)
    ] = None,
    evidence_out: Annotated[
        Path | None,
        typer.Option(
            help="Write the pool with all evidence to a file, for `winnow select bench`.", rich_help_panel=_RESULT
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A settings file.")] = None,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More progress.")] = False,
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
            commit=base,
            probes=tuple(probe or ()),
            execution=not no_execution,
            out=out,
            patch_out=patch_out,
            evidence_out=evidence_out,
        )
        repository = find_repository(repo)
        settings = load(_given(flags), repository=repository, config=config)
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


def _given(flags: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Only what was said: a flag that was not given must not hide a file's value."""
    return {section: {k: v for k, v in values.items() if v is not None} for section, values in flags.items()}


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

"""The command line. It parses, calls one function and prints; every flag is a key of the settings tree.

Commands import what they need when they run: `winnow --help` must not wait for LangGraph.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from winnow.cli_eval import app as eval_app
from winnow.cli_select import app as select_app
from winnow.errors import Exit
from winnow.output import errors as _errors
from winnow.output import print_json as _print_json

app = typer.Typer(
    name="winnow",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Fixes issues in software repositories: many independent tries in sandboxes, then a choice by evidence, or none.",
)

app.add_typer(select_app, name="select")
app.add_typer(eval_app, name="eval")

_NEXT = "What to do"
_WHERE = "Where it runs"
_HOW = "How much is tried"
_WHO = "Who tries"
_RESULT = "What happens with the result"

Repo = Annotated[Path, typer.Option("--repo", "-C", help="A folder of the repository.", rich_help_panel=_NEXT)]
StateDir = Annotated[Path | None, typer.Option("--state-dir", help="Where runs are kept.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="More progress, such as the environment's build log.")]


def _print_version(wanted: bool) -> None:
    """Before anything else is looked at, a missing command included."""
    if wanted:
        from importlib.metadata import version

        typer.echo(version("winnow"))
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """What holds for every command."""


@app.command()
def fix(  # noqa: PLR0917 - Typer reads options from parameters
    repo: Repo = Path(),
    issue: Annotated[
        str | None,
        typer.Option(
            "--issue",
            "-i",
            help='FILE, "text", - (stdin), https://…/issues/N, owner/repo#N or #N.',
            rich_help_panel=_NEXT,
        ),
    ] = None,
    failing_test: Annotated[
        list[str] | None,
        typer.Option(
            "--failing-test",
            "-t",
            help="A test that fails now and must pass. Repeatable. [default: those that fail]",
            rich_help_panel=_NEXT,
        ),
    ] = None,
    trajectories: Annotated[
        int | None, typer.Option("-n", "--trajectories", help="Independent tries.", rich_help_panel=_HOW)
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="Rounds at most, while nothing is settled.", rich_help_panel=_HOW)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same answer.", rich_help_panel=_HOW)] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Model behind the endpoint. Repeatable: they take turns.", rich_help_panel=_WHO
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible endpoint. [default: OPENAI_BASE_URL]", rich_help_panel=_WHO),
    ] = None,
    proposers: Annotated[str | None, typer.Option(help="agent, repair or agent,repair.", rich_help_panel=_WHO)] = None,
    strategy: Annotated[
        str | None, typer.Option(help="react, iterate, single; several take turns.", rich_help_panel=_WHO)
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Of sampling. [default: 0 first, then 0.8]", rich_help_panel=_WHO)
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(help="Checks by execution in a trajectory.", rich_help_panel=_HOW)
    ] = None,
    turns: Annotated[int | None, typer.Option(help="Model calls in a trajectory.", rich_help_panel=_HOW)] = None,
    max_usd: Annotated[
        float | None, typer.Option("--max-usd", help="USD that the run may cost.", rich_help_panel=_HOW)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", help="Tokens that the run may use.", rich_help_panel=_HOW)
    ] = None,
    max_calls: Annotated[
        int | None, typer.Option("--max-calls", help="Model calls of the run.", rich_help_panel=_HOW)
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds", help="Wall time after which no call starts.", rich_help_panel=_HOW)
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(help="NAME=IN/CACHED/OUT, USD per million tokens. Repeatable.", rich_help_panel=_WHO),
    ] = None,
    judge_model: Annotated[
        str | None, typer.Option(help="Model that judges. [default: the first --model]", rich_help_panel=_WHO)
    ] = None,
    max_candidates: Annotated[
        int | None, typer.Option(help="Edits tried in a trajectory.", rich_help_panel=_HOW)
    ] = None,
    workers: Annotated[
        int | None, typer.Option("-w", help="Sandboxes at once; 0: one per core.", rich_help_panel=_HOW)
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="Rule that chooses; see `winnow select bench`.", rich_help_panel=_HOW)
    ] = None,
    price_of_wrong: Annotated[
        float | None,
        typer.Option(
            help="What a wrong patch costs, in units of a right one's worth: below p = c/(1+c) nothing is delivered.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    apply: Annotated[
        bool | None, typer.Option("--apply", help="Apply the patch to the work tree.", rich_help_panel=_RESULT)
    ] = None,
    branch: Annotated[
        str | None, typer.Option(help="Commit the patch on a new branch; the work tree stays.", rich_help_panel=_RESULT)
    ] = None,
    patch_out: Annotated[
        Path | None, typer.Option("--patch-out", "-o", help="Write the patch to a file.", rich_help_panel=_RESULT)
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
    test_command: Annotated[str | None, typer.Option(help="How the tests are run.", rich_help_panel=_WHERE)] = None,
    tests: Annotated[
        list[str] | None,
        typer.Option(help="File or folder that the suite is limited to. Repeatable.", rich_help_panel=_WHERE),
    ] = None,
    suite_timeout: Annotated[
        float | None, typer.Option(help="Seconds for one run of the suite.", rich_help_panel=_WHERE)
    ] = None,
    memory_mb: Annotated[int | None, typer.Option(help="Memory of one sandbox, MiB.", rich_help_panel=_WHERE)] = None,
    disk_mb: Annotated[int | None, typer.Option(help="Disk of one sandbox, MiB.", rich_help_panel=_WHERE)] = None,
    config: Annotated[Path | None, typer.Option(help="A settings file.")] = None,
    state_dir: StateDir = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Find a patch for an issue, or for tests that fail.

    The work tree is never touched unless --apply or --branch says so. With --model, agents try; the key is read from
    OPENAI_API_KEY. Without, the search-based repairer tries small edits: it does not read or understand the issue, and it needs
    a test that fails.
    """
    flags: dict[str, dict[str, Any]] = {
        "fix": {
            "repo": repo,
            "issue": issue,
            "failing_tests": failing_test,
            "apply": apply,
            "branch": branch,
            "patch_out": patch_out,
        },
        "run": {
            "trajectories": trajectories,
            "rounds": rounds,
            "seed": seed,
            "workers": workers,
            "state_dir": state_dir,
            "proposers": _listed(proposers),
        },
        "model": {"names": model, "base_url": base_url, "temperature": temperature, "prices": price},
        "agent": {"strategies": _listed(strategy), "iterations": iterations, "turns": turns},
        "budget": {"usd": max_usd, "tokens": max_tokens, "calls": max_calls, "seconds": max_seconds},
        "sandbox": {"kind": sandbox, "memory_mb": memory_mb, "disk_mb": disk_mb},
        "image": {"name": image, "base": base_image, "setup": setup, "python": python},
        "suite": {"command": test_command, "paths": tests, "timeout_s": suite_timeout},
        "repair": {"max_candidates": max_candidates},
        "selection": {
            "policy": policy,
            "price_of_wrong": price_of_wrong,
            "judge_model": judge_model,
        },
    }

    def work(report: Callable[..., None]) -> Any:
        from envs.repository import find_repository
        from winnow.settings import load
        from winnow.solve import start

        repository = find_repository(repo)
        return start(load(_given(flags), repository=repository, config=config), repository, report)

    _run(work, as_json=as_json, quiet=quiet, verbose=verbose)


@app.command()
def resume(
    run: Annotated[str, typer.Argument(help="Its name, a unique part of it, or `last`.")],
    state_dir: StateDir = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Go on with a run that was killed, interrupted or failed."""

    def work(report: Callable[..., None]) -> Any:
        from winnow.solve import resume as go_on

        return go_on(run, state_dir=_state_dir(state_dir), report=report)

    _run(work, as_json=as_json, quiet=quiet, verbose=verbose)


@app.command()
def replay(
    run: Annotated[str, typer.Argument(help="Its name, a unique part of it, or `last`.")],
    state_dir: StateDir = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Walk a run again from its journals, without a model: tools and tests really run, and the result is compared."""

    def work(report: Callable[..., None]) -> Any:
        from winnow.replay import replay as again

        return again(run, state_dir=_state_dir(state_dir), report=report)

    _run(work, as_json=as_json, quiet=quiet, verbose=verbose)


@app.command()
def runs(state_dir: StateDir = None, as_json: Json = False) -> None:
    """List runs, oldest first."""
    from winnow.overview import overview
    from winnow.show import show_runs

    with _errors(as_json):
        rows = overview(_state_dir(state_dir))
        if as_json:
            _print_json([row.model_dump(mode="json") for row in rows])
        else:
            show_runs(Console(), rows)


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="Its name, a unique part of it, or `last`.")],
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Show the result of a run, or how far it came."""
    from winnow.overview import describe_run
    from winnow.result import FixResult
    from winnow.show import show_result, show_row
    from winnow.store import Store

    with _errors(as_json):
        found = Store(_state_dir(state_dir)).open(run)
        result = found.load("result.json", FixResult)
        value = result or describe_run(found)
        if as_json:
            _print_json(value.model_dump(mode="json"))
        elif isinstance(value, FixResult):
            show_result(Console(), value)
        else:
            show_row(Console(), value)


@app.command()
def clean(
    all_runs: Annotated[bool, typer.Option("--runs", help="Also delete every run that nobody works on.")] = False,
    environments: Annotated[
        bool, typer.Option("--environments", help="Also delete built environments and images.")
    ] = False,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Remove what killed processes left behind: containers, processes, temporary folders, halves of runs."""
    from winnow.clean import clean as remove

    with _errors(as_json):
        removed = remove(_state_dir(state_dir), runs=all_runs, environments=environments)
        if as_json:
            _print_json({"removed": removed})
        else:
            Console().print(
                "\n".join(removed) or "nothing was left behind", highlight=False, markup=False, soft_wrap=True
            )


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say which sandboxes work here, and what to install for the others."""
    from winnow.doctor import examine, show_examination

    with _errors(as_json):
        examination = examine()
        if as_json:
            _print_json(examination.model_dump(mode="json"))
        else:
            show_examination(Console(), examination)
    raise typer.Exit(Exit.OK if examination.default else Exit.NO_SANDBOX)


@app.command()
def settings(repo: Repo = Path(), config: Annotated[Path | None, typer.Option(help="A settings file.")] = None) -> None:
    """List every key with its variable and the value in force here."""
    from envs.errors import RepositoryUnusable
    from envs.repository import find_repository
    from winnow.settings import describe, load

    with _errors(as_json=False):
        try:
            repository = find_repository(repo)
        except RepositoryUnusable:
            repository = None
        for key, variable, value in describe(load({}, repository=repository, config=config)):
            print(f"{key:24} {variable:32} {value}")  # noqa: T201 - a list for pipes


def main() -> None:
    """Entry point of the console script."""
    app()


def _run(work: Callable[[Callable[..., None]], Any], *, as_json: bool, quiet: bool, verbose: bool) -> NoReturn:
    """Work with progress on standard error, print the result on standard output, and leave with its code."""
    from winnow.progress import Progress
    from winnow.replay import ReplayResult
    from winnow.show import show_replay, show_result

    with _errors(as_json):
        with Progress(Console(stderr=True), quiet=quiet or (as_json and not verbose), verbose=verbose) as progress:
            result = work(progress)
        if as_json:
            _print_json(result.model_dump(mode="json"))
        elif isinstance(result, ReplayResult):
            show_replay(Console(), result)
        else:
            show_result(Console(), result)
    raise typer.Exit(result.exit_code)


def _given(flags: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Only what was said: a flag that was not given must not hide a file's value."""
    return {section: {k: v for k, v in values.items() if v is not None} for section, values in flags.items()}


def _listed(given: str | None) -> tuple[str, ...] | None:
    """The parts of a list with commas."""
    return None if given is None else tuple(part.strip() for part in given.split(",") if part.strip())


def _state_dir(given: Path | None) -> Path:
    """Where runs are kept, by flag, variable or file."""
    from winnow.settings import load

    return load({"run": {"state_dir": given}} if given else {}, repository=None).run.state_dir

"""The command line. It parses, calls one function and prints; every flag is a key of the settings tree.

Commands import what they need when they run: `winnow --help` must not wait for LangGraph.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from winnow import cli_options as options
from winnow.cli_eval import app as eval_app
from winnow.cli_options import Json, Quiet, Verbose, given, listed
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

Repo = Annotated[Path, typer.Option("--repo", "-C", help="A folder of the repository.", rich_help_panel=_NEXT)]
StateDir = Annotated[Path | None, typer.Option("--state-dir", help="Where runs are kept.")]


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
    trajectories: options.Trajectories = None,
    rounds: options.Rounds = None,
    seed: options.Seed = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    proposers: options.Proposers = None,
    strategy: options.Strategy = None,
    temperature: options.Temperature = None,
    iterations: options.Iterations = None,
    turns: options.Turns = None,
    max_usd: options.MaxUsd = None,
    max_tokens: options.MaxTokens = None,
    max_calls: options.MaxCalls = None,
    max_seconds: options.MaxSeconds = None,
    price: options.Price = None,
    judge_model: Annotated[
        str | None,
        typer.Option(help="Model that judges. [default: the first --model]", rich_help_panel=options.MODELS),
    ] = None,
    max_candidates: Annotated[
        int | None, typer.Option(help="Edits tried in a trajectory.", rich_help_panel=options.HOW)
    ] = None,
    workers: options.Workers = None,
    policy: options.Policy = None,
    price_of_wrong: options.PriceOfWrong = None,
    apply: Annotated[
        bool | None, typer.Option("--apply", help="Apply the patch to the work tree.", rich_help_panel=options.RESULT)
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option(help="Commit the patch on a new branch; the work tree stays.", rich_help_panel=options.RESULT),
    ] = None,
    patch_out: options.PatchOut = None,
    sandbox: options.Sandbox = None,
    image: options.ImageName = None,
    base_image: options.BaseImage = None,
    setup: options.Setup = None,
    python: options.Python = None,
    test_command: options.TestCommand = None,
    tests: options.Tests = None,
    suite_timeout: Annotated[
        float | None, typer.Option(help="Seconds for one run of the suite.", rich_help_panel=options.WHERE)
    ] = None,
    memory_mb: options.MemoryMb = None,
    disk_mb: options.DiskMb = None,
    config: options.Config = None,
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
            "proposers": listed(proposers),
        },
        "model": {"names": model, "base_url": base_url, "temperature": temperature, "prices": price},
        "agent": {"strategies": listed(strategy), "iterations": iterations, "turns": turns},
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
        return start(load(given(flags), repository=repository, config=config), repository, report)

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
    results: Annotated[
        bool, typer.Option("--results", help="Also delete kept grades, evidence, and what models said of patches.")
    ] = False,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Remove what killed processes left behind: containers, processes, temporary folders, halves of runs."""
    from winnow.clean import clean as remove

    with _errors(as_json):
        removed = remove(_state_dir(state_dir), runs=all_runs, environments=environments, results=results)
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
def settings(repo: Repo = Path(), config: options.Config = None) -> None:
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


def _state_dir(given: Path | None) -> Path:
    """Where runs are kept, by flag, variable or file."""
    from winnow.settings import load

    return load({"run": {"state_dir": given}} if given else {}, repository=None).run.state_dir

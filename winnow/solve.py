"""One run from asking to delivery: what the command line and `winnow.fix` share."""

import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from agent.values import Brief
from envs.issues import GitHub, read_issue
from envs.repository import find_repository
from envs.values import Task
from sandbox.choose import Kind, choose
from sandbox.errors import DiskFull, SandboxLost, SandboxUnavailable, WinnowError
from sandbox.port import SandboxProvider
from sandbox.reaper import sweep
from winnow.ahead import Ahead
from winnow.crew import open_crew
from winnow.deliver import deliver, tidy, under_way
from winnow.errors import Interrupted, RunUnusable
from winnow.graph import open_graph, run_to_end
from winnow.machines import Machines
from winnow.outcome import conclude
from winnow.plan import who_proposes
from winnow.prepare import BRIEF
from winnow.request import Request, without_secrets
from winnow.result import FixResult
from winnow.settings import Settings, caller, load, with_secrets
from winnow.signals import on_stop
from winnow.state import RunContext
from winnow.store import RunDir, Status, Store
from winnow.timeline import Report, Timeline

RESULT = "result.json"
_STATUS = "status.json"


def silent(_kind: str, _data: Mapping[str, Any]) -> None:
    """A report that goes nowhere."""


def fix(
    repo: str | Path = ".",
    *,
    issue: str | None = None,
    failing_tests: Sequence[str] = (),
    report: Report = silent,
    **settings: Mapping[str, Any],
) -> FixResult:
    """Find a patch for an issue or for failing tests; the Python face of `winnow fix`.

    Args:
        repo: a folder of the repository. It is not touched unless `fix={"apply": True}` or a branch says so.
        issue: FILE, "text", https://…/issues/N, owner/repo#N or #N.
        failing_tests: tests that fail now and must pass in the end; empty: those that fail on base.
        report: told what is going on, from any thread.
        **settings: sections of the settings tree, such as `run={"trajectories": 4}` or `sandbox={"kind": "docker"}`.

    Returns:
        The value that `winnow fix --json` prints. Nothing plausible is a result, not an error.

    Raises:
        WinnowError: one sentence in `str(error)`, what to do in `error.hint`; `winnow.errors.exit_code` gives the code.
    """
    asked: dict[str, Any] = {"repo": Path(repo), "failing_tests": tuple(failing_tests)}
    if issue is not None:
        asked["issue"] = issue
    flags = {**settings, "fix": {**settings.get("fix", {}), **asked}}
    repository = find_repository(Path(repo))
    return start(load(flags, repository=repository), repository, report)


def start(settings: Settings, repository: Path, report: Report) -> FixResult:
    """Create a run and work on it; see `fix`."""
    task_issue = None
    if settings.fix.issue is not None:
        github = GitHub(token=settings.github.token, api_url=settings.github.api_url)
        task_issue = read_issue(settings.fix.issue, repository=repository, stdin=sys.stdin, github=github)
    if settings.fix.patch_out is not None:  # a resume may be called from elsewhere
        out = settings.fix.model_copy(update={"patch_out": settings.fix.patch_out.absolute()})
        settings = settings.model_copy(update={"fix": out})
    provider = provider_of(settings, settings.sandbox.kind)
    store = Store(settings.run.state_dir)
    for earlier in store.all():
        if under_way(earlier):
            tidy(earlier)
    run = store.create()
    request = Request(
        repository=str(repository),
        task=Task(id=run.id, issue=task_issue, failing_tests=settings.fix.failing_tests),
        settings=without_secrets(settings),
        version=version("winnow"),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    run.save("request.json", request)
    return work(run, request, settings, provider, report)


def resume(name: str, *, state_dir: Path, report: Report = silent) -> FixResult:
    """Go on with a run that was killed, interrupted or failed; a finished one just gives its result again.

    Raises:
        RunUnusable: no such run, or another process works on it.
        WinnowError: as `fix`.
    """
    run = Store(state_dir).open(name)
    request = run.load("request.json", Request)
    if request is None:
        raise RunUnusable(f"run {run.id} was killed before it began", hint="Start it again; `winnow clean` removes it.")
    settings = with_secrets(Settings.model_validate(request.settings))
    brief = run.load(BRIEF, Brief)
    return work(
        run, request, settings, provider_of(settings, brief.sandbox if brief else settings.sandbox.kind), report
    )


def provider_of(settings: Settings, kind: str, without: Collection[str] = ()) -> SandboxProvider:
    """The machines that the settings name."""
    return choose(
        None if kind == "auto" else cast("Kind", kind),
        docker_url=settings.sandbox.docker_host,
        docker_user=settings.sandbox.docker_user,
        host_path=caller().path,
        without=without,
    )


def instead(settings: Settings, machines: Machines) -> Callable[[], SandboxProvider] | None:
    """What to take when Docker was not named and has no image to build on."""
    if settings.sandbox.kind != "auto" or machines.kind != "docker" or settings.image.name or settings.image.base:
        return None
    return lambda: provider_of(settings, "auto", without=("docker",))


def work(
    run: RunDir,
    request: Request,
    settings: Settings,
    provider: SandboxProvider,
    report: Report,
    *,
    replay: bool = False,
) -> FixResult:
    """Hold the run's lock, walk the graph, conclude and deliver; a replay asks no model and delivers nothing."""
    with run.lock():
        report = Timeline(run.path / "timeline.jsonl", report)
        report("run", {"id": run.id, "sandbox": provider.kind, "dir": str(run.path)})
        result = run.load(RESULT, FixResult)
        if result is None:
            result = _solve(run, request, settings, Machines(provider, report), report, replay=replay)
        return result if replay else deliver(run, request, settings, result)


def _solve(
    run: RunDir, request: Request, settings: Settings, machines: Machines, report: Report, *, replay: bool
) -> FixResult:
    """Walk the graph to its end and keep the outcome."""
    sweep(url=settings.sandbox.docker_host)
    run.clear_scratch()
    before = run.load(_STATUS, Status) or Status(state="running")
    began = time.monotonic()

    def status(state: Any, detail: str = "") -> Status:
        spent = before.seconds + time.monotonic() - began
        return Status(state=state, detail=detail, seconds=spent, cpu_seconds=before.cpu_seconds + machines.cpu_seconds)

    run.save(_STATUS, status("running"))
    stop = threading.Event()
    try:
        with (
            stoppable(machines, stop),
            open_crew(settings, run, elapsed_s=before.seconds, stop=stop, replay=replay) as crew,
            Ahead() as ahead,
            open_graph(run.path / "checkpoint.sqlite") as graph,
        ):
            context = RunContext(
                run=run,
                request=request,
                settings=settings,
                machines=machines,
                crew=crew,
                report=report,
                instead=instead(settings, machines),
                workers=workers(settings),
                ahead=ahead,
            )
            run_to_end(graph, context, workers=context.workers)
    except (WinnowError, KeyboardInterrupt) as error:
        stopped = machines.stopped or isinstance(error, KeyboardInterrupt)
        with suppress(DiskFull):  # then the first error is the one to tell
            run.save(_STATUS, status("interrupted" if stopped else "failed", str(error)))
        go_on = f"Go on with: winnow resume {run.id}"
        if stopped:
            raise Interrupted(f"run {run.id} was interrupted", hint=go_on) from error
        if isinstance(error, (SandboxLost, SandboxUnavailable, DiskFull)):
            error.hint = f"{error.hint} {go_on}".strip()
        raise
    final = status("finished")
    result = conclude(context, final)
    run.save(RESULT, result)
    run.save(_STATUS, final)
    return result


def workers(settings: Settings) -> int:
    """Sandboxes at once."""
    cores = os.cpu_count() or 1
    return settings.run.workers or (4 * cores if "agent" in who_proposes(settings) else cores)


@contextmanager
def stoppable(machines: Machines, asked: threading.Event) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the machines, so that every step returns; the second one is the system's own.

    Machines are stopped in a thread: the handler may interrupt the very code that holds their lock.
    """

    def stop() -> None:
        asked.set()
        threading.Thread(target=machines.stop, name="winnow-stop").start()

    with on_stop(stop):
        yield

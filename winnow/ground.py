"""What a choice between patches stands on: the base, and the machines to run tests on it."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from agent.values import Brief
from envs.snapshot import take_snapshot
from envs.values import Image, Snapshot, Suite, SuiteReport, Task
from sandbox.errors import DiskFull, WinnowError
from sandbox.reaper import sweep
from selection.selector import Execution
from winnow.chooser import make_execution
from winnow.errors import Interrupted
from winnow.machines import Machines
from winnow.prepare import lay_ground
from winnow.request import Request, without_secrets
from winnow.select_values import Asked
from winnow.settings import Settings
from winnow.solve import instead, provider_of, stoppable
from winnow.state import Site
from winnow.store import RunDir
from winnow.timeline import Report

_LEDGERS, _SCRATCH = "evidence", "scratch"
_FRESH_S = 60.0
"""A folder that is younger may be one that another process is just making."""


class Ground(NamedTuple):
    """What a choice stands on."""

    brief: Brief
    stop: threading.Event
    """Set when the user wants to stop."""
    execution: Execution | None = None
    """None: nothing is to be run."""
    machines: Machines | None = None


@contextmanager
def open_ground(
    asked: Asked, settings: Settings, repository: Path, task: Task, folder: Path, *, report: Report
) -> Iterator[Ground]:
    """Prepare the base and, where tests may be run, what that takes.

    Args:
        asked: says which base, and whether anything may be run.
        settings: machines, image and suite.
        repository: is only read.
        task: what the candidates are for.
        folder: for the base's files, and for what is written beside them.
        report: told what is going on.

    Raises:
        TaskError: the repository or its environment cannot be used.
        SandboxError: the machine is at fault.
        Interrupted: the user said stop.
    """
    stop = threading.Event()
    if not asked.execution:
        report("phase", {"name": "snapshot"})
        yield Ground(_unprepared(task, take_snapshot(repository, folder, commit=asked.commit)), stop)
        return
    sweep(url=settings.sandbox.docker_host)
    machines = Machines(provider_of(settings, settings.sandbox.kind), report)
    with _stopped(machines), stoppable(machines, stop):
        request = Request(
            repository=str(repository),
            task=task,
            settings=without_secrets(settings),
            version=version("winnow"),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        run = RunDir(folder)
        site = Site(
            run=run,
            request=request,
            settings=settings,
            machines=machines,
            report=report,
            instead=instead(settings, machines),
        )
        brief, why_not = lay_ground(site, commit=asked.commit)
        ledgers = settings.run.cache_dir.expanduser() / _LEDGERS
        ledgers.mkdir(parents=True, exist_ok=True)
        execution = make_execution(settings, machines, brief, run_id=run.id, ledger=ledgers, why_no_suite=why_not)
        yield Ground(brief, stop, execution, machines)


@contextmanager
def _stopped(machines: Machines) -> Iterator[None]:
    """What breaks because the user said stop is no fault of a machine."""
    try:
        yield
    except WinnowError as error:
        if not machines.stopped:
            raise
        raise Interrupted("the choice was interrupted", hint="The same command goes on where it was.") from error


def _unprepared(task: Task, snapshot: Snapshot) -> Brief:
    """A brief for a choice that runs nothing."""
    return Brief(
        task=task,
        snapshot=snapshot,
        sandbox="",
        image=Image(reference=None, python="", workdir="", digest=""),
        suite=Suite(kind="command", argv=("true",)),
        base_report=SuiteReport(status="nothing_collected"),
        targets=(),
    )


@contextmanager
def scratch_folder(cache: Path) -> Iterator[Path]:
    """A folder for the base and what is tried on it; what killed processes left goes.

    Raises:
        DiskFull: it cannot be made.
    """
    place = cache / _SCRATCH
    try:
        place.mkdir(parents=True, exist_ok=True)
        for left in place.iterdir():
            with suppress(OSError):  # another process may take it away meanwhile
                if time.time() - left.stat().st_mtime > _FRESH_S and not RunDir(left).is_live():
                    shutil.rmtree(left, ignore_errors=True)
        made = tempfile.TemporaryDirectory(dir=place, prefix="select-", ignore_cleanup_errors=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise DiskFull(f"{cache} is no folder.", hint="Set WINNOW_RUN_CACHE_DIR to a folder with room.") from error
    except OSError as error:
        raise DiskFull(
            f"{cache} cannot be written: {error.strerror}.", hint="Set WINNOW_RUN_CACHE_DIR to a folder with room."
        ) from error
    with made as name, RunDir(Path(name)).lock():
        yield Path(name)

"""Where the engine starts: read the request, search in a child, and answer whatever becomes of it."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import tempfile
import traceback
from typing import Optional

from . import unittest_runner
from .confirm import CHECK
from .forks import cpu_seconds
from .ground import Hopeless
from .request import Events, Request
from .runner import CollectionFailed, Runner
from .search import Search


def main(arguments: list[str]) -> int:
    """Search as the request file (the only argument) says. 0: finished, with or without finds; 2: no such request."""
    if arguments[:1] == [CHECK]:
        return _check(arguments[1])
    out = os.dup(1)
    os.set_inheritable(out, False)
    events = Events(out)
    try:
        request = Request.load(arguments[0])
        os.chdir(request.workdir)
    except (IndexError, OSError, ValueError, TypeError) as error:
        events.emit("done", reason="unusable", detail=f"the request cannot be read: {error}", tried=0, cpu_s=0.0)
        return 2
    events.emit("started", kind=request.kind, python=".".join(map(str, sys.version_info[:3])))
    scratch = tempfile.mkdtemp(prefix="winnow-engine-")
    try:
        done = _in_child(request, events, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if done is not None:
        events.emit("done", reason="died", detail=done, tried=0, cpu_s=round(cpu_seconds(), 3))
    return 0


def _in_child(request: Request, events: Events, scratch: str) -> Optional[str]:
    """Search in a forked child; None when it ended by its own `done`, else how it died."""
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _WELL:
            return None
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
        return f"the process that holds the project's tests ended unexpectedly ({how})"
    status = 1
    try:
        _search(request, events, scratch)
        status = _WELL
    finally:
        os._exit(status)


_WELL = 43
"""Exit code of a search that said `done`; not one that a project would use."""


def _search(request: Request, events: Events, scratch: str) -> None:
    """Collect with the suite's runner and search; always say `done`, unless the process dies."""
    _seal(scratch)
    archive = os.path.abspath(sys.argv[0])
    _look_in(request.workdir, archive)
    sys.argv = [request.kind, *request.arguments]

    def then(runner: Runner) -> None:
        search = Search(request, events, runner, archive)
        try:
            reason, detail = search.run(), ""
        except Hopeless as error:
            reason, detail = "hopeless", str(error)
        except Exception:
            reason, detail = "error", traceback.format_exc()[-2000:]
        events.emit(
            "done",
            reason=reason,
            detail=detail,
            tried=search.count.tried,
            cpu_s=round(cpu_seconds(), 3),
            search_cpu_s=round(search.count.search_cpu_s, 3),
            reloads=search.count.reloads,
            reload_cpu_s=round(search.count.reload_cpu_s, 3),
        )
        os._exit(_WELL)

    try:
        if request.kind == "pytest":
            importlib.import_module(f"{__package__}.pytest_runner").collect(
                [*request.arguments, *request.tests], request.failing, scratch, request.max_files, then
            )
        else:
            unittest_runner.collect([*request.arguments, *request.tests], request.failing, then)
    except (CollectionFailed, ImportError) as error:
        events.emit("done", reason="unusable", detail=str(error)[:2000], tried=0, cpu_s=round(cpu_seconds(), 3))


def _look_in(workdir: str, archive: str) -> None:
    """Import from the work tree first, as `python -m` would, and not from the engine's archive."""
    sys.path[:] = [workdir, *(path for path in sys.path if os.path.abspath(path) != archive)]


def _check(path: str) -> int:
    """Run the tests that a file names; 0 when all pass."""
    with open(path, encoding="utf-8") as file:
        wanted = json.load(file)
    _look_in(os.getcwd(), os.path.abspath(sys.argv[0]))
    return 0 if unittest_runner.check(wanted["arguments"], wanted["tests"]) else 1


def _seal(scratch: str) -> None:
    """Turn the standard streams away and send temporary files where they are removed."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1) if os.environ.get("WINNOW_ENGINE_DEBUG") else (0, 1, 2):  # noqa: TID251  a developer's switch, in the sandbox
        os.dup2(null, fd)
    sys.dont_write_bytecode = True
    folder = os.path.join(scratch, "tmp")
    os.makedirs(folder)
    os.environ.update(  # noqa: TID251  what the tests will see
        TMPDIR=folder, HYPOTHESIS_STORAGE_DIRECTORY=folder, PYTHONDONTWRITEBYTECODE="1"
    )
    tempfile.tempdir = None

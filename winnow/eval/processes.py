"""The executor of one machine: a process for each piece of work.

Processes and not threads: a task that exhausts memory or crashes an extension takes nothing else along, Python work of tasks
runs side by side, and signals reach each run's main thread, where its own clean stop lives. They are forked from a server that has
imported everything and has no threads, so that a start costs some milliseconds instead of a second.
"""

import faulthandler
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from sandbox.errors import WinnowError
from sandbox.values import Value
from winnow.eval.port import Done

_PRELOADED = ["winnow.eval.solving", "winnow.eval.grading", "openai", "envs.images.containers"]
_GRACE_S = 10.0
"""For a worker that was told to end."""


class _Piece(NamedTuple):
    process: ForkServerProcess
    answer: Connection


class LocalExecutor:
    """See `winnow.eval.port.Executor`."""

    def __init__(self, slots: int, logs: Path) -> None:
        """Keep the arguments.

        Args:
            slots: pieces at once.
            logs: folder for what workers print, a file per key; made when it is not there.
        """
        self._slots = slots
        self._logs = logs
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)
        self._pieces: dict[str, _Piece] = {}

    @property
    def slots(self) -> int:
        """See `Executor.slots`."""
        return self._slots

    def start(self, key: str, function: Callable[[Any], Any], argument: Value) -> None:
        """See `Executor.start`."""
        self._logs.mkdir(parents=True, exist_ok=True)
        ours, theirs = self._context.Pipe(duplex=False)
        log = self._logs / f"{key.replace('/', '.')}.log"
        process = self._context.Process(target=_work, args=(theirs, str(log), function, argument), name=key)
        process.start()
        theirs.close()
        self._pieces[key] = _Piece(process, ours)

    def wait(self, seconds: float) -> list[Done]:
        """See `Executor.wait`."""
        if not self._pieces:
            return []
        ready = set(wait([piece.answer for piece in self._pieces.values()], seconds))
        return [self._collect(key) for key in [k for k, piece in self._pieces.items() if piece.answer in ready]]

    def stop(self) -> None:
        """See `Executor.stop`."""
        for piece in self._pieces.values():
            piece.process.terminate()

    def __enter__(self) -> Self:
        """See `Executor`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See `Executor`."""
        self.stop()
        for key in list(self._pieces):
            piece = self._pieces.pop(key)
            piece.process.join(_GRACE_S)
            piece.process.kill()
            piece.process.join()
            piece.answer.close()

    def _collect(self, key: str) -> Done:
        piece = self._pieces.pop(key)
        try:
            said, value = piece.answer.recv()
        except (EOFError, OSError):  # nothing, or half of an answer
            said, value = "lost", ""
        piece.answer.close()
        piece.process.join(_GRACE_S)
        if piece.process.exitcode is None:
            piece.process.kill()
            piece.process.join()
        if said == "lost":
            value = f"its process ended with {_code(piece.process.exitcode)}"
        return Done(key=key, **{said: value})


def _code(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"signal {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def _work(answer: Connection, log: str, function: Callable[[Any], Any], argument: Any) -> None:
    """Life of a worker."""
    os.setpgid(0, 0)  # what a terminal sends goes to all of a group; here the driver says what to do, once
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    printed = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(printed, stream)
    faulthandler.enable()
    threading.Thread(target=_die_with_parent, name="winnow-parent", daemon=True).start()
    try:
        said = ("value", function(argument))
    except BaseException as error:  # noqa: BLE001 - a defect in one task must not end the batch; the driver decides
        traceback.print_exc()
        said = ("error", _sendable(error))
    sys.stdout.flush()
    sys.stderr.flush()
    answer.send(said)
    answer.close()


def _sendable(error: BaseException) -> BaseException:
    """The error, or one that says the same where its kind cannot be sent: a defect stays one, since it must not end the batch."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever a strange exception's own code raises
        said = f"{type(error).__name__}: {error}"
        return WinnowError(said, hint=error.hint) if isinstance(error, WinnowError) else RuntimeError(said)
    return error


def _die_with_parent() -> None:
    """End at once when the driver is gone: the journal holds all, and the next driver must find the run free."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

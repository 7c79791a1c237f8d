"""The executor of many machines: each piece of work is a Ray task that asks for its cores and memory.

Nodes need Winnow installed, what its sandboxes need, the model's key in the environment that Ray was started with, and the batch's
folder under the same path: runs and journals live there, so that a task whose node is lost goes on elsewhere where it was. Money is the
driver's: a task is lent its own before it starts.
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox.errors import SandboxUnavailable
from sandbox.values import Value
from winnow.errors import BatchUnusable, SettingsError
from winnow.eval.port import Done
from winnow.plan import who_proposes
from winnow.settings import Settings

try:
    import ray
    from ray.exceptions import RayError, RayTaskError, TaskCancelledError
except ImportError:
    ray = None

_MIB = 1 << 20
_KNOCK_S = 5.0
_START = "Start one with `ray start --head`, and name its address."
_MARK = ".cluster"
"""A file in the batch's folder that every node must see."""


class ClusterExecutor:
    """See `winnow.eval.port.Executor`."""

    def __init__(self, slots: int, shared: Path, *, cpus: float, memory_mb: int) -> None:
        """Keep the arguments; Ray is connected.

        Args:
            slots: pieces at once; 0: as many as the cluster has room for.
            shared: folder that all nodes see under the same path.
            cpus: cores that a piece asks for.
            memory_mb: memory that it asks for, MiB.
        """
        self._room(cpus, memory_mb)
        self._slots = slots or max(1, int(ray.cluster_resources().get("CPU", 1) // cpus))
        self._mark = shared / _MARK
        self._mark.write_text(f"{os.getpid()}\n", "utf-8")
        # No retries of Ray's own: the driver counts failures, and lends the money anew.
        self._remote = ray.remote(num_cpus=cpus, memory=memory_mb * _MIB, max_retries=0, scheduling_strategy="SPREAD")(
            _work
        )
        self._pieces: dict[Any, str] = {}

    @property
    def slots(self) -> int:
        """See `Executor.slots`."""
        return self._slots

    def start(self, key: str, function: Callable[[Any], Any], argument: Value) -> None:
        """See `Executor.start`."""
        self._pieces[self._remote.options(name=key).remote(str(self._mark), function, argument)] = key

    def wait(self, seconds: float) -> list[Done]:
        """See `Executor.wait`."""
        if not self._pieces:
            return []
        ready, _ = ray.wait(list(self._pieces), num_returns=1, timeout=seconds)
        return [self._collect(piece) for piece in ready]

    def stop(self) -> None:
        """See `Executor.stop`."""
        for piece in self._pieces:
            ray.cancel(piece)

    def __enter__(self) -> Self:
        """See `Executor`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See `Executor`; the cluster itself stays."""
        for piece in self._pieces:
            ray.cancel(piece, force=True)
        self._mark.unlink(missing_ok=True)
        ray.shutdown()

    def _collect(self, piece: Any) -> Done:
        key = self._pieces.pop(piece)
        try:
            return Done(key=key, value=ray.get(piece))
        except TaskCancelledError as error:
            return Done(key=key, lost=f"cancelled: {_line(error)}")
        except RayTaskError as error:
            return Done(key=key, error=error.cause)
        except RayError as error:  # a worker, a node or an object is gone
            return Done(key=key, lost=_line(error))

    def _room(self, cpus: float, memory_mb: int) -> None:
        """Refuse what no node could ever give: Ray would wait for such a node without a word."""
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(node.get("CPU", 0) >= cpus and node.get("memory", 0) >= memory_mb * _MIB for node in nodes):
            return
        best = max((int(node.get("memory", 0)) // _MIB for node in nodes), default=0)
        raise SettingsError(
            f"no node of the cluster has {cpus:g} cores and {memory_mb} MiB for a task; the largest has {best} MiB",
            hint="Ask for less with eval.task_cpus and eval.task_memory_mb.",
        )


def open_cluster(settings: Settings, shared: Path) -> ClusterExecutor:
    """Connect to the cluster that the settings name.

    Raises:
        SettingsError: Ray is not installed, or no node is large enough for a task.
        SandboxUnavailable: there is no cluster at that address.
    """
    if ray is None:
        raise SettingsError("--cluster needs Ray", hint="Install Winnow with its extra: winnow[cluster].")
    _knock(settings.eval.cluster or "auto")
    try:
        ray.init(address=settings.eval.cluster, log_to_driver=False, logging_level="ERROR", ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError, RayError) as error:
        raise SandboxUnavailable(
            f"there is no Ray cluster at {settings.eval.cluster!r}: {_line(error)}",
            hint=_START,
        ) from error
    at_once = settings.run.workers or settings.run.trajectories
    boxes = max(1, min(at_once, settings.run.trajectories + ("repair" in who_proposes(settings))))
    memory_mb = settings.eval.task_memory_mb or boxes * settings.sandbox.memory_mb
    return ClusterExecutor(settings.eval.workers, shared, cpus=settings.eval.task_cpus, memory_mb=memory_mb)


def _knock(address: str) -> None:
    """Look whether somebody answers at HOST:PORT: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
    except OSError as error:
        raise SandboxUnavailable(
            f"there is no Ray cluster at {address}: {error.strerror or error}", hint=_START
        ) from error


def _work(mark: str, function: Callable[[Any], Any], argument: Any) -> Any:
    """What runs on a node, in a process that Ray made for it."""
    if not Path(mark).exists():
        raise BatchUnusable(
            f"the node {os.uname().nodename} does not see {Path(mark).parent}",
            hint="Put --out on storage that every node has under the same path.",
        )
    return function(argument)


def _line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]

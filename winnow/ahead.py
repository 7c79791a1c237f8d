"""Workspaces that are opened before anybody asks for them, while a run reads the repository and waits for a model."""

import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Self

from envs.workspace import Workspace

Open = Callable[[], AbstractContextManager[Workspace]]
AT_ONCE = 8 * (os.cpu_count() or 1)
"""Sandboxes that are opened at the same time: with more none is ready long before the last, with fewer the engine waits between two."""


class Ahead:
    """Opens some workspaces in the background and hands them out, first opened first. Leaving its context closes what nobody took.

    Safe to use from several threads. Invariant of the lock: `_promised` (workspaces that nobody has asked for yet) changes only under it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._promised = 0
        self._ready: queue.SimpleQueue[tuple[ExitStack, Workspace] | BaseException] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is left."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        while not self._ready.empty():
            item = self._ready.get()
            if not isinstance(item, BaseException):
                item[0].close()

    def start(self, opened: Open, count: int) -> None:
        """Open so many workspaces, a few at a time, and return at once."""
        with self._lock:
            self._promised += count
        left = iter(range(count))
        for _ in range(min(count, AT_ONCE)):
            thread = threading.Thread(target=self._work, args=(opened, left), name="winnow-ahead", daemon=True)
            self._threads.append(thread)
            thread.start()

    @contextmanager
    def opened(self, otherwise: Open) -> Iterator[Workspace]:
        """Open a workspace: one of those that were promised as long as there are any, else a new one.

        Raises:
            SandboxError, ImageBuildFailed: as opening it raised.
        """
        with self._lock:
            promised = self._promised > 0
            self._promised -= promised
        if not promised:
            with otherwise() as workspace:
                yield workspace
            return
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        with item[0]:
            yield item[1]

    def _work(self, opened: Open, left: Iterator[int]) -> None:
        while True:
            with self._lock:
                if next(left, None) is None or self._closing.is_set():
                    return
            try:
                stack = ExitStack()
                self._ready.put((stack, stack.enter_context(opened())))
            except BaseException as error:  # noqa: BLE001  (it belongs to whoever asks for this workspace)
                self._ready.put(error)

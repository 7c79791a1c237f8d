"""A pause that all callers of an endpoint share when it limits the rate of calls."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_S = 0.1
"""Seconds between two looks at the wish to stop."""
_JITTER = 0.1
"""Part of a pause by which it is lengthened at random, for each caller by itself."""


class Gate:
    """Lets calls of one endpoint through; all of them until it answers 429, as many as it bears afterwards.

    A rate limit hits everybody at once, and everybody's repetitions at once would hit it again. So the one who is told to wait holds
    all others back, too; then half as many calls as before may be under way at once, and one more after each round of answers
    (additive increase, multiplicative decrease, as in TCP's congestion avoidance, RFC 5681). Safe to use from several threads.

    Invariant of the lock: `_until`, `_pause`, `_room` and `_inside` change only under it.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        """Open it.

        Args:
            clock: seconds, monotonic.
            chance: a number from 0 to 1, for the length of pauses.
        """
        self._clock = clock
        self._chance = chance
        self._changed = threading.Condition()
        self._until = 0.0
        self._pause = 0.0
        self._room: float | None = None
        self._inside = 0

    @contextmanager
    def passed(self, stop: threading.Event) -> Iterator[None]:
        """Wait until a call may go, and hold its place while it is under way. Once `stop` is set nobody waits."""
        self._enter(stop)
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify()

    def answered(self) -> None:
        """Say that a call was answered. When as many were as may be under way at once, that is one more."""
        with self._changed:
            if self._room is not None:
                self._room += 1 / self._room
                self._changed.notify()

    def limited(self, pause_s: float) -> None:
        """Say that the endpoint limits the rate: nobody calls for so many seconds. To be said while the call holds its place."""
        with self._changed:
            now = self._clock()
            if now >= self._until:  # of those who were under way together only the first one makes the gate narrower
                self._room = max(1.0, min(self._inside, self._room or self._inside) / 2)
            if now + pause_s > self._until:
                self._until, self._pause = now + pause_s, pause_s

    def _enter(self, stop: threading.Event) -> None:
        late = self._chance() * _JITTER
        with self._changed:
            while not stop.is_set():
                # A little later than the first of them, each by another while, so that a moment has one call.
                wait = self._until + late * self._pause - self._clock() if self._until else 0.0
                if wait <= 0 and (self._room is None or self._inside + 1 <= self._room):
                    break
                self._changed.wait(min(wait, _LOOK_S) if wait > 0 else _LOOK_S)
            self._inside += 1

"""The first call of a wave goes alone, so that the others find its prompt in the provider's cache (CodeMonkeys' single flight)."""

import threading
from collections.abc import Callable, Hashable
from typing import TypeVar

T = TypeVar("T")
_WAIT_S = 120.0
"""Longest wait for the first call; then everybody goes."""


class WarmUp:
    """Lets one first call per prefix through, and holds the other first calls until it has returned or failed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._warm: dict[Hashable, threading.Event] = {}

    def first(self, prefix: Hashable, call: Callable[[], T]) -> T:
        """Make a try's first call.

        Args:
            prefix: equal for calls whose prompts begin alike.
            call: the call; whatever it raises comes out, and does not hold the others up.
        """
        with self._lock:
            warm = self._warm.get(prefix)
            leads = warm is None
            if warm is None:
                warm = self._warm[prefix] = threading.Event()
        if not leads:
            warm.wait(_WAIT_S)
            return call()
        try:
            return call()
        finally:
            warm.set()

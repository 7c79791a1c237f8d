"""Many questions at once, of which some may come back without an answer."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from agent.models.errors import (
    AuthenticationFailed,
    BudgetExhausted,
    ModelError,
    ModelRejected,
    ModelUnavailable,
    PriceUnknown,
)
from agent.models.port import ChatModel
from agent.models.values import ChatRequest, Reply


class Answers(NamedTuple):
    """What came back, in the order of the questions."""

    replies: tuple[Reply | None, ...]
    failure: str
    """Why an answer is missing, the first time; empty when none is."""
    over: bool
    """Asking more would be of no use: the budget is spent, or the failure holds for every call."""


def ask_all(model: ChatModel, requests: Sequence[ChatRequest], *, threads: int) -> Answers:
    """Ask everything, the first ones first, and go on without what fails.

    Calls at once reserve their worst cases together, so a budget may refuse some that it covers one by one: those are asked again,
    one by one, until it refuses one. After a failure that no other call can escape nothing more is sent.
    """
    asker = _Asker(model)
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        replies = list(pool.map(asker.ask, requests))
    for index in asker.refused(requests):
        if replies[index] is None and not asker.hopeless.is_set():
            replies[index] = asker.ask(requests[index], alone=True)
    return Answers(tuple(replies), asker.failure, asker.hopeless.is_set())


class _Asker:
    """Asks, and remembers what failed."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._refused: list[ChatRequest] = []
        self.hopeless = threading.Event()
        self.failure = ""

    def ask(self, request: ChatRequest, *, alone: bool = False) -> Reply | None:
        """Ask once; None: there is no answer."""
        if self.hopeless.is_set():
            return None
        try:
            return self._model.complete(request)
        except BudgetExhausted as error:
            self._note(error)
            if alone or isinstance(error, PriceUnknown):
                self.hopeless.set()
            else:
                with self._lock:
                    self._refused.append(request)
        except ModelError as error:
            self._note(error)
            if isinstance(error, (AuthenticationFailed, ModelRejected)) or _is_final(error):
                self.hopeless.set()
        return None

    def refused(self, requests: Sequence[ChatRequest]) -> list[int]:
        """Places of what the budget refused, in order."""
        return [index for index, request in enumerate(requests) if any(request is one for one in self._refused)]

    def _note(self, error: Exception) -> None:
        with self._lock:
            self.failure = self.failure or str(error)


def _is_final(error: ModelError) -> bool:
    """The account is used up, the user wants to stop, or the endpoint did not answer in all repetitions."""
    return isinstance(error, ModelUnavailable) and not error.retryable

"""A journal for calls that do not depend on each other: answers are served by what is asked, in whatever order.

The events are those of `agent.models.journaled`.
"""

import threading
from collections import defaultdict, deque

from agent.journal import Journal
from agent.models.digests import Digests
from agent.models.errors import BudgetExhausted, ModelError
from agent.models.journaled import Answer, OnServed, note, plain, read_answers
from agent.models.port import ChatModel
from agent.models.values import ChatRequest, Reply


class UnorderedModel:
    """Serves what the journal holds of a request, else asks the model and writes its answer down. Safe to use from several threads.

    A request that is asked again in one process gets the next of its answers, so that repeated draws stay several.
    """

    def __init__(self, model: ChatModel, journal: Journal, *, on_served: OnServed | None = None) -> None:
        """Read the past; see `JournaledModel`. The journal belongs to this model alone."""
        self._model = model
        self._journal = journal
        self._on_served = on_served or (lambda request, reply, usage: None)
        self._digests = Digests()
        self._lock = threading.Lock()
        self._left: defaultdict[str, deque[Answer]] = defaultdict(deque)
        answers, lost = read_answers(journal.past)
        for answer in answers:
            self._left[answer.request].append(answer)
        for usage in lost:
            self._on_served(None, None, usage)

    @property
    def name(self) -> str:
        """See `ChatModel.name`."""
        return self._model.name

    def complete(self, request: ChatRequest) -> Reply:
        """See `ChatModel.complete`; a served reply is marked so.

        Raises:
            DiskFull: the journal cannot be written.
        """
        digest = self._digests.of(request)
        with self._lock:
            known = self._left[digest].popleft() if self._left[digest] else None
        if known is not None:
            return self._serve(request, known)
        try:
            reply = self._model.complete(request)
        except (ModelError, BudgetExhausted) as error:
            with self._lock:
                note(self._journal, digest, error)
            raise
        with self._lock:
            self._journal.append("reply", request=digest, reply=plain(reply))
        return reply

    def _serve(self, request: ChatRequest, answer: Answer) -> Reply:
        reply = answer.outcome if isinstance(answer.outcome, Reply) else None
        self._on_served(request, reply, answer.usage)
        if isinstance(answer.outcome, ModelError):
            raise answer.outcome
        return answer.outcome

"""Chat models over a journal: replies are written down before they are used, and served back without being paid again.

Events, beside whatever else the journal holds:

    reply     request (digest), reply            an answer; it was paid
    refusal   request (digest), error, ...       an error that the conversation went on from; the same again when served
    lost      usage                              a call that came to nothing and may have cost something
    diverged  served, request (digest)           the trajectory asked something else than before: of the answers before this
                                                 event only the first `served` are used from now on
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agent.journal import Journal
from agent.models.digests import Digests
from agent.models.errors import BudgetExhausted, ContextFull, ModelError, Refused, ScriptEnded
from agent.models.port import ChatModel
from agent.models.values import ChatRequest, Reply
from agent.values import Usage

SPENT = "spent"
"""Kind of an event that says what calls cost whose answers are kept elsewhere."""

_CHANGED = "The code, the prompts or a tool's output changed since."
OnServed = Callable[[ChatRequest | None, Reply | None, Usage], None]
"""Told of each call that is not paid again: (request, reply, what it cost then). See `BudgetedModel.served`."""

_KINDS: Mapping[str, type[ModelError]] = {"context_full": ContextFull, "refused": Refused}
"""Errors that asking again cannot change: what a trajectory did after them belongs to its course."""


@dataclass(frozen=True)
class Answer:
    """One answer of the past."""

    request: str
    outcome: Reply | ModelError
    usage: Usage


class JournaledModel:
    """Serves what the journal holds as long as it is asked the same, then asks the model and writes down its answers.

    For one thread at a time, like the journal: one trajectory. A reply is on the disk before it is returned.
    """

    def __init__(self, model: ChatModel, journal: Journal, *, on_served: OnServed | None = None) -> None:
        """Read the past.

        Args:
            model: answers where the journal ends; must not be `None` even when the journal is complete.
            journal: its past is served, and it grows.
            on_served: told of every call of the past once it is served, or will never be.
        """
        self._model = model
        self._journal = journal
        self._on_served = on_served or (lambda request, reply, usage: None)
        self._answers, self._dropped = read_answers(journal.past)
        self._digests = Digests()
        self._served = 0
        self._live = not self._answers
        if self._live:
            self._leave_past()

    @property
    def name(self) -> str:
        """See `ChatModel.name`."""
        return self._model.name

    @property
    def served(self) -> int:
        """Answers that came from the journal so far."""
        return self._served

    @property
    def live(self) -> bool:
        """True when the next call is sent to the model, as far as is known: the journal is used up, or did not fit."""
        return self._live

    def complete(self, request: ChatRequest) -> Reply:
        """See `ChatModel.complete`; a served reply is marked so.

        Raises:
            DiskFull: the journal cannot be written.
        """
        digest = self._digests.of(request)
        if not self._live:
            answer = self._answers[self._served]
            if answer.request == digest:
                return self._serve(request, answer)
            self._journal.append("diverged", served=self._served, request=digest)
            self._leave_past()
        try:
            reply = self._model.complete(request)
        except (ModelError, BudgetExhausted) as error:
            note(self._journal, digest, error)
            raise
        self._journal.append("reply", request=digest, reply=plain(reply))
        return reply

    def _serve(self, request: ChatRequest, answer: Answer) -> Reply:
        self._served += 1
        reply = answer.outcome if isinstance(answer.outcome, Reply) else None
        self._on_served(request, reply, answer.usage)
        if self._served == len(self._answers):
            self._leave_past()
        if isinstance(answer.outcome, ModelError):
            raise answer.outcome
        return answer.outcome

    def _leave_past(self) -> None:
        """Go on live. What was paid and will not be served counts as spent from here."""
        self._live = True
        for usage in [answer.usage for answer in self._answers[self._served :]] + self._dropped:
            self._on_served(None, None, usage)
        self._dropped = []


class ReplayModel:
    """Plays the answers of a journal again, and nothing else. Safe to use from several threads.

    `strict` takes each answer only for the request that it was given to; `lenient` gives them in order, whatever is asked.
    """

    def __init__(
        self, past: Iterable[Mapping[str, Any]], *, name: str = "replay", mode: Literal["strict", "lenient"] = "strict"
    ) -> None:
        self._answers, _ = read_answers(past)
        self._name = name
        self._strict = mode == "strict"
        self._digests = Digests()
        self._lock = threading.Lock()
        self._next = 0

    @property
    def name(self) -> str:
        """See `ChatModel.name`."""
        return self._name

    @property
    def left(self) -> int:
        """Answers that nobody has asked for yet."""
        with self._lock:
            return len(self._answers) - self._next

    def complete(self, request: ChatRequest) -> Reply:
        """See `ChatModel.complete`; every reply is marked as served.

        Raises:
            ScriptEnded: the journal holds no more answers, or (strict) the request is another one than then.
        """
        digest = self._digests.of(request) if self._strict else None
        with self._lock:
            if self._next >= len(self._answers):
                raise ScriptEnded(f"The journal holds no answer to call {self._next + 1}.", hint=_CHANGED)
            answer = self._answers[self._next]
            if digest is not None and digest != answer.request:
                raise ScriptEnded(
                    f"Call {self._next + 1} asks something else than the journal's.",
                    hint=f"{_CHANGED} Replay leniently to go on nevertheless.",
                )
            self._next += 1
        if isinstance(answer.outcome, ModelError):
            raise answer.outcome
        return answer.outcome


def usage_of(past: Iterable[Mapping[str, Any]]) -> Usage:
    """Return what all model calls of a journal cost, those included whose answers are not used any more: `Budget(past=...)`."""
    total = Usage()
    for event in past:
        total += _usage(event)
    return total


def _usage(event: Mapping[str, Any]) -> Usage:
    """What the call behind an event cost; nothing for events of other kinds."""
    if event["kind"] == "reply":
        return Usage.model_validate(event["reply"]["usage"])
    if event["kind"] in ("refusal", "lost", SPENT):
        return Usage.model_validate(event["usage"])
    return Usage()


def read_answers(past: Iterable[Mapping[str, Any]]) -> tuple[list[Answer], list[Usage]]:
    """The answers that the last course of a trajectory goes on from, and the cost of all others."""
    answers: list[Answer] = []
    dropped: list[Usage] = []
    for event in past:
        usage = _usage(event)
        if event["kind"] == "reply":
            reply = Reply.model_validate({**event["reply"], "served": True})
            answers.append(Answer(event["request"], reply, usage))
        elif event["kind"] == "refusal":
            error = _KINDS[event["error"]](event["message"], hint=event["hint"])
            answers.append(Answer(event["request"], error, usage))
        elif event["kind"] == "lost":
            dropped.append(usage)
        elif event["kind"] == "diverged":
            served = int(event["served"])
            dropped += [answer.usage for answer in answers[served:]]
            del answers[served:]
    return answers, dropped


def note(journal: Journal, digest: str, error: ModelError | BudgetExhausted) -> None:
    """Write an error down if it belongs to the course of the trajectory or cost something."""
    kind = next((name for name, cls in _KINDS.items() if isinstance(error, cls)), None)
    usage = (error.usage or Usage()).model_dump(mode="json", exclude_defaults=True)
    if kind:
        journal.append("refusal", request=digest, error=kind, message=str(error), hint=error.hint, usage=usage)
    elif usage:
        journal.append("lost", usage=usage)


def plain(reply: Reply) -> Mapping[str, Any]:
    """A reply as plain JSON values, without what is as by default; the usage is always there."""
    return {**reply.model_dump(mode="json", exclude_defaults=True), "usage": reply.usage.model_dump(mode="json")}

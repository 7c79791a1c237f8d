"""Different explanations of one issue, so that trajectories differ by more than chance."""

import json
import re
from collections.abc import Collection

from pydantic import Field, ValidationError

from agent.context.values import Context
from agent.models.errors import BudgetExhausted, ContextFull, ModelUnavailable, Refused, ScriptEnded
from agent.models.port import ChatModel
from agent.models.values import ChatRequest, Message, Sampling
from agent.trajectory.orient import system_text, task_text
from agent.trajectory.prompts import render
from agent.trajectory.values import LoopLimits
from agent.values import Brief
from sandbox.values import Value

_ARRAY = re.compile(r"\[.*\]", re.DOTALL)


class Hypothesis(Value):
    """One explanation."""

    cause: str = Field(min_length=1)
    files: tuple[str, ...] = ()


def find_hypotheses(
    model: ChatModel, brief: Brief, context: Context, *, count: int, sampling: Sampling, limits: LoopLimits
) -> tuple[Hypothesis, ...]:
    """Ask once for different root causes, likeliest first; at most `count`.

    An answer that cannot be read, or no answer, gives none: trajectories then find their own.

    Raises:
        AuthenticationFailed, ModelRejected: nothing that follows would work either.
    """
    messages = (
        Message(role="system", content=system_text(brief, limits)),
        Message(role="user", content=f"{task_text(brief, context)}\n\n{render('hypotheses', count=str(count))}"),
    )
    try:
        reply = model.complete(ChatRequest(messages=messages, sampling=sampling))
    except (BudgetExhausted, ContextFull, Refused, ModelUnavailable, ScriptEnded):
        return ()
    return _read(reply.message.content)[:count]


def _read(text: str) -> tuple[Hypothesis, ...]:
    """The explanations in an answer; those that are no explanation are left out."""
    found = _ARRAY.search(text)
    try:
        items = json.loads(found[0]) if found else []
    except ValueError:
        return ()
    read: list[Hypothesis] = []
    for item in items:
        try:
            hypothesis = Hypothesis.model_validate({key: item.get(key) for key in ("cause", "files") if item.get(key)})
        except (ValidationError, AttributeError):
            continue
        if hypothesis.cause not in _causes(read):
            read.append(hypothesis)
    return tuple(read)


def _causes(read: Collection[Hypothesis]) -> set[str]:
    return {hypothesis.cause for hypothesis in read}

"""What happens at each node of a try. Nodes are the same in every strategy; strategies connect them differently."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from agent.models.errors import (
    BudgetExhausted,
    ContextFull,
    ModelRejected,
    ModelUnavailable,
    Refused,
    ScriptEnded,
)
from agent.models.values import ChatRequest, Reply, ToolCall
from agent.probe import Probe
from agent.trajectory.checks import Check
from agent.trajectory.conversation import RECENT
from agent.trajectory.effort import Effort
from agent.trajectory.prompts import render
from agent.trajectory.reports import describe_check, missing_evidence
from agent.values import ExitReason

SUBMIT, FINISH = "submit", "finish"
NOTHING: Mapping[str, str] = MappingProxyType({})
_CALLS_LEFT = 2
"""Calls of the present size below which a try winds down: the next one is its last."""
_WORTH = 8
"""A conversation that has grown too long is shortened when that frees one of so many parts of what it may hold."""
_MAX_SILENT = 3
"""Replies in a row without a tool call after which a try ends."""


def think(effort: Effort, *, turns: int) -> Reply | None:
    """Ask the model once and keep its reply. None: the try is over, and `exit` says why.

    Args:
        effort: the try.
        turns: the number of turns after which this phase ends.
    """
    if effort.winding_down:
        return None
    reason = _last_turn(effort, turns)
    if reason:
        effort.winding_down = True
        effort.talk.user(render("last_turn" if effort.makes_changes else "last_turn_probes", reason=reason))
    if effort.talk.tokens > effort.limits.context_tokens:
        effort.talk.make_room(least=effort.limits.context_tokens // _WORTH)
    reply = _ask(effort)
    if reply is None:
        return None
    effort.turn += 1
    effort.usage += reply.usage
    effort.talk.measured(reply.usage.input_tokens + reply.usage.output_tokens)
    effort.seat.report(
        "turn", {"seat": effort.seat.id, "turn": effort.turn, "calls": [call.name for call in reply.message.tool_calls]}
    )
    return reply


def _last_turn(effort: Effort, turns: int) -> str:
    """Why the next turn is the last one; empty when it is not."""
    if effort.turn >= turns - 1:
        return f"the limit of {turns} turns is reached"
    if effort.iteration >= effort.limits.iterations:
        return f"the limit of {effort.limits.iterations} checks is reached"
    left = effort.model.calls_left(_request(effort))
    spent = "the budget is nearly spent" if left is not None and left < _CALLS_LEFT else ""
    return effort.tape.decide(f"last-{effort.turn}", spent)


def _ask(effort: Effort) -> Reply | None:
    """Call the model; make more and more room when the conversation is too long. None: no answer, and `exit` says why."""
    try:
        recents = iter(RECENT)
        while True:
            try:
                return _complete(effort)
            except ContextFull:
                if not any(effort.talk.make_room(recent=recent) for recent in recents):
                    raise
    except ContextFull as full:
        effort.end(ExitReason.EXHAUSTED, f"the conversation outgrew the model: {full}")
    except BudgetExhausted as spent:
        effort.end(ExitReason.OUT_OF_BUDGET, str(spent))
    except ScriptEnded as ended:
        effort.end(ExitReason.MODEL_FAILED, f"{ended} {ended.hint}".strip())
    except (ModelUnavailable, Refused) as failed:
        effort.end(ExitReason.MODEL_FAILED, str(failed))
    except ModelRejected as rejected:
        if not effort.turn:  # of an endpoint that has answered before, it is this conversation's own matter
            raise
        effort.end(ExitReason.MODEL_FAILED, str(rejected))
    return None


def _complete(effort: Effort) -> Reply:
    """One call; the first ones of tries that begin alike do not all go at once."""
    request = _request(effort)
    if effort.turn:
        return effort.model.complete(request)
    prefix = (effort.assignment.model, effort.assignment.strategy)
    return effort.warmup.first(prefix, partial(effort.model.complete, request))


def _request(effort: Effort) -> ChatRequest:
    return ChatRequest(messages=effort.talk.messages, tools=effort.toolbox.specs, sampling=effort.sampling)


def hear(effort: Effort, reply: Reply) -> bool:
    """Put a reply into the conversation; False when it calls no tool that can be run, which the model is told."""
    calls = reply.message.tool_calls
    if reply.finish == "length":  # what it called last may be half of what was meant
        kept = {"tool_calls": (), "content": reply.message.content or "(cut off)", "extra": {}}
        effort.talk.assistant(reply.message.model_copy(update=kept))
        effort.silent += 1
        effort.talk.user(render("cut_reply", tokens=str(effort.sampling.max_output_tokens)))
        return False
    if calls:
        effort.talk.assistant(reply.message)
        effort.note = reply.note
        effort.silent = 0
        return True
    # Some endpoints reject every later request of a conversation in which a message is empty.
    effort.talk.assistant(reply.message.model_copy(update={"content": reply.message.content or "(nothing)"}))
    effort.silent += 1
    said = render("no_call", end=SUBMIT if effort.makes_changes else FINISH)
    effort.talk.user("\n\n".join(filter(None, (reply.note, said))))
    return False


def is_stuck(effort: Effort) -> bool:
    """Whether the model stopped calling tools."""
    if effort.silent < _MAX_SILENT:
        return False
    effort.end(ExitReason.EXHAUSTED, f"{_MAX_SILENT} replies in a row called no tool")
    return True


def act(effort: Effort, calls: tuple[ToolCall, ...], *, forbidden: Mapping[str, str] = NOTHING) -> list[dict[str, Any]]:
    """Run the calls in order and answer each; `submit` is kept for the check, which answers it.

    Tools are the same in all phases of a strategy, as a list that changes is a prompt that no cache holds; `forbidden` says, by
    tool, why it is not run now.

    Returns:
        What the tools say to the loop, call by call.
    """
    said: list[dict[str, Any]] = []
    for call in calls:
        name = effort.toolbox.name_of(call.name)
        if name in forbidden:
            effort.answer(call, f"[{name}]\nNot now: {forbidden[name]} Nothing was done.")
            said.append({"tool": name, "ok": False})
            continue
        (observation,) = effort.toolbox.call_all((call,))
        said.append({"tool": name, "ok": observation.ok, **observation.data})
        if name == SUBMIT and observation.ok and effort.pending is None:
            effort.pending = call
            effort.summary = str(observation.data.get("summary", ""))
            effort.waiver = str(observation.data.get("waiver", ""))
            continue
        effort.answer(call, observation.text)
        if "probe" in observation.data:
            effort.probe = Probe.model_validate(observation.data["probe"])
            if effort.probe.test:
                effort.tree(stale=True)
                effort.follow_probe()
    return said


def check(effort: Effort, *, fresh: bool = False) -> Check:
    """Check the work by execution and remember it; `fresh`: nothing has run since the difference to the base was made."""
    patch = effort.tree(stale=not fresh)
    effort.follow_probe()
    state = effort.checks.check(effort.probe, patch=patch)
    effort.iteration += 1
    effort.keep(state)
    shown = {"proven": state.evidence.proven, "regressions": len(state.evidence.regressions)}
    effort.seat.report("check", {"seat": effort.seat.id, "iteration": effort.iteration, **shown})
    return state


def reflect(effort: Effort, state: Check) -> bool:
    """Tell the model what a check showed; True when the work is accepted and the try ends.

    "Done" without evidence is sent back, at most `LoopLimits.refusals` times, unless a waiver says why.
    """
    if effort.pending is None:
        text = describe_check(state)
        effort.talk.user(effort.tape.say(f"check-{effort.iteration}", text))
        return False
    accepted = state.evidence.proven and not state.patch.is_empty
    if accepted or effort.waiver or effort.refused >= effort.limits.refusals or effort.winding_down:
        effort.end(ExitReason.SUBMITTED, "submitted with evidence" if accepted else _unproven(effort))
        return True
    effort.refused += 1
    text = render("unchanged") if state.patch.is_empty else _refusal(effort, state)
    effort.answer(effort.pending, text)
    effort.pending = None
    return False


def _refusal(effort: Effort, state: Check) -> str:
    """What is missing, and how many more times it will be said."""
    left = effort.limits.refusals - effort.refused
    more = f"{left} more" if left else "no more"
    return render("refused", missing=missing_evidence(state), more=more)


def _unproven(effort: Effort) -> str:
    if effort.waiver:
        return f"submitted with a waiver: {effort.waiver}"
    return "submitted without evidence"

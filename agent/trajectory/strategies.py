"""The strategies: small LangGraph graphs over the same nodes.

react    think <-> act until `submit`, which is checked (R2E-Gym's and mini-swe-agent's loop, with a gate)
iterate  a probe first, then a cleared history, then edit and probe together with both sides of every check shown
         (CodeMonkeys' testing and editing machines in one)
probes   write a test, see it on base, keep it, and again: no change is made (R2E-Gym's testing agent, with every test run on its own)
single   locate, then one reply with all changes, again where an edit did not fit; nothing is run (Agentless' localise and sample)

None is checkpointed: a try is made durable by its journal, and a checkpointed conversation costs quadratic disk.
"""

from collections.abc import Callable
from contextvars import Context
from functools import cache
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from agent.trajectory import nodes, places
from agent.trajectory.checks import Check
from agent.trajectory.effort import Effort
from agent.trajectory.orient import system_text, task_text, variation_text
from agent.trajectory.prompts import render
from agent.trajectory.reports import describe_base, describe_probe
from agent.trajectory.values import StrategyName
from agent.values import ExitReason

PROBE_TURNS = 12
"""Turns for showing the problem, in `iterate`; at most a third of all."""
SINGLE_TURNS = 6
"""Turns of `single`: to locate, to make the change, and to look or to mend an edit in between."""
_KEPT = 4
"""A history shorter than this part of what a conversation may hold goes on into the fix."""
_BEFORE_THE_PROBE = {
    "edit": "first show the problem with a probe, on code that nobody has changed.",
    "submit": "first show the problem with a probe; the fix comes after it.",
}
_AFTER_THE_PROBE = {"accept_probe": "the probe was accepted already."}
_BEFORE_PLACES = dict.fromkeys(("edit", "submit"), "name the places with `locate` first.")
_AFTER_PLACES = {"locate": "the code was shown already; use `view`."}
_NO_PROBE = "No probe shows the problem so far; you may still write one with `write_probe`."
_EDITS = ("edit", "write_probe", "shell")
"""Tools after which the work may be another."""


class Where(TypedDict):
    """All that passes between nodes: which one is next."""

    next: str


Node = Callable[[Effort], str]
"""Does its part and names the next node; END ends the try."""


def _open(effort: Effort, start: str, *, system: str = "system", **values: str) -> None:
    """Begin a conversation: what all tries share first, and what is this one's own last."""
    effort.talk.system(system_text(effort.seat.brief, effort.limits, system))
    effort.talk.user(task_text(effort.seat.brief, effort.context))
    effort.talk.user(render(start, **values))


def _turn(effort: Effort, *, turns: int | None = None, then: str) -> str:
    """One model call; `then` is where its tool calls are run."""
    reply = nodes.think(effort, turns=turns or effort.limits.turns)
    if reply is None:
        return "finish"
    if nodes.hear(effort, reply):
        effort.calls = reply.message.tool_calls
        return then
    return "finish" if nodes.is_stuck(effort) else ""


def _finish(effort: Effort) -> str:
    """Check the work tree as it was left, when no check has seen it."""
    if effort.last is None or effort.last.patch != effort.tree(stale=True):
        nodes.check(effort, fresh=True)
    return END


def _check(effort: Effort) -> str:
    return _after_check(effort, nodes.check(effort))


def _after_check(effort: Effort, state: Check) -> str:
    if nodes.reflect(effort, state):
        return END
    return "finish" if effort.winding_down else "think"


# react


def _react_orient(effort: Effort) -> str:
    variation = variation_text(effort.assignment)
    _open(effort, "start_react", variation=variation, turns=str(effort.limits.turns))
    return "think"


def _react_think(effort: Effort) -> str:
    return _turn(effort, then="act") or "think"


def _react_act(effort: Effort) -> str:
    said = nodes.act(effort, effort.calls)
    if effort.pending is not None:
        return "check"
    _tell_probe(effort, said)
    return "finish" if effort.winding_down else "think"


def _tell_probe(effort: Effort, said: list[dict[str, Any]]) -> None:
    """Run a probe that was just written on base and say what it did there."""
    if effort.probe is None or not any(item["tool"] == "write_probe" and item["ok"] for item in said):
        return
    result = effort.checks.on_base(effort.probe)
    effort.talk.user(effort.tape.say(f"probe-{effort.turn}", describe_base(result)))


# iterate


def _iterate_orient(effort: Effort) -> str:
    _open(effort, "start_probe", turns=str(_probe_turns(effort)))
    return "show"


def _probe_turns(effort: Effort) -> int:
    return max(2, min(PROBE_TURNS, effort.limits.turns // 3))


def _show(effort: Effort) -> str:
    """A turn of the phase that shows the problem."""
    if effort.turn >= _probe_turns(effort):
        return "turnover"
    return _turn(effort, then="show_act") or "show"


def _show_act(effort: Effort) -> str:
    said = nodes.act(effort, effort.calls, forbidden=_BEFORE_THE_PROBE)
    _tell_probe(effort, said)
    if not any("accepted" in item for item in said) or effort.probe is None:
        return "show"
    if effort.checks.on_base(effort.probe).verdict == "present" or effort.refused >= effort.limits.refusals:
        effort.reason = next(item["accepted"] for item in said if "accepted" in item)
        return "turnover"
    effort.refused += 1
    effort.talk.user("Not accepted: the probe has to exit with 2 on the base commit, each time it is run.")
    return "show"


def _turnover(effort: Effort) -> str:
    """Start on the fix, with the probe and what it showed.

    A long history is cleared, which is what CodeMonkeys does (section 2.2); a short one is kept, with the code that was read in it.
    """
    effort.refused = effort.silent = 0
    effort.clear_tree()
    limits = effort.limits
    values = {
        "variation": variation_text(effort.assignment),
        "iterations": str(limits.iterations),
        "turns": str(limits.turns - effort.turn),
    }
    if effort.talk.tokens <= limits.context_tokens // _KEPT:
        effort.talk.user(render("start_edit", probe=_shown(effort), **values))
    else:
        effort.restart()
        _open(effort, "start_edit", probe=_probe_so_far(effort), **values)
    return "think"


def _shown(effort: Effort) -> str:
    """Whether the problem is shown, for a conversation that knows the probe."""
    if effort.probe is None:
        return _NO_PROBE
    if effort.checks.on_base(effort.probe).verdict == "present":
        return "The problem is shown."
    return effort.tape.say("turnover", "The probe does not show the problem so far: correct it with `write_probe`.")


def _probe_so_far(effort: Effort) -> str:
    """The probe and what it showed, for a conversation that knows nothing of it."""
    if effort.probe is None:
        return _NO_PROBE
    result = effort.checks.on_base(effort.probe)
    shown = f"This probe was written for the issue, at {effort.probe.path}:\n```python\n{effort.probe.content}\n```\n"
    if effort.probe.test:  # its file may be long, and can be viewed
        shown = f"The probe is the test {effort.probe.test}.\n"
    shown += effort.tape.say("turnover", describe_probe("On the base commit", result))
    return f"{shown}\nWhat it shows: {effort.reason}" if effort.reason else shown


def _iterate_act(effort: Effort) -> str:
    said = nodes.act(effort, effort.calls, forbidden=_AFTER_THE_PROBE)
    changed = any(item["tool"] in _EDITS and item["ok"] for item in said) and effort.changed()
    if changed:
        return "check_change"
    if effort.pending is not None:
        return "check"
    return "finish" if effort.winding_down else "think"


def _check_change(effort: Effort) -> str:
    """Check a change that was just seen."""
    return _after_check(effort, nodes.check(effort, fresh=True))


# single


def _single_orient(effort: Effort) -> str:
    _open(effort, "start_locate", system="system_single", files=str(places.MAX_FILES))
    return "locate"


def _locate(effort: Effort) -> str:
    return _turn(effort, turns=SINGLE_TURNS, then="located") or "locate"


def _located(effort: Effort) -> str:
    said = nodes.act(effort, effort.calls, forbidden=_BEFORE_PLACES)
    if not any("places" in item for item in said) and effort.turn < SINGLE_TURNS // 2:
        return "locate"
    named: list[dict[str, Any]] = next((item["places"] for item in said if "places" in item), [])
    code = effort.tape.say("code", places.show(effort.workspace, effort.context, named))
    turns = str(SINGLE_TURNS - effort.turn)
    effort.talk.user(render("start_single", variation=variation_text(effort.assignment), code=code, turns=turns))
    return "think"


def _single_think(effort: Effort) -> str:
    return _turn(effort, turns=SINGLE_TURNS, then="act") or "think"


def _single_act(effort: Effort) -> str:
    said = nodes.act(effort, effort.calls, forbidden=_AFTER_PLACES)
    missed = [item for item in said if item["tool"] == "edit" and not item["ok"]]
    if (missed or effort.pending is None) and not effort.winding_down:
        if effort.pending is not None:
            effort.answer(effort.pending, "Not yet: an edit was not made. Make it again, and submit.")
            effort.pending = None
        return "think"
    return "finish"


# probes


def _probes_orient(effort: Effort) -> str:
    limits = effort.limits
    _open(effort, "start_probes", system="system_probes", probes=str(limits.probes), turns=str(limits.turns))
    return "think"


def _probes_act(effort: Effort) -> str:
    """Run what is written on base, and keep what shows the problem there; nothing is believed before."""
    finished, told = False, list[str]()
    for place, call in enumerate(effort.calls):
        (said,) = nodes.act(effort, (call,))
        finished = finished or "finished" in said
        if "probe" in said and effort.probe is not None:
            result = effort.checks.on_base(effort.probe)
            told.append(effort.tape.say(f"probe-{effort.turn}-{place}", describe_base(result)))
        if "kept" in said:
            told.append(effort.tape.say(f"kept-{effort.turn}-{place}", _keep(effort)))
    for text in told:
        effort.talk.user(text)
    if finished or len(effort.kept) >= effort.limits.probes:
        effort.end(ExitReason.SUBMITTED, f"{len(effort.kept)} probes")
        return END
    return "finish" if effort.winding_down else "think"


def _keep(effort: Effort) -> str:
    """Keep the last probe if it is one, and say so."""
    probe = effort.probe
    if probe is None:
        return "Not kept: there is no probe yet; write one with `write_probe`."
    if probe in effort.kept:
        return "Not kept: this very probe is kept already; write another."
    if effort.checks.on_base(probe).verdict != "present":
        return "Not kept: it has to show the problem on the base commit, each time it is run."
    effort.kept.append(probe)
    return f"Kept as probe {len(effort.kept)} of at most {effort.limits.probes}."


_GRAPHS: dict[str, dict[str, Node]] = {
    "react": {"orient": _react_orient, "think": _react_think, "act": _react_act, "check": _check, "finish": _finish},
    "iterate": {
        "orient": _iterate_orient,
        "show": _show,
        "show_act": _show_act,
        "turnover": _turnover,
        "think": _react_think,
        "act": _iterate_act,
        "check": _check,
        "check_change": _check_change,
        "finish": _finish,
    },
    "probes": {"orient": _probes_orient, "think": _react_think, "act": _probes_act, "finish": lambda _effort: END},
    "single": {
        "orient": _single_orient,
        "locate": _locate,
        "located": _located,
        "think": _single_think,
        "act": _single_act,
        "finish": _finish,
    },
}


@cache
def compiled(strategy: StrategyName) -> Any:
    """The graph of a strategy, for any number of tries at once."""
    graph: Any = StateGraph(Where, context_schema=Effort)  # its own type knows no node that is made by a function
    steps = _GRAPHS[strategy]
    for name, step in steps.items():
        graph.add_node(name, _as_node(step))
        graph.add_conditional_edges(name, _next, [*steps, END])
    graph.add_edge(START, "orient")
    return graph.compile(checkpointer=False)


def _as_node(step: Node) -> Callable[[Where, Runtime[Effort]], Where]:
    def node(_where: Where, runtime: Runtime[Effort]) -> Where:
        return {"next": step(runtime.context)}

    return node


def _next(where: Where) -> str:
    return where["next"]


def walk(effort: Effort) -> None:
    """Walk a try to its end."""
    steps = 3 * (effort.limits.turns + effort.limits.iterations) + 20
    graph = compiled(effort.assignment.strategy)
    # Away from the run graph, in whose step this is called: a nested graph would take over its checkpointer and durability.
    Context().run(graph.invoke, {"next": ""}, {"recursion_limit": steps}, context=effort)

"""The run graph: one task from snapshot to selection.

START -> prepare -> localize -> plan ==Send x N==> trajectory ==> select --settled | no rounds left--> END
                                  ^                                  |
                                  +--------- another round ----------+

Checkpointed after every step (SQLite, ids and counters only), so that a killed process goes on where it was; a trajectory
inside a step goes on from its journal.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from sandbox.errors import DiskFull
from winnow import steps
from winnow.state import RunContext, RunState, SeatState

Graph = Any
"""A compiled graph; LangGraph's own type has four parameters that say nothing here."""


def _prepare(state: RunState, runtime: Runtime[RunContext]) -> RunState:
    steps.prepare(runtime.context)
    return {"round": state.get("round", 0)}


def _localize(state: RunState, runtime: Runtime[RunContext]) -> RunState:
    steps.localize(runtime.context)
    return {"round": state["round"]}


def _plan(state: RunState, runtime: Runtime[RunContext]) -> RunState:
    number = state["round"] + 1
    steps.plan(runtime.context, number)
    return {"round": number}


def _fan_out(state: RunState, runtime: Runtime[RunContext]) -> list[Send]:
    number = state["round"]
    return [
        Send("trajectory", SeatState(seat=seat.seat, round=number))
        for seat in steps.plan(runtime.context, number).seats
    ]


def _trajectory(state: SeatState, runtime: Runtime[RunContext]) -> RunState:
    steps.walk(runtime.context, state)
    return {"ended": [state["seat"]]}


def _select(state: RunState, runtime: Runtime[RunContext]) -> RunState:
    return {"settled": steps.select(runtime.context, state["round"]).selection.settled}


def _after_select(state: RunState, runtime: Runtime[RunContext]) -> str:
    if state["settled"] or state["round"] >= runtime.context.settings.run.rounds:
        return END
    return "plan"


@contextmanager
def open_graph(checkpoints: Path) -> Iterator[Graph]:
    """Compile the graph over a checkpoint file, which is made when it is not there.

    Raises:
        DiskFull: there is no room for a checkpoint, at any time until the end.
    """
    graph = StateGraph(RunState, context_schema=RunContext)
    graph.add_node("prepare", _prepare)
    graph.add_node("localize", _localize)
    graph.add_node("plan", _plan)
    graph.add_node("trajectory", _trajectory, input_schema=SeatState)
    graph.add_node("select", _select)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "localize")
    graph.add_edge("localize", "plan")
    graph.add_conditional_edges("plan", _fan_out, ["trajectory"])
    graph.add_edge("trajectory", "select")
    graph.add_conditional_edges("select", _after_select, ["plan", END])
    try:
        with closing(sqlite3.connect(checkpoints, check_same_thread=False)) as connection:
            yield graph.compile(checkpointer=SqliteSaver(connection))
    except sqlite3.OperationalError as error:
        if not any(word in str(error) for word in ("full", "disk I/O", "unable to open", "readonly")):
            raise
        raise DiskFull(
            f"{checkpoints} cannot be written: {error}", hint="Free some space, or set --state-dir elsewhere."
        ) from error


def run_to_end(graph: Graph, context: RunContext, *, workers: int) -> None:
    """Start the run, or take it up where its last checkpoint stands.

    Raises:
        WinnowError: as the step that failed raised it; what ended before is kept.
    """
    config = {
        "configurable": {"thread_id": context.run.id},
        "max_concurrency": workers,
        "recursion_limit": 10 + 4 * context.settings.run.rounds,
    }
    fresh = graph.get_state(config).created_at is None
    start: RunState | None = {"round": 0, "ended": []} if fresh else None
    graph.invoke(start, config, context=context, durability="sync")

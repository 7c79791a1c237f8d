"""Whoever asks a model on behalf of one selection, opened together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from agent.context.values import Context
from agent.probe import Probe, ProbeResult, result_of
from agent.tools.values import ToolLimits
from agent.values import Brief, Candidate
from envs.patches import BaseTree
from envs.values import Patch
from envs.workspace import Workspace
from selection.distinguish.trials import RunProbe
from selection.execution.checks import Check
from selection.policies import Separator
from selection.port import Comparer, Judge, ProbeWriter
from selection.selector import Execution
from selection.values import Origin
from winnow.crew import Crew


@dataclass(frozen=True)
class Advice:
    """What a selector may ask; None: nobody is there to ask."""

    judge: Judge | None = None
    comparer: Comparer | None = None
    writer: ProbeWriter | None = None
    separator: Separator | None = None


NOBODY = Advice()


@contextmanager
def open_advice(
    crew: Crew,
    brief: Brief,
    base: BaseTree,
    execution: Execution | None,
    candidates: Sequence[Candidate],
    *,
    context: Context | None = None,
    open_workspace: Callable[[], AbstractContextManager[Workspace]],
    report: Callable[[str, Mapping[str, Any]], None],
) -> Iterator[Advice]:
    """Open everybody whom the settings allow; without execution nobody who writes tests.

    Args:
        crew: has the models.
        brief: what the changes are for.
        base: the base commit's files, open.
        execution: runs tests; None: nothing is run.
        candidates: that are to be chosen between.
        context: what is known of the repository, for writers of tests.
        open_workspace: opens a fresh sandbox with the base commit in it, for them.
        report: told what is going on.
    """
    with crew.judge(brief, base) as judge, crew.comparer(brief, base) as comparer:
        if execution is None:
            yield Advice(judge, comparer)
            return
        writer = crew.writer(brief, context, open_workspace, report)
        with crew.separator(brief, base, candidates, probe_runner(execution)) as separator:
            yield Advice(judge, comparer, writer, separator)


def probe_runner(execution: Execution) -> RunProbe:
    """Return what runs probes of both kinds through the execution's memory."""

    def run(patch: Patch, probe: Probe) -> ProbeResult:
        with execution.runs.on(patch) as session:
            ran = session.check(Check(id="selection", origin=Origin.SELECTION, body=probe))
        if ran.script is not None:
            return ran.script
        assert ran.tests is not None, "a probe is a script or a file of tests"
        return result_of(ran.tests, ToolLimits().observation_bytes)

    return run

"""The proposers and the judges of one process, and the models that they use."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from agent.context.reading import Reading, read_files
from agent.context.values import Context
from agent.models.journaled import SPENT, ReplayModel
from agent.models.open import Endpoint, open_model
from agent.models.prices import Price
from agent.proposer import Proposer
from agent.repair.proposer import RepairProposer
from agent.trajectory.hypotheses import Hypothesis, find_hypotheses
from agent.trajectory.proposer import AgentProposer
from agent.values import Brief, Candidate
from envs.patches import BaseTree
from envs.workspace import Workspace
from selection.distinguish.separator import TrajectorySeparator
from selection.distinguish.trials import RunProbe, Trials
from selection.judge.compare import ModelComparer
from selection.judge.deeds import deeds
from selection.judge.judge import SIZE, ModelJudge
from selection.policies import NoSeparator, Separator
from selection.port import Comparer, Judge, ProbeWriter
from winnow.errors import SettingsError
from winnow.models import judging, loop_limits, sampling, selecting_model, spec
from winnow.plan import plan_writers, who_proposes
from winnow.purse import OWN, SELECTION, Purse
from winnow.settings import Settings
from winnow.store import RunDir, read_lines
from winnow.writers import AgentWriters, NoWriter

_PLAIN_NAME = re.compile(r"\w[\w.-]*")
_WRITERS_TURNS = 30
"""Turns of one writer of tests, at most."""
_BYTES_PER_TOKEN = 2
"""What a prompt that is bounded in bytes may take of a conversation's tokens, on the safe side."""


class Crew:
    """Everybody who proposes or judges in a run. Safe to use from several threads once it is made."""

    def __init__(self, settings: Settings, run: RunDir, endpoints: Mapping[str, Endpoint], *, elapsed_s: float) -> None:
        """Read what the run has spent so far; `elapsed_s` are the seconds that earlier processes took."""
        self._settings = settings
        self._run = run
        self._endpoints = endpoints
        self._purse = Purse(settings, run, endpoints, elapsed_s=elapsed_s)
        self._proposers: dict[str, Proposer] = {
            "repair": RepairProposer(
                max_candidates=settings.repair.max_candidates,
                max_plausible=settings.repair.max_plausible,
                cpu_limit_s=settings.repair.cpu_limit_s,
            )
        }
        if endpoints:
            self._proposers["agent"] = AgentProposer(
                self._purse.model, limits=loop_limits(settings), sampling=sampling(settings)
            )

    def proposer(self, name: str) -> Proposer:
        """`agent` or `repair`."""
        return self._proposers[name]

    def hypotheses(self, brief: Brief, context: Context) -> tuple[Hypothesis, ...]:
        """Ask the first model for different explanations, as many as a round has trajectories that take one."""
        count = self._settings.run.trajectories - (self._settings.run.trajectories + 2) // 3
        with self._purse.conversation(self._settings.model.names[0], OWN) as (model, _):
            return find_hypotheses(
                model,
                brief,
                context,
                count=max(1, count),
                sampling=sampling(self._settings),
                limits=loop_limits(self._settings),
            )

    def read_files(self, brief: Brief, context: Context, base: BaseTree, count: int) -> Reading:
        """Let the first model read the files that seem to matter, and order them by what it says."""
        endpoint = self._endpoints[self._settings.model.names[0]]
        issue = brief.task.issue.text if brief.task.issue else "\n".join(brief.targets)
        reading = read_files(
            endpoint.for_trajectory(self._purse.share(OWN)), context, issue=issue, base=base, most=count
        )
        with self._purse.journal(OWN) as journal:
            journal.append(SPENT, usage=reading.usage.model_dump(mode="json"))
        return reading

    @contextmanager
    def judge(self, brief: Brief, base: BaseTree) -> Iterator[Judge | None]:
        """Open the judge of this run; None where it is switched off or there is no model.

        Args:
            brief: what the changes are for.
            base: the base commit's files, open.
        """
        chosen = self._settings.selection
        if not self._endpoints or not chosen.judge:
            yield None
            return
        with self._purse.calls(selecting_model(self._settings), f"{SELECTION}/judge") as model:
            yield ModelJudge(
                model,
                _issue(brief),
                base,
                deeds_of=self._deeds,
                samples=chosen.judge,
                views=chosen.judge_views,
                sampling=judging(self._settings),
                size=self._prompt_size,
            )

    @contextmanager
    def comparer(self, brief: Brief, base: BaseTree) -> Iterator[Comparer | None]:
        """Open the comparer of leaders; None where it is switched off or there is no model. Arguments as above.

        `settings.selection.compare` says how many leaders are worth comparing (`selection.policies.default.close_call`).
        """
        if not self._endpoints or self._settings.selection.compare < 2:
            yield None
            return
        with self._purse.calls(selecting_model(self._settings), f"{SELECTION}/compare") as model:
            yield ModelComparer(model, _issue(brief), base, sampling=judging(self._settings), size=self._prompt_size)

    @property
    def _prompt_size(self) -> int:
        """Bytes of a prompt that is made at once."""
        return min(SIZE, _BYTES_PER_TOKEN * self._settings.model.context_tokens)

    @contextmanager
    def separator(
        self, brief: Brief, base: BaseTree, candidates: Sequence[Candidate], run_probe: RunProbe
    ) -> Iterator[Separator]:
        """Open the selection trajectory; one that comes to no answer where it is switched off or there is no model.

        Args:
            brief: what the changes are for.
            base: the base commit's files, open.
            candidates: finalists are among them.
            run_probe: runs the tests that it writes.
        """
        chosen, name = self._settings.selection, selecting_model(self._settings)
        if not self._endpoints or not chosen.distinguish:
            yield NoSeparator()
            return
        with self._purse.journal(f"{SELECTION}/trials") as journal:
            yield TrajectorySeparator(
                lambda order: self._purse.conversation(name, f"{SELECTION}/{order}"),
                Trials(run_probe, journal),
                _issue(brief),
                base,
                {candidate.id: candidate for candidate in candidates},
                sampling=judging(self._settings),
                python=brief.image.python,
                seconds=self._settings.agent.command_timeout_s,
                tests=chosen.distinguish,
                context_tokens=self._settings.model.context_tokens,
            )

    def writer(
        self,
        brief: Brief,
        context: Context | None,
        open_workspace: Callable[[], AbstractContextManager[Workspace]],
        report: Callable[[str, Mapping[str, Any]], None],
    ) -> ProbeWriter:
        """Return the agents that write tests; nobody where none is asked for or there is no model.

        Args:
            brief: what the tests are for.
            context: what is known of the repository, as for trajectories; None: nothing.
            open_workspace: opens a fresh sandbox with the base commit in it.
            report: told what is going on.
        """
        settings, name = self._settings, selecting_model(self._settings)
        if not self._endpoints or not settings.selection.writers:
            return NoWriter()
        limits = loop_limits(settings)
        limits = limits.model_copy(update={"turns": min(limits.turns, _WRITERS_TURNS)})
        return AgentWriters(
            AgentProposer(self._purse.model, limits=limits, sampling=sampling(settings)),
            self._purse,
            self._run,
            brief,
            context,
            assignments=plan_writers(settings, name),
            open_workspace=open_workspace,
            report=report,
        )

    def _deeds(self, candidate: Candidate) -> str:
        """What a candidate's trajectory did, where it was one of this run."""
        if not _PLAIN_NAME.fullmatch(candidate.trajectory_id):
            return ""
        return deeds(read_lines(self._purse.path(candidate.trajectory_id)))


@contextmanager
def open_crew(
    settings: Settings, run: RunDir, *, elapsed_s: float, stop: threading.Event, replay: bool = False
) -> Iterator[Crew]:
    """Open the models that the settings name; leaving the context closes their connections.

    Args:
        settings: models, limits, budget.
        run: whose journals say what was spent.
        elapsed_s: seconds that earlier processes took.
        stop: set when the user wants to stop; calls under way end.
        replay: the models only say what the journals hold; nothing is sent.

    Raises:
        SettingsError: agents are asked for, and no model is named.
        PriceUnknown: there is a limit in USD, and a price that nobody knows.
    """
    if "agent" in who_proposes(settings) and not settings.model.names:
        raise SettingsError("agents need a model", hint="Name one with --model, or use --proposers repair.")
    chooser = selecting_model(settings)
    names = (*settings.model.names, *([chooser] if chooser else []))
    with ExitStack() as stack:
        endpoints = {
            name: Endpoint(ReplayModel([], name=name), Price(input=0, output=0))
            if replay
            else stack.enter_context(open_model(spec(settings, name), stop=stop))
            for name in dict.fromkeys(names)
        }
        yield Crew(settings, run, endpoints, elapsed_s=elapsed_s)


def _issue(brief: Brief) -> str:
    """What is to be solved, in the user's words where there are any."""
    if brief.task.issue is not None:
        return brief.task.issue.text
    said = [f"{test}\n{brief.base_report.messages.get(test, '')}".strip() for test in brief.targets]
    return "These tests fail and have to pass:\n\n" + "\n\n".join(said)

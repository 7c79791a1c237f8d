"""The proposers of one process, the models that they use and the money that they share."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.budget import Budget, BudgetLimits
from agent.context.reading import Reading, read_files
from agent.context.values import Context
from agent.journal import Journal
from agent.models.journaled import SPENT, ReplayModel, usage_of
from agent.models.open import Endpoint, ModelSpec, TrajectoryModel, open_model
from agent.models.prices import Price
from agent.models.retrying import RetryPolicy
from agent.models.values import Sampling
from agent.proposer import Proposer
from agent.repair.proposer import RepairProposer
from agent.tools.values import ToolLimits
from agent.trajectory.hypotheses import Hypothesis, find_hypotheses
from agent.trajectory.proposer import AgentProposer
from agent.trajectory.values import LoopLimits
from agent.values import Brief
from envs.patches import BaseTree
from winnow.errors import SettingsError
from winnow.plan import who_proposes
from winnow.settings import Settings
from winnow.store import RunDir, read_lines

_OWN = "run"
"""Share of the calls that belong to no trajectory; their journal lies in the run's folder."""
OWN_JOURNAL = "events.jsonl"


class Crew:
    """Everybody who proposes in a run. Safe to use from several threads once it is made."""

    def __init__(self, settings: Settings, run: RunDir, endpoints: Mapping[str, Endpoint], *, elapsed_s: float) -> None:
        """Read what the run has spent so far; `elapsed_s` are the seconds that earlier processes took."""
        limits = settings.budget
        allowed = BudgetLimits(usd=limits.usd, tokens=limits.tokens, calls=limits.calls, seconds=limits.seconds)
        for endpoint in endpoints.values():
            endpoint.require_price(allowed)
        self._settings = settings
        self._run = run
        self._endpoints = endpoints
        self._budget = Budget(allowed, elapsed_s=elapsed_s)
        self._lock = threading.Lock()
        # All of them before the first call: what was spent must count before anything is spent.
        self._shares = {share: self._share(share) for share in self._journals()}
        self._opened: set[str] = set()
        self._proposers: dict[str, Proposer] = {
            "repair": RepairProposer(
                max_candidates=settings.repair.max_candidates,
                max_plausible=settings.repair.max_plausible,
                cpu_limit_s=settings.repair.cpu_limit_s,
            )
        }
        if endpoints:
            self._proposers["agent"] = AgentProposer(
                self._model, limits=_loop_limits(settings), sampling=_sampling(settings)
            )

    def proposer(self, name: str) -> Proposer:
        """`agent` or `repair`."""
        return self._proposers[name]

    def hypotheses(self, brief: Brief, context: Context) -> tuple[Hypothesis, ...]:
        """Ask the first model for different explanations, as many as a round has trajectories that take one."""
        count = self._settings.run.trajectories - (self._settings.run.trajectories + 2) // 3
        with self._journal(_OWN) as journal:
            return find_hypotheses(
                self._model(self._settings.model.names[0], _OWN, journal),
                brief,
                context,
                count=max(1, count),
                sampling=_sampling(self._settings),
                limits=_loop_limits(self._settings),
            )

    def read_files(self, brief: Brief, context: Context, base: BaseTree, count: int) -> Reading:
        """Let the first model read the files that seem to matter, and order them by what it says."""
        endpoint = self._endpoints[self._settings.model.names[0]]
        issue = brief.task.issue.text if brief.task.issue else "\n".join(brief.targets)
        reading = read_files(endpoint.for_trajectory(self._shares[_OWN]), context, issue=issue, base=base, most=count)
        with self._journal(_OWN) as journal:
            journal.append(SPENT, usage=reading.usage.model_dump(mode="json"))
        return reading

    def _model(self, name: str, share: str, journal: Journal) -> TrajectoryModel:
        """A model for one trajectory, which pays from its own share of the run's budget."""
        with self._lock:
            if share not in self._shares:
                self._shares[share] = self._share(share)
            budget = self._shares[share]
            again = share in self._opened
            self._opened.add(share)
        # A second opening in one process has paid for what the journal now holds, and says so only once.
        return self._endpoints[name].for_trajectory(budget, journal, recall=not again)

    def _share(self, share: str) -> Budget:
        return Budget(parent=self._budget, past=usage_of(read_lines(self._path(share))))

    def _path(self, share: str) -> Path:
        folder = self._run.path if share == _OWN else self._run.trajectory(share)
        return folder / OWN_JOURNAL

    def _journal(self, share: str) -> Journal:
        return Journal(self._path(share))

    def _journals(self) -> Iterator[str]:
        """Shares that somebody has written to, and the run's own."""
        yield _OWN
        for path in sorted((self._run.path / "trajectories").glob("*/events.jsonl")):
            yield path.parent.name


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
    names = settings.model.names if "agent" in who_proposes(settings) else ()
    if "agent" in who_proposes(settings) and not names:
        raise SettingsError("agents need a model", hint="Name one with --model, or use --proposers repair.")
    with ExitStack() as stack:
        endpoints = {
            name: Endpoint(ReplayModel([], name=name), Price(input=0, output=0))
            if replay
            else stack.enter_context(open_model(_spec(settings, name), stop=stop))
            for name in dict.fromkeys(names)
        }
        yield Crew(settings, run, endpoints, elapsed_s=elapsed_s)


def _spec(settings: Settings, name: str) -> ModelSpec:
    model = settings.model
    return ModelSpec(
        name=name,
        base_url=model.base_url,
        api_key=model.api_key,
        timeout_s=model.timeout_s,
        retry=RetryPolicy(retries=model.retries),
        tool_protocol=model.tools,
        prices={
            known: Price(input=fresh, cached_input=cached, output=output)
            for known, (fresh, cached, output) in model.prices.items()
        },
    )


def _sampling(settings: Settings) -> Sampling:
    """What all calls share; temperature and seed are the assignment's."""
    model = settings.model
    return Sampling(
        temperature=model.temperature,
        max_output_tokens=model.max_output_tokens,
        reasoning_effort=model.reasoning_effort,
    )


def _tool_limits(settings: Settings) -> ToolLimits:
    agent = settings.agent
    return ToolLimits(
        command_s=agent.command_timeout_s, tests_s=agent.test_timeout_s, observation_bytes=agent.observation_bytes
    )


def _loop_limits(settings: Settings) -> LoopLimits:
    agent = settings.agent
    return LoopLimits(
        turns=agent.turns,
        iterations=agent.iterations,
        context_tokens=settings.model.context_tokens,
        refusals=agent.refusals,
        check_s=agent.check_timeout_s,
        tools=_tool_limits(settings),
    )

"""The money of one process: a budget for the run, a share of it for each journal, and models that pay from their share.

Trajectories pay from a part of the run's budget, so that something is left to choose between what they find.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent.budget import Budget, BudgetLimits
from agent.journal import Journal
from agent.models.journaled import usage_of
from agent.models.open import Endpoint, TrajectoryModel
from agent.values import Usage
from winnow.plan import who_proposes
from winnow.settings import Settings
from winnow.store import RunDir, read_lines

OWN = "run"
"""Share of the calls that belong to no trajectory; their journal lies in the run's folder."""
SELECTION = "selection"
"""Folder of the journals of the selection's shares, one for each kind of call or conversation."""
WRITER = f"{SELECTION}/writer-"
"""How the shares of agents that write tests begin."""
_EVENTS = "events.jsonl"


class Purse:
    """Shares of a run's budget, by name: `run`, `selection/NAME`, or a trajectory's id. Safe to use from several threads."""

    def __init__(self, settings: Settings, run: RunDir, endpoints: Mapping[str, Endpoint], *, elapsed_s: float) -> None:
        """Read what the run has spent so far; `elapsed_s` are the seconds that earlier processes took.

        Raises:
            PriceUnknown: there is a limit in USD, and a price that nobody knows.
        """
        limits = settings.budget
        allowed = BudgetLimits(usd=limits.usd, tokens=limits.tokens, calls=limits.calls, seconds=limits.seconds)
        for endpoint in endpoints.values():
            endpoint.require_price(allowed)
        self._run = run
        self._endpoints = endpoints
        self._budget = Budget(allowed, elapsed_s=elapsed_s)
        self._work = Budget(
            _work_limits(settings), parent=self._budget, elapsed_s=elapsed_s, label="trajectories' part of the budget"
        )
        self._writing = Budget(_writers_limits(settings), parent=self._budget, label="test writers' part of the budget")
        self._lock = threading.Lock()
        # All of them before the first call: what was spent must count before anything is spent.
        self._shares = {share: self._share(share) for share in self._journals()}
        self._opened: set[str] = set()

    def model(self, name: str, share: str, journal: Journal) -> TrajectoryModel:
        """Return a model for one conversation, around the journal of its share."""
        budget, again = self._opening(share)
        # A second opening in one process has paid for what the journal now holds, and says so only once.
        return self._endpoints[name].for_trajectory(budget, journal, recall=not again)

    @contextmanager
    def conversation(self, name: str, share: str) -> Iterator[tuple[TrajectoryModel, Journal]]:
        """Open a model for one conversation and its journal."""
        with self.journal(share) as journal:
            yield self.model(name, share, journal), journal

    @contextmanager
    def calls(self, name: str, share: str) -> Iterator[TrajectoryModel]:
        """Open a model for many questions at once."""
        with self.journal(share) as journal:
            budget, again = self._opening(share)
            yield self._endpoints[name].for_calls(budget, journal, recall=not again)

    def share(self, share: str) -> Budget:
        """Return what pays for a share, for calls whose answers are kept elsewhere."""
        with self._lock:
            if share not in self._shares:
                self._shares[share] = self._share(share)
            return self._shares[share]

    def journal(self, share: str) -> Journal:
        """Open the journal of a share."""
        return Journal(self.path(share))

    def path(self, share: str) -> Path:
        """Where the journal of a share lies."""
        if share.startswith(f"{SELECTION}/"):
            return self._run.path / f"{share}.jsonl"
        folder = self._run.path if share == OWN else self._run.trajectory(share)
        return folder / _EVENTS

    def _opening(self, share: str) -> tuple[Budget, bool]:
        """The budget of a share, and whether this process has opened it before."""
        budget = self.share(share)
        with self._lock:
            again = share in self._opened
            self._opened.add(share)
        return budget, again

    def _share(self, share: str) -> Budget:
        parent = self._budget if share.startswith(f"{SELECTION}/") else self._work
        if share.startswith(WRITER):
            parent = self._writing
        return Budget(parent=parent, past=usage_of(read_lines(self.path(share))))

    def _journals(self) -> Iterator[str]:
        """Shares that somebody has written to, and the run's own."""
        yield OWN
        for path in sorted((self._run.path / "trajectories").glob("*/events.jsonl")):
            yield path.parent.name
        for path in sorted((self._run.path / SELECTION).glob("*.jsonl")):
            yield f"{SELECTION}/{path.stem}"


def beside_trajectories(run: RunDir) -> Usage:
    """What a run spent on calls that belong to no trajectory: its own, and the selection's."""
    journals = [run.path / _EVENTS, *sorted((run.path / SELECTION).glob("*.jsonl"))]
    return sum((usage_of(read_lines(path)) for path in journals), Usage())


def _work_limits(settings: Settings) -> BudgetLimits:
    """What trajectories may spend: all of it where there is nothing to choose from afterwards, or nobody who would pay for it."""
    limits, chosen, run = settings.budget, settings.selection, settings.run
    tries = run.trajectories * run.rounds + len(who_proposes(settings)) - 1
    asks = chosen.judge or chosen.compare > 1 or chosen.distinguish or chosen.writers
    share = chosen.budget_share
    if tries < 2 or not asks or not share:
        return BudgetLimits()

    def whole(limit: int | None) -> int | None:
        return None if limit is None else limit - int(limit * share)

    def part(limit: float | None) -> float | None:
        return None if limit is None else limit * (1 - share)

    return BudgetLimits(
        usd=part(limits.usd), tokens=whole(limits.tokens), calls=whole(limits.calls), seconds=part(limits.seconds)
    )


def _writers_limits(settings: Settings) -> BudgetLimits:
    """What agents that write tests may spend: half of the selection's part, so that they do not starve whoever judges."""
    limits, part = settings.budget, settings.selection.budget_share / 2
    if not part:
        return BudgetLimits()
    return BudgetLimits(
        usd=None if limits.usd is None else limits.usd * part,
        tokens=None if limits.tokens is None else int(limits.tokens * part),
        calls=None if limits.calls is None else int(limits.calls * part),
    )

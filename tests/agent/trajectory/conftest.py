"""A small repository with a bug, and a scripted model that walks a try on it in a real sandbox."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.budget import Budget, BudgetLimits
from agent.journal import Journal
from agent.models.journaled import usage_of
from agent.models.open import Endpoint
from agent.models.scripted import Line, ScriptedModel, says
from agent.models.values import ChatRequest, Sampling, ToolCall
from agent.proposer import Seat
from agent.tools.values import ToolLimits
from agent.trajectory.proposer import AgentProposer
from agent.trajectory.values import Assignment, LoopLimits
from agent.values import Brief, Trajectory
from envs.snapshot import take_snapshot
from envs.suite import run_suite
from envs.values import Image, Issue, Outcome, Suite, Task
from envs.workspace import Workspace, open_workspace
from sandbox.choose import choose
from sandbox.values import SandboxSpec

FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": "def total(prices):\n    result = 0\n    for price in prices:\n        result -= price\n    return result\n\n\n"
    "def cheapest(prices):\n    return min(prices)\n",
    "tests/test_prices.py": "from shop.prices import cheapest, total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n\n\n"
    "def test_cheapest():\n    assert cheapest([2, 1]) == 1\n",
}
PROBE = "import sys\nfrom shop.prices import total\nprint('total is', total([1, 2]))\nsys.exit(0 if total([1, 2]) == 3 else 2)\n"


def call(name: str, **arguments: Any) -> ToolCall:
    """A tool call as a model writes it."""
    return ToolCall(
        id=f"{name}-{abs(hash(json.dumps(arguments, sort_keys=True))) % 10**6}",
        name=name,
        arguments=json.dumps(arguments),
    )


def replace(old: str, new: str, path: str = "shop/prices.py") -> ToolCall:
    return call("edit", edits=[{"path": path, "old": old, "new": new}])


FIX = replace("result -= price", "result += price")
BREAK = replace("return min(prices)", "return max(prices)")
SUBMIT = call("submit", summary="Prices are added.")


class Killed(BaseException):
    """As `kill -9` would end a try: nothing below handles it."""


@dataclass
class Stage:
    """Walks tries on the repository."""

    brief: Brief
    open_workspace: Callable[[], AbstractContextManager[Workspace]]
    folder: Path
    events: list[tuple[str, Any]] = field(default_factory=list)
    asked: list[ChatRequest] = field(default_factory=list)

    def walk(
        self,
        script: Sequence[Line] | Callable[[ChatRequest], Line],
        *,
        strategy: str = "react",
        kill_at: int | None = None,
        budget: BudgetLimits | None = None,
        **limits: Any,
    ) -> Trajectory:
        """One try; a second one goes on from the journal of the first."""
        events = iter(range(10**6))

        def report(kind: str, data: Any) -> None:
            self.events.append((kind, data))
            if next(events) == kill_at:
                raise Killed

        model = ScriptedModel(script)
        journal = Journal(self.folder / "events.jsonl")
        endpoint = Endpoint(model, None)
        shared = Budget(budget, past=usage_of(journal.past))
        proposer = AgentProposer(
            lambda _name, _seat, journal: endpoint.for_trajectory(shared, journal),
            limits=LoopLimits(tools=ToolLimits(command_s=20), **limits),
            sampling=Sampling(max_output_tokens=1000),
        )
        seat = Seat(
            id="r1t0",
            index=0,
            seed=0,
            brief=self.brief,
            journal=journal,
            open_workspace=self.open_workspace,
            report=report,
            assignment=Assignment(strategy=strategy, model="scripted"),  # type: ignore[arg-type]
        )
        with journal:
            try:
                return proposer.propose(seat)
            finally:
                self.asked = model.requests

    def told(self, turn: int) -> str:
        """What the model was told last before its answer of a turn, from 1: everything since its previous answer."""
        messages = self.asked[turn - 1].messages
        last = max((i for i, message in enumerate(messages) if message.role == "assistant"), default=-1)
        return "\n".join(message.content for message in messages[last + 1 :])


@pytest.fixture(scope="module")
def base(
    tmp_path_factory: pytest.TempPathFactory, confined: str
) -> tuple[Brief, Callable[[], AbstractContextManager[Workspace]]]:
    """The repository at its base, with its tests run."""
    place = tmp_path_factory.mktemp("shop")
    top = place / "repo"
    for path, text in FILES.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(top))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x")):
        subprocess.run([*git, *words], check=True)
    (place / "into").mkdir()
    snapshot = take_snapshot(top, place / "into")
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    image = Image(
        reference=None,
        python=sys.executable,
        workdir="/repo",
        env=env,
        readonly=(sys.prefix, sys.base_prefix),
        digest="0",
    )
    suite = Suite(kind="pytest", argv=(image.python, "-m", "pytest", "-p", "no:cacheprovider"))
    provider = choose(confined)

    def opened() -> AbstractContextManager[Workspace]:
        return open_workspace(provider, image, snapshot, limits=SandboxSpec(workdir="/repo"), run_id="t")

    with opened() as workspace:
        report = run_suite(workspace.box, suite)
    brief = Brief(
        task=Task(
            id="t",
            issue=Issue(title="total is negative", body="`total([1, 2])` gives -3.", source="text"),
            failing_tests=report.having(Outcome.FAILED),
        ),
        snapshot=snapshot,
        sandbox=confined,
        image=image,
        suite=suite,
        base_report=report,
        targets=report.having(Outcome.FAILED),
    )
    return brief, opened


@pytest.fixture
def stage(base: Any, tmp_path: Path) -> Stage:
    """Targets are known: the failing test is named."""
    return Stage(base[0], base[1], tmp_path)


@pytest.fixture
def blind(base: Any, tmp_path: Path) -> Stage:
    """No target is known: only the issue says what is wrong, and the suite passes without the test that would show it."""
    report = base[0].base_report
    passing = {test: outcome for test, outcome in report.outcomes.items() if outcome is Outcome.PASSED}
    task = base[0].task.model_copy(update={"failing_tests": ()})
    brief = base[0].model_copy(
        update={"task": task, "targets": (), "base_report": report.model_copy(update={"outcomes": passing})}
    )
    return Stage(brief, base[1], tmp_path)


__all__ = ["says"]

"""A writer of tests and a selection trajectory that were played on the example repository, replayed against the real thing.

Each file of `played/` holds the model's side alone; everything that it was told comes from running it.
"""

import json
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.probe import Probe, ProbeResult, run_probe
from agent.tools.values import ToolLimits
from agent.values import Brief, Candidate
from envs.patches import BaseTree, make_patch
from envs.snapshot import take_snapshot
from envs.values import Image, Issue, Patch, Suite, SuiteReport, Task
from envs.workspace import open_workspace
from sandbox.choose import choose
from sandbox.values import SandboxSpec
from selection.choose import choose as select
from selection.choose import replay
from selection.evidence import Evidence, Gate, Verdict, entry_of
from selection.policies import Preferences
from selection.values import Cluster
from tests.agent.models.server import Answer, ChatServer, completion
from winnow.crew import open_crew
from winnow.settings import Settings
from winnow.store import RunDir

ROOT = Path(__file__).parents[2]
LAST = "    return date(year, month, min(day.day, days_in_month(day.year, month)))\n"
CHANGES = {
    "a": "    return date(year, month, min(day.day, days_in_month(year, month)))\n",
    "b": f"    try:\n    {LAST}    except ValueError:\n        return last_day(year, month)\n",
    "c": "    leap = is_leap(day.year + count // 12)\n    length = 29 if month == 2 and leap else LENGTHS[month - 1]\n"
    "    return date(year, month, min(day.day, length))\n",
}
"""`a` is right, `b` hides the error, `c` counts the years wrongly."""


def played(name: str) -> list[Answer]:
    turns = json.loads((Path(__file__).parent / "played" / f"{name}.json").read_text())
    return [
        completion(turn["content"], *[(call["name"], json.dumps(call["arguments"])) for call in turn["tool_calls"]])
        for turn in turns
    ]


class Stage:
    """The example in a confined sandbox."""

    def __init__(self, place: Path, kind: str) -> None:
        text = (ROOT / "examples/recur/issue.md").read_text()
        title, _, body = text.partition("\n")
        image = Image(
            reference=None, python=sys.executable, workdir="/repo", readonly=(sys.prefix, sys.base_prefix), digest="0"
        )
        snapshot = take_snapshot(place / "recur", place / "into")
        self.kind, self.run = kind, RunDir(place / "run")
        self.brief = Brief(
            task=Task(id="recur", issue=Issue(title=title.lstrip("# "), body=body.strip(), source="text")),
            snapshot=snapshot,
            sandbox=kind,
            image=image,
            suite=Suite(kind="pytest", argv=(sys.executable, "-m", "pytest")),
            base_report=SuiteReport(status="unusable"),
            targets=(),
        )

    def open(self) -> Any:
        return open_workspace(
            choose(self.kind), self.brief.image, self.brief.snapshot, limits=SandboxSpec(workdir="/repo"), run_id="t"
        )

    def run_probe(self, patch: Patch, probe: Probe) -> ProbeResult:
        with self.open() as workspace:
            if not patch.is_empty:
                workspace.apply(patch)
            return run_probe(workspace, probe, self.brief, ToolLimits(command_s=20))

    def crew(self, url: str, **selection: Any) -> Any:
        model = {"names": ("played",), "base_url": url}
        settings = Settings.model_validate({"model": model, "run": {"trajectories": 3}, "selection": selection})
        return open_crew(settings, self.run, elapsed_s=0, stop=threading.Event())


@pytest.fixture
def stage(tmp_path: Path, git: Callable[..., str], confined: str) -> Stage:
    shutil.copytree(ROOT / "examples/recur", tmp_path / "recur")
    git(tmp_path, "init", "-q", str(tmp_path / "recur"))
    git(tmp_path / "recur", "add", "-A")
    git(tmp_path / "recur", "commit", "-qm", "recur")
    for name in ("into", "run"):
        (tmp_path / name).mkdir()
    return Stage(tmp_path, confined)


@pytest.fixture
def candidates(stage: Stage) -> dict[str, Candidate]:
    source = (ROOT / "examples/recur/recur/months.py").read_text()
    with BaseTree(stage.brief.snapshot) as base:
        return {
            name: Candidate(
                id=name,
                trajectory_id=f"t-{name}",
                proposer="p",
                patch=make_patch(base, {"recur/months.py": source.replace(LAST, change).encode()}),
            )
            for name, change in CHANGES.items()
        }


def test_a_played_writer_of_tests(stage: Stage, candidates: dict[str, Candidate]) -> None:
    answers = played("writer")
    with ChatServer(answers) as server, stage.crew(server.url) as crew:
        written = crew.writer(stage.brief, None, stage.open, lambda kind, data: None).write()
        assert len(server.seen) == len(answers)
    assert len(written) == 3
    right = [stage.run_probe(candidates["a"].patch, one.probe).verdict for one in written]
    wrong = [stage.run_probe(candidates["b"].patch, one.probe).verdict for one in written]
    assert (right, wrong) == (["fixed"] * 3, ["present"] * 3)


def test_a_played_selection_trajectory(stage: Stage, candidates: dict[str, Candidate]) -> None:
    """All three pass the gate and size prefers the wrong ones; the default policy opens the trajectory, and its log is enough."""
    evidence = Evidence(
        task_id="recur",
        entries=tuple(entry_of(candidate, position=at) for at, candidate in enumerate(candidates.values())),
        clusters=tuple(Cluster(leader=n, members=(n,), size=size) for n, size in {"b": 1, "c": 2, "a": 3}.items()),
        gates=tuple(Gate(leader=name, verdict=Verdict.PASS, regressions=()) for name in candidates),
    )
    answers = played("separator")
    with (
        ChatServer(answers) as server,
        BaseTree(stage.brief.snapshot) as base,
        stage.crew(server.url, distinguish=4) as crew,
        crew.separator(stage.brief, base, list(candidates.values()), stage.run_probe) as separator,
    ):
        selection, log = select(evidence, Preferences(), separator)
        assert len(server.seen) == len(answers)
    assert (selection.chosen, selection.decision and selection.decision.rule) == ("a", "selection trajectory")
    (asked,) = log.separations
    assert asked.finalists == ("b", "c", "a")
    assert {tuple(sorted(test.verdicts.items())) for test in asked.tests} == {
        (("a", "fixed"), ("b", "present"), ("c", "present"))
    }
    assert replay(log) == selection

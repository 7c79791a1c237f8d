"""A small repository in a real sandbox, and its toolbox."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.models.values import ToolCall
from agent.tools.toolbox import Toolbox, make_toolbox
from agent.tools.values import Observation, ToolLimits
from agent.values import Brief
from envs.snapshot import take_snapshot
from envs.suite import run_suite
from envs.values import Image, Suite, SuiteReport, Task
from envs.workspace import Workspace, open_workspace
from sandbox.choose import choose
from sandbox.values import SandboxSpec

FILES: dict[str, bytes] = {
    "pkg/__init__.py": b"",
    "pkg/core.py": (
        b"LIMIT = 3\n\n\nclass Box:\n    def size(self):\n        return 1\n\n    def name(self):\n        return 'box'\n\n\n"
        b"def size(box):\n    if box:\n        return box.size()\n    return 0\n"
    ),
    "tests/test_core.py": (
        b"from pkg.core import Box, size\n\n\ndef test_size():\n    assert size(Box()) == 2, 'wrong size'\n\n\n"
        b"def test_name():\n    assert Box().name() == 'box'\n\n\ndef test_none():\n    assert size(None) == 0\n"
    ),
    "docs/guide.md": b"# Guide\n\nThe size of a Box.\n",
    ".gitignore": b"build/\n*.log\n",
}


@dataclass
class Bench:
    """An open workspace with its tools."""

    workspace: Workspace
    tools: Toolbox
    brief: Brief

    def call(self, tool: str, **arguments: object) -> Observation:
        observation = self.tools.call(ToolCall(id="1", name=tool, arguments=json.dumps(arguments)))
        json.dumps(dict(observation.data))
        return observation

    def edit(self, *edits: Mapping[str, object], force: bool = False) -> Observation:
        return self.call("edit", edits=list(edits), force=force)

    def replace(self, path: str, old: str, new: str, **more: object) -> Observation:
        return self.edit({"path": path, "old": old, "new": new, **more})

    def read(self, path: str) -> bytes:
        return self.workspace.read(path)

    def diff(self) -> str:
        return self.workspace.diff().diff


Open = Callable[..., Bench]


@pytest.fixture
def open_bench(tmp_path: Path, needed: Callable[[str], None], image_name: str) -> Iterator[Open]:
    """Opens a bench: `open_bench(kind, files, limits=…, report=…)`."""
    with ExitStack() as stack:
        count = iter(range(100))

        def make(
            kind: str,
            files: Mapping[str, bytes] = FILES,
            *,
            limits: ToolLimits | None = None,
            report: bool = False,
            kind_of_suite: str = "pytest",
        ) -> Bench:
            needed(kind)
            place = tmp_path / str(next(count))
            top = place / "repo"
            for path, data in files.items():
                file = top / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(top))
            for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x")):
                subprocess.run([*git, *words], check=True)
            (place / "into").mkdir()
            snapshot = take_snapshot(top, place / "into")
            if kind == "docker":
                image = Image(reference=image_name, python="python3", workdir="/repo", digest="0")
            else:
                # Other plugins that happen to be installed cost a second each time and are not what is tested.
                image = Image(
                    reference=None,
                    python=sys.executable,
                    workdir="/repo",
                    env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
                    readonly=(sys.prefix, sys.base_prefix),
                    digest="0",
                )
            suite = Suite(kind="pytest", argv=(image.python, "-m", "pytest", "-p", "no:cacheprovider"))
            if kind_of_suite == "unittest":
                suite = Suite(kind="unittest", argv=(image.python, "-m", "unittest", "discover"))
            if kind_of_suite == "command":
                suite = Suite(kind="command", argv=("sh", "-c", "grep -q fixed pkg/core.py"))
            opening = open_workspace(choose(kind), image, snapshot, limits=SandboxSpec(workdir="/repo"), run_id="t")
            workspace = stack.enter_context(opening)
            base = run_suite(workspace.box, suite) if report else SuiteReport(status="ran")
            brief = Brief(
                task=Task(id="t"),
                snapshot=snapshot,
                sandbox=kind,
                image=image,
                suite=suite,
                base_report=base,
                targets=(),
            )
            return Bench(workspace, make_toolbox(workspace, brief, limits), brief)

        yield make


@pytest.fixture
def bench(open_bench: Open, confined: str) -> Bench:
    """The small repository in a confined sandbox."""
    return open_bench(confined)


@pytest.fixture(params=["confined", pytest.param("docker", marks=pytest.mark.docker)])
def any_bench(request: pytest.FixtureRequest, open_bench: Open) -> Bench:
    """The small repository in a confined sandbox, and in a container."""
    kind = request.getfixturevalue("confined") if request.param == "confined" else request.param
    return open_bench(kind)

"""A small project on disk and the engine run on it, as a sandbox would."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.repair.archive import engine_archive

Events = list[dict[str, Any]]


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine as it is shipped."""
    path = tmp_path_factory.mktemp("engine") / "engine.pyz"
    path.write_bytes(engine_archive())
    return path


@pytest.fixture
def project(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Writes files into a work tree and returns its path."""

    def write(files: Mapping[str, str]) -> Path:
        tree = tmp_path / "tree"
        for name, text in files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tree

    return write


@pytest.fixture
def run_engine(archive: Path, tmp_path: Path) -> Callable[..., Events]:
    """Runs the engine on a tree with fields of a request; returns its events."""

    def run(
        tree: Path, failing: list[str], *, python: str = sys.executable, timeout: float = 100, **fields: Any
    ) -> Events:
        request = tmp_path / "request.json"
        request.write_text(json.dumps({"workdir": str(tree), "failing": failing, **fields}))
        answer = subprocess.run(
            [python, str(archive), str(request)],
            cwd=tree,
            stdout=subprocess.PIPE,
            timeout=timeout,
            check=False,
            env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )
        return [json.loads(line) for line in answer.stdout.splitlines()]

    return run


def of_kind(events: Events, kind: str) -> Events:
    """Events of one kind, in order."""
    return [event for event in events if event["event"] == kind]


@pytest.fixture
def plausible() -> Callable[[Path, Events], list[str]]:
    """The edited files' texts, one for each plausible edit."""

    def texts(tree: Path, events: Events) -> list[str]:
        found = []
        for event in of_kind(events, "plausible"):
            text = (tree / event["path"]).read_bytes()
            edited = text[: event["start"]] + event["replacement"].encode() + text[event["end"] :]
            found.append(edited.decode())
        return found

    return texts

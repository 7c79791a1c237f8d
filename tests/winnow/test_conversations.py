"""Conversations that were played on the example repository, by people who took the model's place: replayed against the real thing.

Each file holds the model's side alone, word by word; everything that it was told comes from running it.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agent.models.server import ChatServer, completion

ROOT = Path(__file__).parents[2]
PLAYED = sorted((Path(__file__).parent / "conversations").glob("*.json"))


@pytest.fixture
def recur(tmp_path: Path, git: Callable[..., str]) -> Path:
    """The example, as a repository."""
    repository = tmp_path / "recur"
    shutil.copytree(ROOT / "examples/recur", repository)
    git(repository.parent, "init", "-q", "-b", "main", str(repository))
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "recur")
    return repository


@pytest.mark.parametrize("played", PLAYED, ids=lambda path: path.stem)
def test_a_played_conversation(played: Path, winnow: Callable[..., subprocess.CompletedProcess[str]], recur: Path):
    turns = json.loads(played.read_text())
    answers = [
        completion(turn["content"], *[(call["name"], json.dumps(call["arguments"])) for call in turn["tool_calls"]])
        for turn in turns
    ]
    with ChatServer(answers) as server:
        env = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": server.url}
        strategy = played.stem.rpartition("-")[2]
        done = winnow(
            "fix", "-C", recur, "-i", recur / "issue.md", "-m", "played", "--strategy", strategy, "--json", env=env
        )
        result: dict[str, Any] = json.loads(done.stdout)
        assert len(server.seen) == len(turns), [seen.body["messages"][-1] for seen in server.seen][-1]
    assert result["status"] == "plausible"
    assert "+    return date(year, month, min(day.day, days_in_month(year, month)))" in result["patch"]
    assert len(result["targets"]) == 2
    again = json.loads(winnow("replay", result["run_id"], "--json").stdout)
    assert again["same"] is True

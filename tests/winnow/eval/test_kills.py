"""A batch that is killed again and again comes to the same report, and pays for nothing twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.agent.models.server import ChatServer
from tests.winnow.eval.kit import robot
from winnow.eval.report.write import make_report

ROOT = Path(__file__).parents[3]
WORKERS = 2
SECTIONS = {"eval": {"workers": WORKERS, "grade": "all"}, "run": {"trajectories": 1, "workers": 1}}


def start(folder: Path, dataset: Path, kind: str, url: str, tasks: int) -> subprocess.Popen[str]:
    folder.mkdir(parents=True, exist_ok=True)
    asked = {
        "folder": str(folder),
        "dataset": str(dataset),
        "kind": kind,
        "url": url,
        "tasks": tasks,
        "sections": SECTIONS,
    }
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from tests.winnow.eval.drive import main; main(sys.argv[1])",
            json.dumps(asked),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said


def timeless(value: Any) -> Any:
    """A report without what cannot be the same twice."""
    if isinstance(value, dict):
        gone = ("seconds", "seconds_median", "source", "name")
        return {key: timeless(inner) for key, inner in value.items() if key not in gone}
    return [timeless(inner) for inner in value] if isinstance(value, list) else value


def outcome(folder: Path) -> tuple[Any, Any]:
    report = make_report([folder / "batch"]).model_dump(mode="json")
    return timeless(report), (folder / "batch/preds.jsonl").read_text()


def kill_again_and_again(process_of: Any, server: ChatServer, kills: int, dice: random.Random) -> int:
    """Kill a batch's processes at random moments, at most so often; returns how often, once the batch has ended."""
    done = 0
    while done < kills:
        process = process_of()
        until, deadline = len(server.seen) + dice.choice((0, 1, 1, 2)), time.monotonic() + 60
        while len(server.seen) < until and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 0.4))
        if process.poll() is not None:
            finish(process)
            return done
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        done += 1
    finish(process_of())
    return done


def disturb(tmp_path: Path, dataset: Any, kind: str, *, kills: int, tasks: int) -> None:
    dice = random.Random(5)
    with ChatServer(robot) as server:
        finish(start(tmp_path / "calm", dataset[0], kind, server.url, tasks))
        expected = outcome(tmp_path / "calm")
        calls = len(server.seen)
    done = 0
    while done < kills:
        folder = tmp_path / f"killed-{done}"
        with ChatServer(robot, latency_s=0.1) as server:
            url = server.url

            def process_of(folder: Path = folder, url: str = url) -> subprocess.Popen[str]:
                return start(folder, dataset[0], kind, url, tasks)

            killed = kill_again_and_again(process_of, server, kills - done, dice)
            asked = Counter(json.dumps(seen.body["messages"]) for seen in server.seen)
        assert killed, "it ended before it was killed"
        done += killed
        assert outcome(folder)[1] == expected[1]
        assert outcome(folder)[0] == expected[0]
        assert len(asked) == calls
        # A call that was under way when everything died was never written down; every other one is paid once.
        assert asked.total() - len(asked) <= WORKERS * killed
        assert len((folder / "batch/results.jsonl").read_text().splitlines()) == tasks


@pytest.mark.timeout(280)
def test_a_killed_batch_ends_like_an_undisturbed_one(tmp_path: Path, dataset: Any, confined: str) -> None:
    disturb(tmp_path, dataset, confined, kills=2, tasks=2)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_kills(tmp_path: Path, dataset: Any, confined: str) -> None:
    disturb(tmp_path, dataset, confined, kills=10, tasks=4)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_in_good_order_and_the_same_command_goes_on(
    tmp_path: Path, dataset: Any, confined: str, number: signal.Signals
) -> None:
    with ChatServer(robot, latency_s=0.5) as server:
        process = start(tmp_path, dataset[0], confined, server.url, 1)
        while len(server.seen) < 2 and process.poll() is None:
            time.sleep(0.02)
        asked_at = time.monotonic()
        os.killpg(process.pid, number)  # as a terminal sends it: to all of the group
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1 and "Interrupted: the batch was interrupted" in said, said
        assert time.monotonic() - asked_at < 20
        states = {json.loads(path.read_text())["state"] for path in (tmp_path / "batch/runs").glob("*/status.json")}
        assert states == {"interrupted"}
        finish(start(tmp_path, dataset[0], confined, server.url, 1))
        asked = Counter(json.dumps(seen.body["messages"]) for seen in server.seen)
    assert len(asked) == 3 and asked.total() <= 4

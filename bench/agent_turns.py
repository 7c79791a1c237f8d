"""What the loop around a model costs: time per turn, growth with the history, many trajectories at once, memory, disk.

    PYTHONPATH=. python bench/agent_turns.py --image NAME [--turns 200] [--many 8,64] [--peer PYTHON]

A scripted endpoint in a process of its own answers every call with one shell command; the whole `winnow fix` runs against it,
in Docker sandboxes of an image that has Python and git. The cost of a turn is the time from a reply to the next request.
`--peer` is an interpreter that has mini-swe-agent (pip install mini-swe-agent==2.4.6 mcp): it walks the same turns in the same run.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PEER = """
import sys, yaml, minisweagent
from pathlib import Path
from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.docker import DockerEnvironment
from minisweagent.models.litellm_model import LitellmModel
config = yaml.safe_load((Path(minisweagent.__file__).parent / "config" / "mini.yaml").read_text())
options = {"api_base": sys.argv[1], "api_key": "none"}
model = LitellmModel(**{**config["model"], "model_name": "openai/bench", "cost_tracking": "ignore_errors", "model_kwargs": options})
settings = {k: v for k, v in config["agent"].items() if k not in ("mode", "confirm_exit", "whitelist_actions")}
settings.update(step_limit=0, cost_limit=0, output_path=sys.argv[3])
DefaultAgent(model, DockerEnvironment(image=sys.argv[2]), **settings).run("Say hi.")
"""


class Walk(NamedTuple):
    """One run against the endpoint."""

    calls: list[tuple[int, float, float, int, int]]
    """(turn, came, answered, bytes of the request, seed of the conversation), in order of arrival."""
    seconds: float
    started: float
    """Seconds from process start to the first call."""
    peak_mb: float
    """Resident memory of the process and its children at its highest, containers left out."""


def walk(
    command: Sequence[str], url_at: str, *, turns: int, latency: float, env: dict[str, str], peer: bool = False
) -> Walk:
    """Run a command against a fresh endpoint; `url_at` in it is replaced by the endpoint's address."""
    words = [sys.executable, str(ROOT / "bench/endpoint.py"), "--turns", str(turns), "--latency", str(latency)]
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*words, *(["--peer"] if peer else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=path
    ) as endpoint:
        assert endpoint.stdin and endpoint.stdout
        url = endpoint.stdout.readline().strip()
        began = time.perf_counter()
        argv = [word.replace(url_at, url) for word in command]
        with tempfile.TemporaryFile() as log, subprocess.Popen(argv, env=env, stdout=log, stderr=log) as process:
            peak = _watch(process)
            code = process.wait()
            if code not in (0, 10):
                log.seek(0)
                raise SystemExit(f"{argv[0]} ended with {code}: {log.read()[-2000:].decode()}")
        seconds = time.perf_counter() - began
        endpoint.stdin.close()
        calls = [tuple(call) for call in json.loads(endpoint.stdout.readline())]
    return Walk(calls, seconds, calls[0][1] - began, peak[0])


def _watch(process: subprocess.Popen[bytes]) -> list[float]:
    """Keep the highest resident memory of a process and its children, in MB."""
    peak = [0.0]

    def look() -> None:
        while process.poll() is None:
            peak[0] = max(peak[0], sum(_resident(pid) for pid in _family(process.pid)))
            time.sleep(0.25)

    threading.Thread(target=look, daemon=True).start()
    return peak


def _family(pid: int) -> list[int]:
    found, queue = [], [pid]
    while queue:
        one = queue.pop()
        found.append(one)
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                queue += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6
    except (OSError, IndexError):
        return 0.0


def turn_costs(calls: Sequence[tuple[int, float, float, int, int]]) -> dict[int, float]:
    """Milliseconds from each reply to the next request, by turn, of a single conversation."""
    ordered = sorted(calls)
    return {after[0]: (after[1] - before[2]) * 1e3 for before, after in itertools.pairwise(ordered)}


def show(name: str, costs: dict[int, float], turns: int) -> float:
    """Print a row; return the median over all turns but the first."""
    early = statistics.median(value for turn, value in costs.items() if 2 <= turn <= 50)
    late = statistics.median(value for turn, value in costs.items() if turn > turns - 50)
    print(f"| {name} | {min(costs.values()):.1f} | **{early:.1f}** | {late:.1f} | x {late / early:.2f} |")
    return early


def make_repository(folder: Path) -> Path:
    """A repository with one module and one test that passes."""
    repository = folder / "repo"
    repository.mkdir()
    (repository / "demo.py").write_text("X = 1\n")
    test = "import unittest, demo\n\n\nclass T(unittest.TestCase):\n    def test_x(self):\n        assert demo.X\n"
    (repository / "test_demo.py").write_text(test)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(repository))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        subprocess.run([*git, *words], check=True)
    return repository


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", required=True)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--many", default="8,64")
    parser.add_argument("--peer", help="interpreter that has mini-swe-agent")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository = make_repository(folder)
        env = {**os.environ, "HOME": str(folder), "OPENAI_API_KEY": "none", "PYTHONPATH": str(ROOT)}
        fix = [
            str(Path(sys.executable).with_name("winnow")),
            "fix",
            "-C",
            str(repository),
            "-i",
            "Say hi.",
            "-m",
            "bench",
            "-q",
        ]
        fix += [
            "--base-url",
            "URL",
            "--strategy",
            "react",
            "--base-image",
            options.image,
            "--sandbox",
            "docker",
        ]
        turns = options.turns
        peer_env = {**env, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "MSWEA_SILENT_STARTUP": "1"}
        print(
            "| one trajectory, no latency | ms per turn: least | turns 2-50, median | last 50 | growth |\n|---|--:|--:|--:|--:|"
        )
        for _ in range(options.repeat):
            one = walk([*fix, "--turns", str(turns + 5)], "URL", turns=turns, latency=0, env=env)
            ours = show("winnow", turn_costs(one.calls), turns)
            if options.peer:
                script = [options.peer, "-c", PEER, "URL", options.image, str(folder / "peer.json")]
                theirs = show(
                    "mini-swe-agent",
                    turn_costs(walk(script, "URL", turns=turns, latency=0, env=peer_env, peer=True).calls),
                    turns,
                )
                print(f"| ratio | | {theirs / ours:.1f} | | |")
        print(
            f"\nlast request: {one.calls[-1][3]:,} bytes; start to first call {one.started:.2f} s; peak {one.peak_mb:.0f} MB"
        )
        print(disk(folder))
        many(fix, env, [int(count) for count in options.many.split(",")])


def disk(folder: Path) -> str:
    """What the trajectories of the last run left."""
    journals = sorted(folder.rglob("trajectories/*/events.jsonl"))
    size = journals[-1].stat().st_size
    lines = len(journals[-1].read_bytes().splitlines())
    return f"journal of one trajectory: {size:,} bytes in {lines} events"


def many(fix: Sequence[str], env: dict[str, str], counts: Sequence[int]) -> None:
    """Trajectories side by side, 20 turns each, one second of latency.

    A conversation's own time is from its first call to its last reply: the opening of its sandbox, and the wait behind the first call
    of all, which goes alone, come before. The whole is from the first call of all to the last reply of all.
    """
    print(
        "\n| trajectories | conversation, median s | over | slowest | over | whole, s | over | last first call, s | "
        "start to first call, s | peak MB |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    before = None
    for count in counts:
        words = [*fix, "--turns", "25", "-n", str(count), "-w", str(count)]
        found = walk(words, "URL", turns=19, latency=1.0, env={**env, "WINNOW_AGENT_HYPOTHESES": "false"})
        began = min(call[1] for call in found.calls)
        spent = max(call[2] for call in found.calls) - began
        talks: dict[int, list[tuple[float, float]]] = {}
        for _, came, answered, _, seed in found.calls:
            talks.setdefault(seed, []).append((came, answered))
        own = sorted(max(c[1] for c in talk) - min(c[0] for c in talk) for talk in talks.values())
        median, slowest = statistics.median(own), own[-1]
        last = max(min(c[0] for c in talk) for talk in talks.values()) - began
        cells = [f"{value:.1f} | {value / 20 - 1:+.0%}" for value in (median, slowest, spent)]
        print(f"| {count} | {' | '.join(cells)} | {last:.1f} | {found.started:.1f} | {found.peak_mb:.0f} |")
        if before:
            more = (found.peak_mb - before[1]) / (count - before[0])
            print(f"| per further trajectory | | | | | | | | | {more:.1f} |")
        before = (count, found.peak_mb)


if __name__ == "__main__":
    main()

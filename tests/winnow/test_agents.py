"""`winnow fix --model`: the whole run, against a real HTTP endpoint that plays the model."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.models.reuse import measure
from tests.agent.models.server import Answer, ChatServer, Seen, completion, fault

Winnow = Callable[..., subprocess.CompletedProcess[str]]
KEY = "sk-very-secret-0123456789"
ISSUE = "total() is negative\n\n`total([1, 2, 3])` gives -6 instead of 6."


def arguments(**values: Any) -> str:
    return json.dumps(values)


def edit(old: str, new: str) -> tuple[str, str]:
    return "edit", arguments(edits=[{"path": "shop/prices.py", "old": old, "new": new}])


FIX = edit("result -= discount", "result += discount")


def robot(seen: Seen) -> Answer:
    """A model that looks, mends and submits, by how far its conversation has come; it needs no memory of its own."""
    body = seen.body
    said = sum(message["role"] == "assistant" for message in body["messages"])
    text = json.dumps(body["messages"])
    tools = {tool["function"]["name"] for tool in body.get("tools", [])}
    if not tools:
        return completion(json.dumps([{"cause": "the sign is wrong", "files": ["shop/prices.py"]}]))
    if said == 0 and "accept_probe" in tools:
        probe = "import sys\nfrom shop.prices import total\nsys.exit(0 if total([1, 2]) == 3 else 2)\n"
        return completion("", ("write_probe", arguments(content=probe)), ("accept_probe", arguments(reason="negative")))
    if said == 0 and "locate" in tools:
        return completion("", ("locate", arguments(places=[{"path": "shop/prices.py", "symbols": ["total"]}])))
    if "result += discount" in text and said >= 1:
        return completion("", ("submit", arguments(summary="Prices are added up.")))
    if said == 0 and "shell" in tools:
        return completion("I look first.", ("shell", arguments(command="cat shop/prices.py")))
    return completion("", FIX)


@pytest.fixture
def endpoint() -> Iterator[ChatServer]:
    """The robot's endpoint."""
    with ChatServer(robot) as server:
        yield server


@pytest.fixture
def ask(winnow: Winnow, shop: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`winnow fix` on the shop with a model, as JSON."""

    def run(server: ChatServer, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
        env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url, **options.pop("env", {})}
        return winnow("fix", "-C", shop, "-i", ISSUE, "-m", "robot", "--json", *argv, env=env, **options)

    return run


def value(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def test_a_model_repairs_the_bug(ask: Any, endpoint: ChatServer, shop: Path, digest: Any):
    before = digest(shop)
    result = value(ask(endpoint))
    assert result["status"] == "plausible", result
    assert "+        result += discount(price, percent)" in result["patch"]
    assert result["summary"] == "Prices are added up."
    assert result["usage"]["calls"] == len(endpoint.seen) == 3
    assert result["usage"]["input_tokens"] == 300 and result["usage"]["cached_tokens"] == 120
    assert result["usage"]["usd"] is None, "the price of this model is unknown, and unknown is not zero"
    assert digest(shop) == before


def test_the_key_goes_to_the_endpoint_and_nowhere_else(ask: Any, endpoint: ChatServer):
    result = value(ask(endpoint, "-n", "2"))
    assert all(seen.headers["authorization"] == f"Bearer {KEY}" for seen in endpoint.seen)
    assert all(KEY.encode() not in seen.raw for seen in endpoint.seen)
    held = [path for path in Path(result["run_dir"]).rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert not held


def test_strategies_models_and_the_repairer_share_a_pool(ask: Any, endpoint: ChatServer):
    done = ask(
        endpoint,
        "-n",
        "4",
        "-m",
        "other",
        "--strategy",
        "react,iterate,single",
        "--proposers",
        "agent,repair",
        "-w",
        "3",
    )
    result = value(done)
    assert result["status"] == "plausible"
    assert result["contest"]["trajectories"] == 5
    run = Path(result["run_dir"])
    seats = json.loads((run / "round-1.json").read_text())["seats"]
    assert [seat["assignment"] and seat["assignment"]["strategy"] for seat in seats] == [
        "react",
        "iterate",
        "single",
        "react",
        None,
    ]
    assert {seat["assignment"]["model"] for seat in seats[:4]} == {"robot", "other"}
    assert [bool(seat["assignment"]["hypothesis"]) for seat in seats[:4]] == [False, True, True, False]
    assert seats[0]["assignment"]["temperature"] == 0.0
    assert result["contest"]["distinct"] >= 1


def test_a_replay_needs_no_model_and_comes_to_the_same(ask: Any, winnow: Winnow, endpoint: ChatServer):
    result = value(ask(endpoint, "-n", "3"))
    calls = len(endpoint.seen)
    again = value(winnow("replay", result["run_id"], "--json", env={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}))
    assert again["same"] is True and again["exit_code"] == 0, again
    assert again["result"]["patch"] == result["patch"]
    assert len(endpoint.seen) == calls


def test_killed_runs_pay_for_no_reply_twice(winnow: Winnow, shop: Path, environments: Path, confined: str):
    with ChatServer(robot, latency_s=0.3) as server:
        env = {
            **os.environ,
            "WINNOW_RUN_CACHE_DIR": str(environments),
            "WINNOW_SANDBOX_KIND": confined,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": server.url,
        }
        command = [
            str(Path(sys.executable).with_name("winnow")),
            "fix",
            "-C",
            str(shop),
            "-i",
            ISSUE,
            "-m",
            "robot",
            "-n",
            "2",
        ]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 120
        while len(server.seen) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        result = value(winnow("resume", "last", "--json", env={"OPENAI_API_KEY": KEY}))
        assert result["status"] == "plausible"
        paid = [json.dumps(seen.body["messages"]) for seen in server.seen]
        # A call that was under way when the process died was never journaled and has to be asked again.
        assert len(paid) - len(set(paid)) <= 2


def test_an_endpoint_that_is_not_there_and_comes_back(ask: Any, winnow: Winnow, endpoint: ChatServer):
    gone = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "WINNOW_MODEL_RETRIES": "0"}
    done = ask(endpoint, env=gone)
    assert done.returncode == 50, done.stdout
    assert "resume" in value(done)["error"]["hint"]


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [(401, "Incorrect API key provided", 51), (404, "The model `robot` does not exist", 52)],
)
def test_what_the_endpoint_refuses_is_said(ask: Any, status: int, message: str, code: int):
    with ChatServer(lambda _seen: fault(status, message)) as server:
        done = ask(server)
    assert done.returncode == code, done.stdout
    assert KEY not in done.stdout + done.stderr


def test_budgets(ask: Any, endpoint: ChatServer):
    done = ask(endpoint, "--max-calls", "0")
    assert done.returncode == 53 and not endpoint.seen
    done = ask(endpoint, "--max-usd", "1")
    assert done.returncode == 53 and "price" in value(done)["error"]["message"] and not endpoint.seen
    result = value(ask(endpoint, "--max-usd", "1", "--price", "robot=1/0.1/2"))
    assert result["status"] == "plausible"
    assert result["usage"]["usd"] == pytest.approx(3 * (60 * 1 + 40 * 0.1 + 20 * 2) / 1e6)


def test_agents_without_a_model(winnow: Winnow, shop: Path):
    done = winnow("fix", "-C", shop, "-i", ISSUE, "--proposers", "agent")
    assert done.returncode == 2 and "--model" in done.stderr


def test_rounds_learn_from_earlier_ones(ask: Any):
    """Nothing gets through in the first round; the second is told what was tried, and one try is told nothing of it."""

    def stubborn(seen: Seen) -> Answer:
        said = sum(message["role"] == "assistant" for message in seen.body["messages"])
        if not seen.body.get("tools"):
            return completion("none")
        if said == 0:
            return completion("", edit("result -= discount", "result *= discount"))
        return completion("", ("submit", arguments(summary="multiplied", waiver="it is what it is")))

    with ChatServer(stubborn) as server:
        done = ask(server, "-n", "2", "--rounds", "2", "--strategy", "react", "-t", "tests/test_prices.py::test_total")
    result = value(done)
    assert result["status"] == "nothing_plausible"
    seats = json.loads((Path(result["run_dir"]) / "round-2.json").read_text())["seats"]
    assert seats[0]["assignment"]["earlier"] == ["multiplied"] and not seats[0]["assignment"]["parents"]
    assert "result *= discount" in seats[1]["assignment"]["parents"][0]["diff"]
    assert "test_total" in seats[1]["assignment"]["parents"][0]["evidence"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_does_not_wait_for_the_model(
    winnow: Winnow, shop: Path, environments: Path, confined: str, number: signal.Signals
):
    with ChatServer(lambda seen: Answer(robot(seen).body, delay_s=60)) as server:
        env = {
            **os.environ,
            "WINNOW_RUN_CACHE_DIR": str(environments),
            "WINNOW_SANDBOX_KIND": confined,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": server.url,
        }
        command = [str(Path(sys.executable).with_name("winnow")), "fix", "-C", str(shop), "-i", ISSUE, "-m", "robot"]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while not server.seen and time.monotonic() < deadline:
            time.sleep(0.02)
        asked = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "winnow resume" in said
        assert time.monotonic() - asked < 10


def test_nothing_that_was_sent_is_changed_afterwards(ask: Any):
    """All that a request can repeat of an earlier one it repeats to the letter, so that providers' caches hit."""

    def chatty(seen: Seen) -> Answer:
        said = sum(message["role"] == "assistant" for message in seen.body["messages"])
        if said < 30 and "shell" in {tool["function"]["name"] for tool in seen.body.get("tools", ())} and said != 1:
            return completion("", ("shell", arguments(command=f"sed -n '{said}p' shop/prices.py")))
        return robot(seen)

    with ChatServer(chatty) as server:
        value(ask(server, "-n", "6", "-w", "1", "--strategy", "react,iterate,single", "--turns", "50"))
        bodies = [seen.body for seen in server.seen if seen.body.get("tools")]
    found = measure(bodies)
    assert found.lost == 0 and found.repeated >= found.could > 0
    assert found.share >= 0.95, "in long conversations; in short ones the first look at the code is a larger part"
    second = measure([body for body in bodies if body["seed"] in (0, 3)])
    assert second.first_repeated / second.first_total >= 0.95, "two that walk alike begin alike"

"""A rate limit is one for all: a real server that takes few calls at once, or few in a second, and many trajectories."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.budget import Budget
from agent.journal import Journal
from agent.models.errors import ModelUnavailable
from agent.models.gate import Gate
from agent.models.open import Endpoint, ModelSpec, open_model
from agent.models.prices import FREE
from agent.models.retrying import RetryPolicy
from agent.models.scripted import ScriptedModel, says
from agent.models.values import ChatRequest
from tests.agent.models.server import Answer, ChatServer, Seen, completion, fault

ASKED = ChatRequest(messages=())
SLOW = fault(429, "slow down", headers={"Retry-After": "0.5"})


def test_64_trajectories_do_not_hammer() -> None:
    """At most 20 calls in each fifth of a second; what comes beyond is refused for as long."""
    window: list[float] = []
    refused: list[float] = []
    lock = threading.Lock()

    def answer(seen: Seen) -> Answer:
        now = time.monotonic()
        with lock:
            window[:] = [moment for moment in window if moment > now - 0.2]
            if len(window) >= 20:
                refused.append(now)
                return fault(429, "slow down", headers={"retry-after-ms": "200"})
            window.append(now)
        return completion("ok")

    with ChatServer(answer, latency_s=0.05, keep=False) as server:
        spec = ModelSpec(name="m", base_url=server.url, retry=RetryPolicy(retries=20))
        with open_model(spec) as endpoint, ThreadPoolExecutor(64) as pool:
            models = [endpoint.for_trajectory(Budget()) for _ in range(64)]
            replies = list(pool.map(lambda model: [model.complete(ASKED).message.content for _ in range(3)], models))
    assert replies == [["ok"] * 3] * 64
    # 44 of the first 64 cannot know better. Each by itself, they come back together: more than 400 refusals.
    assert len(refused) < 250


def test_one_who_is_told_to_wait_holds_the_others() -> None:
    arrived: list[float] = []

    def answer(seen: Seen) -> Answer:
        arrived.append(time.monotonic())
        return SLOW if len(arrived) == 1 else completion("ok")

    with (
        ChatServer(answer) as server,
        open_model(ModelSpec(name="m", base_url=server.url)) as endpoint,
        ThreadPoolExecutor(2) as pool,
    ):
        first = pool.submit(endpoint.for_trajectory(Budget()).complete, ASKED)
        while not arrived:
            time.sleep(0.01)
        time.sleep(0.1)
        endpoint.for_trajectory(Budget()).complete(ASKED)
        first.result()
    assert arrived[1] - arrived[0] >= 0.5, "the second never saw a refusal, and waited all the same"


def test_the_gate_narrows_once_and_widens_with_each_answer() -> None:
    now = [0.0]
    gate = Gate(clock=lambda: now[0], chance=lambda: 0.0)
    never, asked = threading.Event(), threading.Event()
    eight = [gate.passed(never) for _ in range(8)]
    for place in eight:
        place.__enter__()
    for _ in range(8):
        gate.limited(5.0)
    for place in eight:
        place.__exit__(None, None, None)
    now[0] = 5.0
    four = [gate.passed(never) for _ in range(4)]
    for place in four:
        place.__enter__()
    fifth = threading.Thread(target=gate.passed(never).__enter__, daemon=True)
    fifth.start()
    fifth.join(0.3)
    assert fifth.is_alive(), "four may be under way"
    for _ in range(5):
        gate.answered()
    fifth.join(5)
    assert not fifth.is_alive(), "one more after each round of answers"
    asked.set()
    with gate.passed(asked):
        pass  # who wants to stop does not wait


def test_who_gives_up_is_not_waited_for() -> None:
    model = ScriptedModel([ModelUnavailable("slow", limited=True, retry_after_s=0.2), says("ok")])
    endpoint = Endpoint(model, FREE, retry=RetryPolicy(retries=0))
    with pytest.raises(ModelUnavailable):
        endpoint.for_trajectory(Budget()).complete(ASKED)
    began = time.monotonic()
    assert endpoint.for_trajectory(Budget()).complete(ASKED).message.content == "ok"
    assert time.monotonic() - began >= 0.2


def test_questions_of_a_judge_wait_with_everybody(tmp_path: Path) -> None:
    model = ScriptedModel([ModelUnavailable("slow", limited=True, retry_after_s=0.2), says("ok")])
    endpoint = Endpoint(model, FREE, retry=RetryPolicy(retries=0))
    with pytest.raises(ModelUnavailable):
        endpoint.for_trajectory(Budget()).complete(ASKED)
    began = time.monotonic()
    with Journal(tmp_path / "calls.jsonl") as journal:
        endpoint.for_calls(Budget(), journal).complete(ASKED)
    assert time.monotonic() - began >= 0.2

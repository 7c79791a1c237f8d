"""Repetitions: how long they wait, what they cost."""

from pathlib import Path

import pytest

from agent.budget import Budget, BudgetLimits
from agent.journal import Journal
from agent.models.errors import BudgetExhausted, ModelRejected, ModelUnavailable
from agent.models.journaled import usage_of
from agent.models.open import Endpoint
from agent.models.prices import FREE
from agent.models.retrying import RetryingModel, RetryPolicy
from agent.models.scripted import ScriptedModel, says
from agent.models.values import ChatRequest
from agent.values import Usage

ASKED = ChatRequest(messages=())


def test_pauses_grow_to_a_bound_and_are_shortened_at_random() -> None:
    def waits(chance: float) -> list[float]:
        found: list[float] = []
        script = ScriptedModel([*(ModelUnavailable("busy") for _ in range(6)), says("ok")])
        policy = RetryPolicy(first_wait_s=1, longest_wait_s=10)
        RetryingModel(script, policy, sleep=found.append, chance=lambda: chance).complete(ASKED)
        return found

    assert waits(0.0) == [1, 2, 4, 8, 10, 10]
    assert waits(1.0) == [0.5, 1, 2, 4, 5, 5]


def test_all_tries_are_added_up() -> None:
    lost = ModelUnavailable("cut", usage=Usage(calls=1, input_tokens=50, usd=0.5))
    script = ScriptedModel([lost, says("ok", usage=Usage(calls=1, input_tokens=40, usd=0.4))])
    usage = RetryingModel(script, sleep=lambda s: None).complete(ASKED).usage
    assert (usage.calls, usage.input_tokens, usage.usd) == (2, 90, pytest.approx(0.9))
    script = ScriptedModel([lost, ModelRejected("no", usage=Usage(calls=1, usd=0.1))])
    with pytest.raises(ModelRejected) as caught:
        RetryingModel(script, sleep=lambda s: None).complete(ASKED)
    assert caught.value.usage is not None
    assert (caught.value.usage.calls, caught.value.usage.usd) == (2, pytest.approx(0.6))


def test_no_try_starts_after_the_time_is_up() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    script = ScriptedModel(lambda request: ModelUnavailable("busy"))
    policy = RetryPolicy(retries=1000, total_s=100, first_wait_s=30, longest_wait_s=30)
    with pytest.raises(ModelUnavailable, match="tried 4 times"):
        RetryingModel(script, policy, sleep=sleep, clock=lambda: now[0], chance=lambda: 0.0).complete(ASKED)
    assert now[0] == 90


def test_a_budget_that_ends_between_two_tries_keeps_the_bill(tmp_path: Path) -> None:
    """The first try may have been billed; a resumed run must know it."""
    lost = ModelUnavailable("cut", maybe_billed=True)
    budget = Budget(BudgetLimits(calls=1))
    with Journal(tmp_path / "events.jsonl") as journal:
        model = Endpoint(ScriptedModel([lost]), FREE, sleep=lambda s: None).for_trajectory(budget, journal)
        with pytest.raises(BudgetExhausted):
            model.complete(ASKED)
    with Journal(tmp_path / "events.jsonl") as journal:
        assert usage_of(journal.past) == budget.spent
        assert budget.spent.output_tokens == ASKED.sampling.max_output_tokens

"""Calls that do not depend on each other: paid once, whatever their order, and however many threads ask."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.budget import Budget, BudgetLimits
from agent.journal import Journal
from agent.models.errors import ModelUnavailable, Refused
from agent.models.journaled import usage_of
from agent.models.open import Endpoint
from agent.models.prices import Price
from agent.models.retrying import RetryPolicy
from agent.models.scripted import Line, ScriptedModel, says
from agent.models.unordered import UnorderedModel
from agent.models.values import ChatRequest, Message, Sampling
from agent.values import Usage


def asked(text: str) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content=text),), sampling=Sampling(max_output_tokens=10))


def echo(request: ChatRequest) -> Line:
    return says(f"on {request.messages[0].content}", usage=Usage(calls=1, input_tokens=1000, output_tokens=1000))


def test_answers_are_found_by_what_is_asked_in_any_order_and_by_many_threads(tmp_path: Path) -> None:
    questions = [asked(str(number)) for number in range(40)]
    with Journal(tmp_path / "j") as journal, ThreadPoolExecutor(8) as pool:
        first = list(pool.map(UnorderedModel(ScriptedModel(echo), journal).complete, questions))
    with Journal(tmp_path / "j") as journal, ThreadPoolExecutor(8) as pool:
        model = UnorderedModel(ScriptedModel([]), journal)
        again = list(pool.map(model.complete, reversed(questions)))
    assert [reply.message for reply in reversed(again)] == [reply.message for reply in first]
    assert all(reply.served for reply in again)


def test_the_same_question_asked_again_is_another_draw(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        model = UnorderedModel(ScriptedModel([says("a"), says("b")]), journal)
        assert [model.complete(asked("x")).message.content for _ in range(2)] == ["a", "b"]
    with Journal(tmp_path / "j") as journal:
        model = UnorderedModel(ScriptedModel([says("c")]), journal)
        assert [model.complete(asked("x")).message.content for _ in range(3)] == ["a", "b", "c"]


def test_a_refusal_comes_again_and_a_failure_is_asked_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        model = UnorderedModel(ScriptedModel([Refused("no"), ModelUnavailable("down", usage=Usage(calls=1))]), journal)
        for text, kind in (("bad", Refused), ("good", ModelUnavailable)):
            with pytest.raises(kind):
                model.complete(asked(text))
    with Journal(tmp_path / "j") as journal:
        model = UnorderedModel(ScriptedModel([says("up")]), journal)
        with pytest.raises(Refused):
            model.complete(asked("bad"))
        assert model.complete(asked("good")).message.content == "up"
        assert usage_of(journal.past).calls == 1, "what failed before cost one, and the answer comes on top of it"


def test_what_is_served_is_not_paid_twice_and_counts_as_spent(tmp_path: Path) -> None:
    price = Price(input=100.0, output=100.0)
    for process in range(2):
        with Journal(tmp_path / "j") as journal:
            budget = Budget(BudgetLimits(usd=0.25), past=usage_of(journal.past))
            endpoint = Endpoint(ScriptedModel(echo), price, retry=RetryPolicy(retries=0))
            model = endpoint.for_calls(budget, journal)
            assert model.complete(asked("x")).served is bool(process)
            assert budget.spent.usd == pytest.approx(0.2)
            assert budget.spent.calls == 1

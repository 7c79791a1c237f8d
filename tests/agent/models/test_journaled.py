"""Nothing that was answered is paid again, and nothing that was paid is forgotten."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.budget import Budget, BudgetLimits
from agent.journal import Journal
from agent.models.digests import Digests
from agent.models.errors import BudgetExhausted, ContextFull, ModelUnavailable, ScriptEnded
from agent.models.journaled import JournaledModel, ReplayModel, usage_of
from agent.models.open import Endpoint
from agent.models.port import ChatModel
from agent.models.prices import Price
from agent.models.scripted import Line, ScriptedModel, says
from agent.models.values import ChatRequest, Message, Reply, Sampling, TokenLogprob, ToolCall, ToolSpec
from agent.values import Usage

TOOL = ToolSpec(name="shell", description="d", parameters={"type": "object"})
PRICE = Price(input=1000.0, output=1000.0)


def turns(model: ChatModel, count: int, *, observe: Callable[[int], str] = str) -> list[str]:
    """A trajectory: ask, do, ask; returns what the model said."""
    history = [Message(role="user", content="Fix it.")]
    said: list[str] = []
    for turn in range(count):
        request = ChatRequest(messages=tuple(history), tools=(TOOL,), sampling=Sampling(max_output_tokens=10))
        reply = model.complete(request)
        said.append(reply.message.content)
        history += [reply.message, Message(role="user", content=observe(turn))]
    return said


def numbered(first: int, count: int) -> list[Line]:
    return [
        says(f"reply {first + n}", usage=Usage(calls=1, input_tokens=5, output_tokens=5, usd=0.01))
        for n in range(count)
    ]


def test_a_resumed_trajectory_pays_only_for_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Journal(path) as journal:
        turns(JournaledModel(ScriptedModel(numbered(0, 3)), journal), 3)
    with Journal(path) as journal:
        script = ScriptedModel(numbered(3, 2))
        model = JournaledModel(script, journal)
        assert turns(model, 5) == [f"reply {n}" for n in range(5)]
        assert (len(script.requests), model.served, model.live) == (2, 3, True)
    with Journal(path) as journal:
        assert turns(JournaledModel(ScriptedModel([]), journal), 5) == [f"reply {n}" for n in range(5)]
        assert usage_of(journal.past).calls == 5


def test_a_reply_is_on_the_disk_before_it_is_returned_and_comes_back_whole(tmp_path: Path) -> None:
    reply = Reply(
        message=Message(
            role="assistant", content="ä\n\u2028", tool_calls=(ToolCall(id="1", name="shell", arguments="{broken"),)
        ),
        finish="length",
        usage=Usage(calls=2, input_tokens=3, usd=None),
        model="m-2026",
        reasoning="hm",
        logprobs=(TokenLogprob(token="YES", logprob=-0.5, top=(("YES", -0.5), ("NO", float("-inf")))),),
        seconds=1.5,
    )
    path = tmp_path / "events.jsonl"
    with Journal(path) as journal:
        request = ChatRequest(messages=(Message(role="user", content="x" * 1000),))
        returned = JournaledModel(ScriptedModel([reply]), journal).complete(request)
        assert returned == reply
        assert "x" * 1000 not in path.read_text(), "the request is a digest, or the disk would fill with histories"
        with Journal(path) as again:
            served = JournaledModel(ScriptedModel([]), again).complete(request)
    assert served == reply.model_copy(update={"served": True})


def test_another_question_ends_the_past_for_good(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Journal(path) as journal:
        turns(JournaledModel(ScriptedModel(numbered(0, 4)), journal), 4)

    def changed(turn: int) -> str:
        return "different" if turn == 1 else str(turn)

    with Journal(path) as journal:
        model = JournaledModel(ScriptedModel(numbered(10, 1)), journal)
        assert turns(model, 3, observe=changed) == ["reply 0", "reply 1", "reply 10"]
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()] == ["reply"] * 4 + ["diverged", "reply"]
    with Journal(path) as journal:
        script = ScriptedModel(numbered(20, 1))
        assert turns(JournaledModel(script, journal), 4, observe=changed) == [
            "reply 0",
            "reply 1",
            "reply 10",
            "reply 20",
        ]
        assert len(script.requests) == 1
        assert usage_of(journal.past).calls == 5, "what is not used any more was paid nevertheless"


def test_errors_that_belong_to_the_course_are_served_too(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    asked = ChatRequest(messages=(Message(role="user", content="long"),))
    shorter = ChatRequest(messages=(Message(role="user", content="short"),))

    def course(model: ChatModel) -> str:
        with pytest.raises(ContextFull, match="too long") as caught:
            model.complete(asked)
        assert caught.value.hint == "shorten"
        return model.complete(shorter).message.content

    for script in ([ContextFull("too long", hint="shorten"), says("ok")], []):
        with Journal(path) as journal:
            assert course(JournaledModel(ScriptedModel(script), journal)) == "ok"


def test_passing_troubles_are_tried_again_but_their_bill_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    asked = ChatRequest(messages=())
    with Journal(path) as journal, pytest.raises(ModelUnavailable):
        lost = ModelUnavailable("cut", usage=Usage(calls=1, output_tokens=9, usd=0.5))
        JournaledModel(ScriptedModel([lost]), journal).complete(asked)
    with Journal(path) as journal:
        assert usage_of(journal.past).usd == 0.5
        assert JournaledModel(ScriptedModel([says("ok")]), journal).complete(asked).message.content == "ok"


@pytest.mark.parametrize("killed_after", range(6))
def test_a_budget_counts_the_past_exactly_once(tmp_path: Path, killed_after: int) -> None:
    """Whatever the moment of the kill: the same replies, the same view of the budget at each turn, the same bill."""
    path, limits = tmp_path / "events.jsonl", BudgetLimits(usd=100.0, calls=5)

    def run(count: int, script: ScriptedModel) -> tuple[list[object], Budget]:
        with Journal(path) as journal:
            budget = Budget(limits, past=usage_of(journal.past))
            model = Endpoint(script, PRICE).for_trajectory(budget, journal)
            views: list[object] = []

            def observe(turn: int) -> str:
                request = ChatRequest(messages=(), sampling=Sampling(max_output_tokens=10))
                views.append((round(budget.fraction_left(), 9), model.calls_left(request), budget.spent))
                return str(turn)

            turns(model, count, observe=observe)
            return views, budget

    run(min(killed_after, 5), ScriptedModel(numbered(0, 5)))
    views, budget = run(5, ScriptedModel(numbered(killed_after, 5 - min(killed_after, 5))))
    assert budget.spent.calls == 5
    assert budget.spent.usd == pytest.approx(5 * 0.01)
    path.unlink()
    assert views == run(5, ScriptedModel(numbered(0, 5)))[0]
    with Journal(path) as journal, pytest.raises(BudgetExhausted):
        model = Endpoint(ScriptedModel(numbered(5, 1)), PRICE).for_trajectory(
            Budget(limits, past=usage_of(journal.past)), journal
        )
        turns(model, 6)


def test_a_diverged_past_is_spent_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Journal(path) as journal:
        turns(JournaledModel(ScriptedModel(numbered(0, 4)), journal), 4)
    with Journal(path) as journal:
        budget = Budget(BudgetLimits(calls=9), past=usage_of(journal.past))
        model = Endpoint(ScriptedModel(numbered(10, 2)), PRICE).for_trajectory(budget, journal)
        turns(model, 3, observe=lambda turn: "different")
    assert budget.spent.calls == 6


def test_replay(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with Journal(path) as journal:
        turns(JournaledModel(ScriptedModel(numbered(0, 3)), journal), 3)
    with Journal(path) as journal:
        past = journal.past
    assert turns(ReplayModel(past), 3) == ["reply 0", "reply 1", "reply 2"]
    with pytest.raises(ScriptEnded, match="holds no answer to call 4"):
        turns(ReplayModel(past), 4)
    with pytest.raises(ScriptEnded, match="Call 2 asks something else"):
        turns(ReplayModel(past), 3, observe=lambda turn: "different")
    lenient = ReplayModel(past, mode="lenient")
    assert turns(lenient, 3, observe=lambda turn: "different") == ["reply 0", "reply 1", "reply 2"]
    assert lenient.left == 0


def test_digests_see_every_part_of_a_request() -> None:
    user = Message(role="user", content="a")
    call = ToolCall(id="1", name="n", arguments="{}")
    base = ChatRequest(messages=(user, user), tools=(TOOL,))
    others = [
        base.model_copy(update=update)
        for update in (
            {"messages": (user,)},
            {"messages": (Message(role="user", content="aa"),)},
            {"messages": (user, Message(role="system", content="a"))},
            {"messages": (user, Message(role="user", content="a", tool_calls=(call,)))},
            {"messages": (user, Message(role="user", content="a", tool_call_id="1"))},
            {"tools": ()},
            {"tools": (TOOL.model_copy(update={"description": "e"}),)},
            {"sampling": Sampling(temperature=0.5)},
            {"sampling": Sampling(seed=1)},
        )
    ]
    digests = Digests()
    found = [digests.of(request) for request in (base, *others)]
    assert len(set(found)) == len(found)
    fresh = ChatRequest.model_validate_json(base.model_dump_json())
    assert Digests().of(fresh) == digests.of(fresh) == found[0], (
        "equal requests have one digest, whatever was asked before"
    )


def test_a_digest_of_a_long_conversation_costs_what_is_new() -> None:
    digests, history = Digests(), [Message(role="user", content="x" * 20_000) for _ in range(400)]
    digests.of(ChatRequest(messages=tuple(history)))
    fresh = Digests()

    def seconds(using: Digests) -> float:
        history.append(Message(role="user", content="y"))
        request = ChatRequest(messages=tuple(history))
        start = time.thread_time()
        using.of(request)
        return time.thread_time() - start

    whole = seconds(fresh)
    assert min(seconds(digests) for _ in range(5)) < whole / 5

"""Calls that are paid from a budget: what is set aside is enough, and what is charged is the truth or the worst."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.budget import Budget, BudgetLimits
from agent.models.budgeted import BudgetedModel
from agent.models.errors import BudgetExhausted, ModelError, ModelRejected, ModelUnavailable, PriceUnknown
from agent.models.open import Endpoint
from agent.models.openai_chat import OpenAIChat
from agent.models.prices import Price
from agent.models.retrying import RetryPolicy
from agent.models.scripted import ScriptedModel, says
from agent.models.sizes import Sizes
from agent.models.values import ChatRequest, Message, Reply, Sampling, ToolCall, ToolSpec
from agent.values import Usage
from tests.agent.models.server import Answer, ChatServer, Seen, completion, fault

PRICE = Price(input=1.0, cached_input=0.1, output=4.0)
ASKED = ChatRequest(messages=(Message(role="user", content="Fix it."),), sampling=Sampling(max_output_tokens=1000))


def paid(*lines: Reply | ModelError, limits: BudgetLimits | None = None, price: Price | None = PRICE) -> BudgetedModel:
    return BudgetedModel(ScriptedModel(lines), Budget(limits), price)


def test_a_reply_is_charged_by_the_endpoints_count() -> None:
    model = paid(says("ok", usage=Usage(calls=1, input_tokens=1000, cached_tokens=500, output_tokens=100)))
    usage = model.complete(ASKED).usage
    assert usage.usd == pytest.approx((500 * 1 + 500 * 0.1 + 100 * 4) / 1e6)
    assert model.budget.spent == usage
    assert model.estimated_calls == 0


def test_without_a_count_it_is_estimated_and_marked() -> None:
    model = paid(says("x" * 300, usage=Usage(calls=1)), says("", usage=Usage(calls=1, input_tokens=9)))
    usage = model.complete(ASKED).usage
    assert usage.output_tokens >= 100
    assert usage.input_tokens >= 2
    assert usage.usd
    assert (usage.estimated_calls, model.estimated_calls) == (1, 1)
    assert model.complete(ASKED).usage.estimated_calls == 0, "nothing said is nothing to count"


@pytest.mark.parametrize(
    ("error", "calls", "usd"),
    [
        (ModelRejected("no"), 1, 0.0),
        (ModelUnavailable("busy"), 1, 0.0),
        (ModelUnavailable("cut", maybe_billed=True, usage=Usage(calls=1, input_tokens=10, output_tokens=10)), 1, 50e-6),
        (ModelUnavailable("cut", maybe_billed=True), 1, None),
    ],
)
def test_a_failed_call_is_charged_by_what_is_known(error: ModelError, calls: int, usd: float | None) -> None:
    model = paid(error)
    worst = model.worst(ASKED).usd
    with pytest.raises(ModelError) as caught:
        model.complete(ASKED)
    spent = model.budget.spent
    assert spent == caught.value.usage
    assert (spent.calls, spent.usd) == (calls, pytest.approx(worst if usd is None else usd))


def test_nothing_is_sent_that_is_not_covered() -> None:
    model = paid(says("ok"), limits=BudgetLimits(usd=0.001))
    with pytest.raises(BudgetExhausted):
        model.complete(ASKED)
    unknown = paid(says("ok"), limits=BudgetLimits(usd=100.0), price=None)
    with pytest.raises(PriceUnknown):
        unknown.complete(ASKED)
    with pytest.raises(PriceUnknown):
        Endpoint(ScriptedModel([]), None).require_price(BudgetLimits(usd=1))


def test_an_unknown_price_stays_unknown() -> None:
    assert paid(says("ok"), price=None).complete(ASKED).usage.usd is None


def test_the_last_call_can_be_seen_coming() -> None:
    """The bound is four times too high for text at first, and close after the endpoint has counted once."""
    history = [Message(role="user", content="word " * 2000)]
    model = BudgetedModel(
        ScriptedModel(lambda request: says("done", usage=Usage(calls=1, input_tokens=2010, output_tokens=3))),
        Budget(BudgetLimits(tokens=20_000)),
        PRICE,
    )
    request = ChatRequest(messages=tuple(history), sampling=Sampling(max_output_tokens=1000))
    assert model.worst(request).input_tokens > 10_000
    assert model.calls_left(request) == 1
    reply = model.complete(request)
    longer = request.model_copy(update={"messages": (*history, reply.message, Message(role="user", content="more"))})
    assert 2010 < model.worst(longer).input_tokens < 2200
    assert model.calls_left(longer) == 5


tools = st.lists(
    st.builds(
        ToolSpec,
        name=st.text(max_size=5),
        description=st.text(max_size=40),
        parameters=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    ),
    max_size=2,
).map(tuple)
calls = st.builds(ToolCall, id=st.text(max_size=3), name=st.text(max_size=5), arguments=st.text(max_size=30))
messages = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["user", "assistant", "tool"]),
        content=st.text(max_size=60),
        tool_calls=st.lists(calls, max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=6,
)


def counted(request: ChatRequest) -> int:
    """A tokenizer of one token per byte, the worst there is, with a template around it."""
    total = 500
    for tool in request.tools:
        total += 50 + len(tool.model_dump_json().encode("utf-8", "replace"))
    for message in request.messages:
        total += 10 + len(message.content.encode("utf-8", "replace"))
        total += sum(
            60 + len((call.id + call.name + call.arguments).encode("utf-8", "replace")) for call in message.tool_calls
        )
    return total


@given(messages, st.lists(tools, min_size=6, max_size=6), st.sets(st.integers(0, 5)))
@settings(deadline=None)
def test_a_prompt_is_never_longer_than_its_bound(
    conversation: list[Message], specs: list[tuple[ToolSpec, ...]], asked: set[int]
) -> None:
    sizes = Sizes()
    for turn in range(len(conversation)):
        request = ChatRequest(messages=tuple(conversation[: turn + 1]), tools=specs[turn])
        assert counted(request) <= sizes.bound(request)
        if turn in asked:
            sizes.learn(request, says("", usage=Usage(calls=1, input_tokens=counted(request))))


@pytest.mark.parametrize("cap", [0.0, 0.004, 0.02, 0.1])
def test_a_cap_holds_with_parallel_trajectories_and_faults(cap: float) -> None:
    """Eight trajectories under one cap, at an endpoint that fails in every way: what it bills in truth stays under the cap."""
    dice, billed = random.Random(7), []

    def answer(seen: Seen) -> Answer:
        asked = len(seen.raw) // 4
        said = dice.randrange(1, seen.body["max_tokens"] + 1)
        good = completion("x" * dice.randrange(20), usage={"prompt_tokens": asked, "completion_tokens": said})
        kind = dice.randrange(7)
        if kind == 0:
            return fault(429, "slow down")
        if kind == 1:
            return fault(500, "oops")
        billed.append(PRICE.of(Usage(input_tokens=asked, output_tokens=said)))
        if kind == 2:
            return Answer(good.raw, cut_after=30)
        if kind == 3:
            return Answer(good.raw[:-5])
        return good

    with ChatServer(answer) as server:
        chat = OpenAIChat("m", base_url=server.url)
        endpoint = Endpoint(chat, PRICE, retry=RetryPolicy(retries=3), sleep=lambda s: None)
        run = Budget(BudgetLimits(usd=cap))

        def trajectory(index: int) -> None:
            model = endpoint.for_trajectory(Budget(parent=run))
            history = [Message(role="user", content=f"Fix {index}.")]
            for _ in range(10):
                request = ChatRequest(messages=tuple(history), sampling=Sampling(max_output_tokens=300))
                try:
                    history += [model.complete(request).message, Message(role="user", content="Go on.")]
                except BudgetExhausted:
                    return
                except ModelUnavailable:
                    continue

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(trajectory, range(8)))
        chat.close()
    spent = run.spent.usd
    assert spent is not None
    assert sum(billed) <= spent + 1e-9 <= cap + 2e-9
    assert bool(billed) == (cap > 0)

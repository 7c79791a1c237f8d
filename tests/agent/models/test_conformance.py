"""What every chat model must do, whatever is behind it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest

from agent.budget import Budget, BudgetLimits
from agent.journal import Journal
from agent.models.budgeted import BudgetedModel
from agent.models.errors import ContextFull, ModelError, Refused, ScriptEnded
from agent.models.journaled import JournaledModel
from agent.models.open import Endpoint
from agent.models.openai_chat import OpenAIChat
from agent.models.port import ChatModel
from agent.models.prices import FREE
from agent.models.retrying import RetryingModel
from agent.models.scripted import Line, ScriptedModel, says
from agent.models.unordered import UnorderedModel
from agent.models.values import ChatRequest, Message, Reply, Sampling, ToolCall, ToolSpec
from agent.values import Usage
from tests.agent.models.server import Answer, ChatServer, completion, fault

Say = Literal["text", "call", "two calls", "cut off", "empty", "context full", "refused"]
Make = Callable[[Sequence[Say]], ChatModel]

SHELL = ToolSpec(
    name="shell",
    description="Runs a command.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
)
ASKED = ChatRequest(
    messages=(Message(role="system", content="You fix bugs."), Message(role="user", content="Fix it.")),
    tools=(SHELL,),
    sampling=Sampling(temperature=0.5, max_output_tokens=300),
)
USED = Usage(calls=1, input_tokens=100, output_tokens=20, cached_tokens=40)
BLOCK = '<tool_call name="shell">\n<arg name="command">ls</arg>\n</tool_call>'

NATIVE: dict[Say, Answer] = {
    "text": completion("Hello."),
    "call": completion("Look.", ("shell", '{"command": "ls"}')),
    "two calls": completion(None, ("shell", '{"command": "ls"}'), ("shell", '{"command": "pwd"}')),
    "cut off": completion("Hel", finish="length"),
    "empty": completion(None),
    "context full": fault(400, "This model's maximum context length is 10 tokens.", code="context_length_exceeded"),
    "refused": fault(400, "The response was filtered", code="content_filter"),
}
TEXT: dict[Say, Answer] = {
    **NATIVE,
    "call": completion(f"Look.\n\n{BLOCK}"),
    "two calls": completion(f"{BLOCK}\n{BLOCK.replace('ls', 'pwd')}"),
}


def scripted(say: Say) -> Line:
    calls = [ToolCall(id=f"c{n}", name="shell", arguments=f'{{"command": "{c}"}}') for n, c in enumerate(("ls", "pwd"))]
    lines: dict[Say, Line] = {
        "text": says("Hello.", usage=USED),
        "call": says("Look.", calls[0], usage=USED),
        "two calls": says("", *calls, usage=USED),
        "cut off": says("Hel", usage=USED).model_copy(update={"finish": "length"}),
        "empty": says("", usage=USED),
        "context full": ContextFull("too long", hint="shorten it"),
        "refused": Refused("no", hint="ask nicely"),
    }
    return lines[say]


@pytest.fixture(
    params=["openai native", "openai text", "scripted", "journaled", "served", "unordered", "budgeted", "endpoint"]
)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def chat(answers: dict[Say, Answer], says_: Sequence[Say], protocol: Literal["native", "text"]) -> OpenAIChat:
            server = stack.enter_context(ChatServer([answers[say] for say in says_]))
            model = OpenAIChat("m", base_url=server.url, tool_protocol=protocol)
            stack.callback(model.close)
            return model

        def build(says_: Sequence[Say]) -> ChatModel:
            script = ScriptedModel([scripted(say) for say in says_], name="m")
            if request.param == "openai native":
                return RetryingModel(chat(NATIVE, says_, "native"))
            if request.param == "openai text":
                return RetryingModel(chat(TEXT, says_, "text"))
            if request.param == "journaled":
                return JournaledModel(script, stack.enter_context(Journal(tmp_path / "events.jsonl")))
            if request.param == "served":
                with Journal(tmp_path / "events.jsonl") as journal:
                    before = JournaledModel(script, journal)
                    for _ in says_:
                        try:
                            before.complete(ASKED)
                        except ModelError:
                            continue
                return JournaledModel(
                    ScriptedModel([], name="m"), stack.enter_context(Journal(tmp_path / "events.jsonl"))
                )
            if request.param == "unordered":
                return UnorderedModel(script, stack.enter_context(Journal(tmp_path / "events.jsonl")))
            if request.param == "budgeted":
                return BudgetedModel(script, Budget(BudgetLimits(usd=1.0)), FREE)
            if request.param == "endpoint":
                journal = stack.enter_context(Journal(tmp_path / "events.jsonl"))
                return Endpoint(chat(NATIVE, says_, "native"), FREE).for_trajectory(
                    Budget(BudgetLimits(usd=1.0)), journal
                )
            return script

        yield build


def test_text_comes_back(make: Make) -> None:
    reply = make(["text"]).complete(ASKED)
    assert reply.message == Message(role="assistant", content="Hello.")
    assert reply.finish == "stop"


def test_the_name_is_the_users(make: Make) -> None:
    assert make([]).name == "m"


def test_usage_is_the_endpoints(make: Make) -> None:
    usage = make(["text"]).complete(ASKED).usage
    assert (usage.calls, usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (1, 100, 20, 40)
    assert usage.estimated_calls == 0


def test_tool_calls_come_in_order_with_ids_of_their_own(make: Make) -> None:
    reply = make(["two calls"]).complete(ASKED)
    assert reply.finish == "tool_calls"
    assert [(call.name, call.arguments) for call in reply.message.tool_calls] == [
        ("shell", '{"command": "ls"}'),
        ("shell", '{"command": "pwd"}'),
    ]
    assert len({call.id for call in reply.message.tool_calls}) == 2


def test_a_conversation_goes_on(make: Make) -> None:
    model = make(["call", "text"])
    first = model.complete(ASKED)
    assert first.message.content == "Look."
    answer = Message(role="tool", content="a.py", tool_call_id=first.message.tool_calls[0].id)
    longer = ASKED.model_copy(update={"messages": (*ASKED.messages, first.message, answer)})
    if not getattr(model, "live", True):
        longer = ASKED  # what was journaled was asked twice the same
    assert model.complete(longer).message.content == "Hello."


def test_a_cut_off_reply_says_so(make: Make) -> None:
    reply = make(["cut off"]).complete(ASKED)
    assert (reply.finish, reply.message.content) == ("length", "Hel")


def test_an_empty_reply_is_a_reply(make: Make) -> None:
    reply = make(["empty"]).complete(ASKED)
    assert (reply.message.content, reply.message.tool_calls, reply.finish) == ("", (), "stop")


@pytest.mark.parametrize(("say", "kind"), [("context full", ContextFull), ("refused", Refused)])
def test_errors_are_ours_and_have_a_hint(make: Make, say: Say, kind: type[ModelError]) -> None:
    model = make([say, "text"])
    with pytest.raises(kind) as caught:
        model.complete(ASKED)
    assert caught.value.hint
    assert isinstance(model.complete(ASKED), Reply), "the model goes on after an error"


def test_many_threads_at_once_get_one_answer_each(request: pytest.FixtureRequest, make: Make) -> None:
    if "journal" in request.node.name or "served" in request.node.name or "endpoint" in request.node.name:
        model = make(["text"] * 8)  # one trajectory is one thread
        assert {model.complete(ASKED).message.content for _ in range(8)} == {"Hello."}
        return
    model, gate = make(["text"] * 32), threading.Barrier(8)

    def ask(_: int) -> str:
        gate.wait()
        return model.complete(ASKED).message.content

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(32))) == ["Hello."] * 32


def test_a_script_that_runs_out_is_loud() -> None:
    model = ScriptedModel([says("one")])
    model.complete(ASKED)
    with pytest.raises(ScriptEnded, match="call 2"):
        model.complete(ASKED)

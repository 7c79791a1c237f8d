"""Fields beyond the interface go back as they came, against a real server; and they survive the journal."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.budget import Budget
from agent.journal import Journal
from agent.models.digests import Digests
from agent.models.journaled import ReplayModel
from agent.models.open import Endpoint
from agent.models.openai_chat import OpenAIChat
from agent.models.prices import FREE
from agent.models.sizes import Sizes
from agent.models.values import ChatRequest, Message, Reply
from tests.agent.models.server import Answer, ChatServer, Seen, completion, fault
from tests.agent.models.test_conformance import ASKED

CALL = {"id": "c1", "type": "function", "function": {"name": "shell", "arguments": '{"command": "ls"}'}}
SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "c2lnbmF0dXJl"}}}
DETAILS = [{"type": "reasoning.encrypted", "data": "xyz", "index": 0}]
PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Look."}]
Connect = Callable[..., tuple[OpenAIChat, ChatServer]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    opened: list[Any] = []

    def start(script: list[Answer] | Callable[[Seen], Answer]) -> tuple[OpenAIChat, ChatServer]:
        server = ChatServer(script).__enter__()
        chat = OpenAIChat("m", base_url=server.url)
        opened.append((chat, server))
        return chat, server

    yield start
    for chat, server in opened:
        chat.close()
        server.__exit__(None, None, None)


def after(reply: Reply) -> ChatRequest:
    """The next question of the conversation."""
    answer = Message(role="tool", content="a.py", tool_call_id=reply.message.tool_calls[0].id)
    return ASKED.model_copy(update={"messages": (*ASKED.messages, reply.message, answer)})


@pytest.mark.parametrize(
    ("answer", "returned"),
    [
        (completion(None, CALL, reasoning_content="I think."), {"reasoning_content": "I think."}),
        (completion("", CALL, reasoning="t", reasoning_details=DETAILS), {"reasoning": "t", "reasoning_details": DETAILS}),
        (completion(None, SIGNED), {"tool_calls": [SIGNED]}),
        (completion(PARTS, CALL), {"content": PARTS}),
        (completion(None, CALL, one_of_tomorrow={"a": [1, None]}), {"one_of_tomorrow": {"a": [1, None]}}),
        (completion(None, CALL, refusal=None, annotations=[], audio=None, reasoning_content=""), {}),
    ],
)  # fmt: skip
def test_what_is_not_known_goes_back(connect: Connect, answer: Answer, returned: dict[str, Any]) -> None:
    chat, server = connect([answer, completion("ok")])
    chat.complete(after(chat.complete(ASKED)))
    sent = server.seen[1].body["messages"][-2]
    usual = {"role": "assistant", "content": sent["content"], "tool_calls": [CALL]}
    assert sent == {**usual, **returned}


def test_it_survives_the_journal_and_is_part_of_what_was_asked(connect: Connect, tmp_path: Path) -> None:
    chat, server = connect([completion(None, SIGNED, reasoning_content="I \ud800 think."), completion("ok")])
    path = tmp_path / "events.jsonl"
    with Journal(path) as journal:
        model = Endpoint(chat, FREE).for_trajectory(Budget(), journal)
        first = model.complete(ASKED)
        model.complete(after(first))
    with Journal(path) as journal:
        replay = ReplayModel(journal.past)
        served = replay.complete(ASKED)
        assert served.message == first.message
        assert served.message.extra == {"reasoning_content": "I ? think."}
        replay.complete(after(served))  # strict: it is the same request only with its extras
    plain = after(first).model_copy(
        update={"messages": tuple(m.model_copy(update={"extra": {}}) for m in after(first).messages)}
    )
    assert Digests().of(plain) != Digests().of(after(first))
    assert Sizes().bound(plain) < Sizes().bound(after(first)), "the budget knows that they cost tokens"
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        fault(400, "The reasoning_content is an intermediate result for display purposes only. Please remove the reasoning_content."),
        fault(400, "'messages.1': one of these is not so [('messages.1': property 'reasoning_content' is unsupported)]"),
        Answer({"detail": [{"loc": ["body", "messages", 1, "reasoning_content"], "msg": "Extra inputs are not permitted"}]}, 422),
        fault(400, "Unknown parameter", param="messages[1].reasoning_content"),
    ],
)  # fmt: skip
def test_who_does_not_want_it_back_does_not_get_it(connect: Connect, refusal: Answer) -> None:
    def answer(seen: Seen) -> Answer:
        return refusal if b"reasoning_content" in seen.raw else completion(None, CALL, reasoning_content="I think.")

    chat, server = connect(answer)
    first = chat.complete(ASKED)
    second = chat.complete(after(first))
    assert second.reasoning == "I think."
    assert len(server.seen) == 3
    chat.complete(after(second))
    assert len(server.seen) == 4, "it is remembered"


def test_who_misses_it_is_not_refused_it(connect: Connect) -> None:
    complaint = fault(400, "Missing `reasoning_content` field in the assistant message at message index 1")
    chat, server = connect([completion(None, CALL, reasoning_content="I think."), complaint, completion("ok")])
    first = chat.complete(ASKED)
    with pytest.raises(Exception, match="Missing"):
        chat.complete(after(first))
    assert not chat.dialect.withheld
    chat.complete(after(first))
    assert b"reasoning_content" in server.seen[-1].raw


def test_an_odd_name_does_not_poison_the_conversation(connect: Connect) -> None:
    """Endpoints check the names of earlier calls, too, and reject everything that holds an odd one."""
    names = ["functions.shell", "", "shëll x" * 20]
    odd = [{"id": f"c{n}", "function": {"name": name, "arguments": "{}"}} for n, name in enumerate(names)]
    chat, server = connect([completion(None, *odd), completion("ok")])
    first = chat.complete(ASKED)
    assert first.message.tool_calls[0].name == "functions.shell", "the journal has it as it came"
    chat.complete(after(first))
    sent = [call["function"]["name"] for call in server.seen[1].body["messages"][-2]["tool_calls"]]
    assert sent[:2] == ["functions_shell", "unnamed"] and len(sent[2]) == 64


# Streams.


def events(*deltas: Any, finish: str | None = "tool_calls", usage: Any = None, end: bool = True) -> bytes:
    """An answer in pieces."""
    bodies: list[Any] = [{"model": "m-1", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if finish:
        bodies.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage:
        bodies.append({"choices": [], "usage": usage})
    lines = [f"data: {json.dumps(body)}\n\n" for body in bodies]
    return (": keep-alive\n\n" + "".join(lines) + ("data: [DONE]\n\n" if end else "")).encode()


PIECES = (
    {"role": "assistant", "reasoning_content": "I "},
    {"role": "assistant", "reasoning_content": "think."},
    {"content": "Lo"},
    {"content": "ok."},
    {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "shell", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"command":'}}]},
    {"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "view", "arguments": "{}"}, "extra_content": {"s": 1}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": ' "ls"}'}}]},
)  # fmt: skip


def test_an_endpoint_that_only_streams_is_found_out(connect: Connect) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3}

    def answer(seen: Seen) -> Answer:
        if not seen.body.get("stream"):
            return fault(400, "This model only support stream mode, please enable the stream parameter.")
        assert seen.body["stream_options"] == {"include_usage": True}
        return Answer(events(*PIECES, usage=usage), headers={"Content-Type": "text/event-stream"})

    chat, server = connect(answer)
    reply = chat.complete(ASKED)
    assert (reply.message.content, reply.reasoning, reply.finish, reply.model) == (
        "Look.",
        "I think.",
        "tool_calls",
        "m-1",
    )
    calls = [(call.id, call.name, call.arguments) for call in reply.message.tool_calls]
    assert calls == [("c1", "shell", '{"command": "ls"}'), ("c2", "view", "{}")]
    assert reply.message.tool_calls[1].extra == {"extra_content": {"s": 1}}
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (7, 3)
    chat.complete(ASKED)
    assert len(server.seen) == 3, "it is remembered"


def test_a_stream_that_nobody_asked_for_is_read(connect: Connect) -> None:
    chat, _ = connect([Answer(events({"content": "Hi."}, finish="stop"))])
    assert chat.complete(ASKED).message.content == "Hi."


def test_a_stream_that_breaks_off_is_no_answer(connect: Connect) -> None:
    chat, _ = connect([Answer(events(*PIECES[:6], finish=None, end=False))])
    with pytest.raises(Exception, match="holds no choice") as caught:
        chat.complete(ASKED)
    assert getattr(caught.value, "retryable", False), "and is worth another try"


def test_an_error_inside_of_a_stream(connect: Connect) -> None:
    body = b'data: {"error": {"code": 429, "message": "slow down"}}\n\n'
    chat, _ = connect([Answer(body)])
    with pytest.raises(Exception, match="slow down"):
        chat.complete(ASKED)

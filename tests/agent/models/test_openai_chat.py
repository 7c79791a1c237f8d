"""The client against a real server: what is sent, what faults become, what is learned, and what never shows."""

import json
import logging
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from agent.models.errors import (
    AuthenticationFailed,
    ContextFull,
    ModelError,
    ModelRejected,
    ModelUnavailable,
    Refused,
)
from agent.models.openai_chat import OpenAIChat
from agent.models.retrying import RetryingModel, RetryPolicy
from agent.models.values import ChatRequest, Message, Reply, Sampling, ToolCall
from tests.agent.models.server import Answer, ChatServer, Seen, completion, fault
from tests.agent.models.test_conformance import ASKED, BLOCK, SHELL

ROOT = Path(__file__).parents[3]
KEY = "sk-canary-0123456789"
BARE = ChatRequest(messages=(Message(role="user", content="Hi."),))
Script = list[Answer] | Callable[[Seen], Answer]
Connect = Callable[..., tuple[OpenAIChat, ChatServer]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    opened: list[Any] = []

    def start(script: Script, **values: Any) -> tuple[OpenAIChat, ChatServer]:
        server = ChatServer(script).__enter__()
        chat = OpenAIChat("m", base_url=server.url, api_key=KEY, **values)
        opened.extend([(chat, server)])
        return chat, server

    yield start
    for chat, server in opened:
        chat.close()
        server.__exit__(None, None, None)


def ask(chat: OpenAIChat, request: ChatRequest = ASKED, **policy: Any) -> tuple[Reply, list[float]]:
    """Ask with repetitions that wait for nothing; the second value is what they would have waited."""
    waits: list[float] = []
    return RetryingModel(chat, RetryPolicy(**policy), sleep=waits.append, chance=lambda: 0.0).complete(request), waits


def test_what_is_sent(connect: Connect) -> None:
    chat, server = connect([completion("ok")], headers={"X-Team": "blue-team"})
    call = ToolCall(id="c1", name="shell", arguments='{"command": "ls"}')
    request = ChatRequest(
        messages=(
            Message(role="system", content="s"),
            Message(role="user", content="ü"),
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="out", tool_call_id="c1"),
        ),
        tools=(SHELL,),
        sampling=Sampling(temperature=0.2, max_output_tokens=77, seed=5, top_logprobs=3),
    )
    chat.complete(request)
    seen = server.seen[0]
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["x-team"] == "blue-team"
    wire_call = {"id": "c1", "type": "function", "function": {"name": "shell", "arguments": '{"command": "ls"}'}}
    assert seen.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "ü"},
            {"role": "assistant", "content": None, "tool_calls": [wire_call]},
            {"role": "tool", "content": "out", "tool_call_id": "c1"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "shell", "description": SHELL.description, "parameters": SHELL.parameters},
            }
        ],
        "max_tokens": 77,
        "temperature": 0.2,
        "seed": 5,
        "logprobs": True,
        "top_logprobs": 3,
    }


def test_without_a_key_none_is_sent() -> None:
    with ChatServer([completion("ok")]) as server:
        chat = OpenAIChat("m", base_url=server.url)
        chat.complete(BARE)
        chat.close()
        assert "authorization" not in server.seen[0].headers


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"api_key": KEY}, f"Bearer {KEY}"),
        ({"headers": {"authorization": "Token x"}}, "Token x"),
        ({"api_key": KEY, "headers": {"Authorization": "Token x"}}, "Token x"),
    ],
)
def test_the_environment_adds_nothing(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], expected: str | None
) -> None:
    """Settings are read in one place; a key or a header for one endpoint must not reach another."""
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "ambient-canary")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer ambient-canary\nX-Ambient: ambient-canary")
    with ChatServer([completion("ok")]) as server:
        chat = OpenAIChat("m", base_url=server.url, **values)
        chat.complete(BARE)
        chat.close()
    assert server.seen[0].headers.get("authorization") == expected
    assert "ambient-canary" not in str(server.seen[0].headers)


def test_a_name_and_password_in_the_address_are_used() -> None:
    with ChatServer([completion("ok")]) as server:
        chat = OpenAIChat("m", base_url=server.url.replace("//", "//user:hunter22@"))
        chat.complete(BARE)
        chat.close()
    assert server.seen[0].headers["authorization"].startswith("Basic ")


def test_the_hosted_endpoint_needs_a_key() -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        OpenAIChat("openai/gpt-5.4").complete(BARE)
    assert "OPENAI_API_KEY" in caught.value.hint


def test_half_a_character_does_not_stop_a_request(connect: Connect) -> None:
    chat, server = connect([completion("ok \ud800")])
    reply = chat.complete(ChatRequest(messages=(Message(role="user", content="a\ud800b"),)))
    assert server.seen[0].body["messages"][0]["content"] == "a?b"
    assert reply.message.content == "ok ?"


# What comes back.


@pytest.mark.parametrize(
    ("answer", "content", "reasoning"),
    [
        (completion("<think>hm\n</think>\n\nyes"), "yes", "hm"),
        (completion("<think>still thinking", finish="length"), "", "still thinking"),
        (completion("yes", reasoning_content="hm"), "yes", "hm"),
        (completion("yes", reasoning="hm"), "yes", "hm"),
        (completion("I write <think>x</think>"), "I write <think>x</think>", ""),
        (completion([{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}]), "yes", ""),
        (completion(None, refusal="I will not."), "I will not.", ""),
        (completion("yes", audio=None, annotations=[], x_unknown={"a": 1}), "yes", ""),
    ],
)
def test_content_and_reasoning(connect: Connect, answer: Answer, content: str, reasoning: str) -> None:
    reply = connect([answer])[0].complete(BARE)
    assert (reply.message.content, reply.reasoning) == (content, reasoning)


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([("nonsense", "{}")], [("c0", "nonsense", "{}")]),
        ([("shell", "{broken")], [("c0", "shell", "{broken")]),
        (
            [{"id": "x", "function": {"name": "shell", "arguments": {"command": "ls"}}}],
            [("x", "shell", '{"command": "ls"}')],
        ),
        ([{"function": {"name": "shell", "arguments": None}}], [("call_1", "shell", "{}")]),
        (
            [
                {"id": "x", "function": {"name": "a", "arguments": "{}"}},
                {"id": "x", "function": {"name": "b", "arguments": "{}"}},
            ],
            [("x", "a", "{}"), ("x_2", "b", "{}")],
        ),
        ([{"id": "", "function": {"name": None, "arguments": ""}}], [("call_1", "", "{}")]),
        ([{"id": "x"}, None, 7], [("x", "", "{}")]),
    ],
)
def test_tool_calls_are_taken_as_they_come(
    connect: Connect, calls: list[Any], expected: list[tuple[str, str, str]]
) -> None:
    reply = connect([completion(None, *calls)])[0].complete(ASKED)
    assert [(call.id, call.name, call.arguments) for call in reply.message.tool_calls] == expected
    assert reply.finish == "tool_calls"


def test_made_up_ids_do_not_repeat_those_of_earlier_turns(connect: Connect) -> None:
    nameless = {"function": {"name": "shell", "arguments": "{}"}}
    chat, _ = connect([completion(None, nameless), completion(None, nameless)])
    first = chat.complete(ASKED).message
    answer = Message(role="tool", content="", tool_call_id=first.tool_calls[0].id)
    second = chat.complete(ASKED.model_copy(update={"messages": (*ASKED.messages, first, answer)})).message
    assert [first.tool_calls[0].id, second.tool_calls[0].id] == ["call_1", "call_2"]


def test_malformed_arguments_are_sent_back_as_an_object(connect: Connect) -> None:
    """Templates of several servers read the arguments of earlier calls, and answer 500 for ever when they cannot."""
    chat, server = connect([completion("ok")])
    wrong = Message(role="assistant", tool_calls=(ToolCall(id="c1", name="shell", arguments="{broken"),))
    chat.complete(ChatRequest(messages=(wrong, Message(role="tool", content="no JSON", tool_call_id="c1"))))
    assert json.loads(server.seen[0].body["messages"][0]["tool_calls"][0]["function"]["arguments"]) == {
        "malformed": "{broken"
    }


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, (0, 0, 0)),
        ({}, (0, 0, 0)),
        ({"prompt_tokens": 7, "completion_tokens": None}, (7, 0, 0)),
        ({"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 30}, (7, 23, 0)),
        ({"prompt_tokens": 7, "completion_tokens": 2, "prompt_cache_hit_tokens": 9}, (7, 2, 7)),
    ],
)
def test_token_counts(connect: Connect, usage: Any, expected: tuple[int, int, int]) -> None:
    found = connect([completion("ok", usage=usage)])[0].complete(BARE).usage
    assert (found.input_tokens, found.output_tokens, found.cached_tokens) == expected


def test_log_probabilities(connect: Connect) -> None:
    tops = [{"token": "NO", "logprob": -2.0}, {"token": "YES", "logprob": -0.1}]
    answer = completion("YES")
    body: Any = json.loads(answer.raw)
    body["choices"][0]["logprobs"] = {
        "content": [{"token": "YES", "logprob": -0.1, "bytes": [1], "top_logprobs": tops}]
    }
    found = connect([Answer(body)])[0].complete(BARE).logprobs
    assert found is not None
    assert (found[0].token, found[0].logprob, found[0].top) == ("YES", -0.1, (("YES", -0.1), ("NO", -2.0)))
    assert connect([completion("YES")])[0].complete(BARE).logprobs is None


# Faults, and what is repeated.


@pytest.mark.parametrize(
    "answer",
    [
        fault(429, "slow down"),
        fault(500, "oops"),
        fault(503, "overloaded"),
        Answer(b"<html>bad gateway</html>", 502),
        fault(408, "time-out"),
        fault(409, "conflict"),
        Answer(b"{not json"),
        Answer(b"[]"),
        Answer(b""),
        Answer({"choices": [], "usage": {"prompt_tokens": 3}}),
        Answer({"choices": None}),
        Answer({"error": {"code": 502, "message": "upstream"}}),
        Answer(
            {
                "choices": [
                    {"message": {"content": ""}, "finish_reason": "error", "error": {"code": 502, "message": "x"}}
                ]
            }
        ),
        Answer({"choices": [{"message": {"content": "Hal"}, "finish_reason": "error"}]}),
        Answer(b"[" * 200_000),
        Answer(b"[" * 200_000, 500),
        Answer(completion("ok").raw, cut_after=20),
        Answer(completion("ok").raw, cut_after=0),
    ],
)
def test_what_may_pass_is_repeated(connect: Connect, answer: Answer) -> None:
    chat, server = connect([answer, completion("ok")])
    reply, waits = ask(chat)
    assert (reply.message.content, len(server.seen), len(waits)) == ("ok", 2, 1)


def test_a_time_out_is_repeated(connect: Connect) -> None:
    chat, server = connect([Answer(completion("late").raw, delay_s=30), completion("ok")], timeout_s=0.3)
    assert ask(chat)[0].message.content == "ok"
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "in half a minute"}, pytest.approx(30, abs=5)),
        ({"Retry-After": formatdate(time.time() - 30, usegmt=True)}, 0.0),
        ({"Retry-After": "soon"}, 1.0),
        ({}, 1.0),
    ],
)
def test_the_endpoint_says_how_long_to_wait(connect: Connect, headers: dict[str, str], wait: float) -> None:
    if headers.get("Retry-After") == "in half a minute":
        headers = {"Retry-After": formatdate(time.time() + 30, usegmt=True)}
    chat, _ = connect([fault(429, "slow down", headers=headers), completion("ok")])
    assert ask(chat)[1] == [wait]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (fault(401, "Incorrect API key"), AuthenticationFailed, "API key"),
        (fault(403, "no access"), AuthenticationFailed, "no access"),
        (fault(404, "The model `m` does not exist", code="model_not_found"), ModelRejected, "does not know the model m"),
        (fault(404, 'model "m" not found, try pulling it first'), ModelRejected, "try pulling"),
        (fault(400, "'messages' is wrong"), ModelRejected, "'messages' is wrong"),
        (Answer(b"not here", 404), ModelRejected, "not here"),
        (Answer(b"", 301, {"Location": "http://127.0.0.1:1/"}), ModelRejected, "301"),
        (fault(429, "You exceeded your current quota", code="insufficient_quota"), ModelUnavailable, "quota"),
        (fault(402, "Insufficient Balance"), ModelUnavailable, "Balance"),
        (fault(400, "filtered", code="content_filter"), Refused, "filtered"),
        (completion("", finish="content_filter"), Refused, "withheld"),
        (fault(400, "too long", code="context_length_exceeded"), ContextFull, "m takes"),
        (
            Answer({"object": "error", "message": "This model's maximum context length is 4096 tokens. However,", "code": 400}, 400),
            ContextFull,
            "4096",
        ),
        (
            Answer({"error": {"code": 400, "message": "(4390 tokens) exceeds the available context size (4096 tokens)",
                              "type": "exceed_context_size_error", "n_ctx": 4096}}, 400),
            ContextFull,
            "4390",
        ),
        (Answer({"error": {"code": 500, "message": "Context size has been exceeded.", "type": "x"}}, 500), ContextFull, "exceeded"),
        (Answer({"error": "prompt is too long: 210000 tokens > 200000 maximum"}, 400), ContextFull, "210000"),
        (Answer({"detail": [{"loc": ["body"], "msg": "field required"}]}, 422), ModelRejected, "field required"),
    ],
)  # fmt: skip
def test_what_cannot_pass_is_not_repeated(connect: Connect, answer: Answer, kind: type[ModelError], says: str) -> None:
    chat, server = connect([answer])
    with pytest.raises(kind, match=says) as caught:
        ask(chat)
    assert caught.value.hint
    assert len(server.seen) == 1


def test_repetitions_end_by_count_and_by_time(connect: Connect) -> None:
    chat, server = connect(lambda seen: fault(503, "overloaded"))
    with pytest.raises(ModelUnavailable, match="tried 3 times"):
        ask(chat, retries=2)
    assert len(server.seen) == 3
    chat, server = connect([fault(429, "slow down", headers={"Retry-After": "3600"})])
    with pytest.raises(ModelUnavailable):
        ask(chat, total_s=60)


def test_nobody_listens() -> None:
    with ChatServer([]) as server:
        url = server.url
    chat = OpenAIChat("m", base_url=url, api_key=KEY)
    with pytest.raises(ModelUnavailable, match="cannot be reached") as caught:
        ask(chat, retries=1)
    chat.close()
    assert "base URL" in caught.value.hint


# What is learned.


def rejecting(*rules: tuple[str, Answer]) -> Callable[[Seen], Answer]:
    """Answers well unless the body has one of these keys."""

    def answer(seen: Seen) -> Answer:
        return next((refusal for key, refusal in rules if key in seen.body), completion("ok"))

    return answer


REASONING = rejecting(
    ("max_tokens", fault(400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                         param="max_tokens", code="unsupported_parameter")),
    ("temperature", fault(400, "'temperature' does not support 0.5 with this model.",
                          param="temperature", code="unsupported_value")),
    ("seed", Answer({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, 422)),
    ("logprobs", fault(400, "logprobs are not supported with reasoning models", param=None)),
)  # fmt: skip


def test_a_reasoning_model_is_found_out_once(connect: Connect) -> None:
    chat, server = connect(REASONING)
    request = ASKED.model_copy(
        update={
            "sampling": Sampling(
                temperature=0.5, seed=1, top_logprobs=2, reasoning_effort="high", max_output_tokens=300
            )
        }
    )
    assert chat.complete(request).message.content == "ok"
    assert len(server.seen) == 5
    chat.complete(request)
    assert len(server.seen) == 6, "it is remembered"
    body = server.seen[-1].body
    assert body["max_completion_tokens"] == 300
    assert body["reasoning_effort"] == "high"
    assert not {"max_tokens", "temperature", "seed", "logprobs", "top_logprobs"} & set(body)


def test_many_threads_learn_together(connect: Connect) -> None:
    chat, _ = connect(REASONING)
    request = ASKED.model_copy(update={"sampling": Sampling(temperature=0.5, seed=1, top_logprobs=2)})
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: chat.complete(request).message.content, range(48)))
    assert replies == ["ok"] * 48


@pytest.mark.parametrize(
    ("message", "cap"),
    [
        ("max_tokens is too large: 8192. This model supports at most 4096 completion tokens", 4096),
        ("max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for m", 4096),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 2048]", 2048),
    ],
)
def test_fewer_tokens_are_asked_for_never_no_limit(connect: Connect, message: str, cap: int) -> None:
    def answer(seen: Seen) -> Answer:
        return fault(400, message) if seen.body["max_tokens"] > cap else completion("ok")

    chat, server = connect(answer)
    chat.complete(BARE)
    assert server.seen[-1].body["max_tokens"] == cap


def test_a_limit_that_is_rejected_under_both_names_is_an_error(connect: Connect) -> None:
    chat, server = connect(
        lambda seen: fault(
            400, "Unsupported parameter", param="max_tokens" if "max_tokens" in seen.body else "max_completion_tokens"
        )
    )
    with pytest.raises(ModelRejected):
        chat.complete(BARE)
    assert len(server.seen) == 2


NO_TOOLS = [
    fault(400, "registry.ollama.ai/library/gemma3:1b does not support tools"),
    fault(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
    Answer({"error": {"code": 500, "message": "tools param requires --jinja flag", "type": "server_error"}}, 500),
    fault(404, "No endpoints found that support tool use."),
    fault(400, "Function calling is not enabled for models/m"),
    fault(400, "m does not support function calling"),
    fault(400, "no such thing", param="tools"),
]


@pytest.mark.parametrize("refusal", NO_TOOLS)
def test_without_tools_they_are_called_in_text(connect: Connect, refusal: Answer) -> None:
    chat, server = connect(lambda seen: refusal if "tools" in seen.body else completion(f"Look.\n{BLOCK}"))
    reply = chat.complete(ASKED)
    assert [(call.name, call.arguments) for call in reply.message.tool_calls] == [("shell", '{"command": "ls"}')]
    assert reply.message.content == "Look."
    answer = Message(role="tool", content="a.py", tool_call_id=reply.message.tool_calls[0].id)
    chat.complete(ASKED.model_copy(update={"messages": (*ASKED.messages, reply.message, answer)}))
    assert len(server.seen) == 3, "it is remembered"
    sent = server.seen[-1].body["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert "## shell" in sent[0]["content"]
    assert sent[2]["content"] == f"Look.\n{BLOCK}", "word by word"
    assert sent[3]["content"] == '<tool_result name="shell">\na.py\n</tool_result>'


def test_who_wants_native_tools_gets_the_refusal(connect: Connect) -> None:
    chat, _ = connect([NO_TOOLS[0]], tool_protocol="native")
    with pytest.raises(ModelRejected, match="does not support tools"):
        chat.complete(ASKED)


def test_calls_that_a_server_left_in_the_text_are_found(connect: Connect) -> None:
    """Servers without the model's parser pass its own notation on as content."""
    hermes = '<tool_call>\n{"name": "shell", "arguments": {"command": "ls"}}\n</tool_call>'
    reply = connect([completion(hermes)])[0].complete(ASKED)
    assert [(call.name, call.arguments) for call in reply.message.tool_calls] == [("shell", '{"command": "ls"}')]
    reply = connect([completion(hermes)], tool_protocol="native")[0].complete(ASKED)
    assert reply.message.content == hermes


# Stopping, and secrets.


@pytest.mark.parametrize("under_way", [True, False])
def test_the_wish_to_stop_ends_a_call_within_a_second(connect: Connect, under_way: bool) -> None:
    stop = threading.Event()
    slow = (
        Answer(completion("late").raw, delay_s=30) if under_way else fault(429, "slow", headers={"Retry-After": "60"})
    )
    chat, server = connect([slow], stop=stop)
    model = RetryingModel(chat, stop=stop)
    asked = threading.Timer(0.5, stop.set)
    asked.start()
    begin = time.monotonic()
    with pytest.raises(ModelUnavailable, match="stopped") as caught:
        model.complete(ASKED)
    assert 0.4 < time.monotonic() - begin < 1.5
    assert not caught.value.retryable
    with pytest.raises(ModelUnavailable, match="stopped"):
        model.complete(ASKED)
    assert len(server.seen) == 1
    asked.join()


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_a_key_never_shows(connect: Connect, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "team-secret-42"
    chat, _ = connect([fault(status, f"Your key {KEY} of {secret} is wrong")], headers={"X-Secret": secret})
    with pytest.raises(ModelError) as caught:
        ask(chat, retries=0)
    shown = (
        "".join(traceback.format_exception(caught.value))
        + repr(caught.value)
        + caught.value.hint
        + repr(chat)
        + caplog.text
    )
    assert KEY not in shown
    assert secret not in shown
    assert "***" in str(caught.value)


def test_a_password_in_the_address_never_shows() -> None:
    chat = OpenAIChat("m", base_url="http://user:hunter22@127.0.0.1:9/v1", api_key=KEY)
    with pytest.raises(ModelUnavailable) as caught:
        chat.complete(BARE)
    chat.close()
    assert "hunter22" not in "".join(traceback.format_exception(caught.value))


def test_nothing_heavy_is_imported_before_the_first_call() -> None:
    """`import openai` takes the better part of a second."""
    code = (
        "import sys, agent.models.open as o\n"
        "with o.open_model(o.ModelSpec(name='m', api_key='k', base_url='http://127.0.0.1:9/v1')): pass\n"
        "print(sorted({'openai', 'httpx', 'httpx2', 'anyio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_one_client_serves_many_threads_at_once() -> None:
    """64 calls of half a second each go side by side."""
    with ChatServer(lambda seen: completion("ok"), latency_s=0.5) as server:
        chat = OpenAIChat("m", base_url=server.url)
        chat.complete(BARE)
        start = time.monotonic()
        with ThreadPoolExecutor(64) as pool:
            assert list(pool.map(lambda _: chat.complete(BARE).message.content, range(64))) == ["ok"] * 64
        assert time.monotonic() - start < 5
        chat.close()

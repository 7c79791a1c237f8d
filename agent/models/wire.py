"""Requests and replies in the JSON of the Chat Completions interface."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from pydantic_core import PydanticSerializationError, to_json

from agent.models import extras, text_protocol
from agent.models.dialect import COUNTED, Dialect, sent
from agent.models.values import ChatRequest, Message, Reply, TokenLogprob, ToolCall
from agent.values import Usage

Finish = Literal["stop", "tool_calls", "length"]
_CUT = {"length", "max_tokens", "max_output_tokens"}
_ODD = re.compile(r"[^a-zA-Z0-9_-]")
_THOUGHT = re.compile(r"\s*<think(?:ing)?>(.*?)(?:</think(?:ing)?>\s*|\Z)", re.DOTALL)


class Unreadable(ValueError):
    """What came back is no answer: not JSON, or without a choice."""


def encode(model: str, request: ChatRequest, dialect: Dialect) -> bytes:
    """Return the body of a request."""
    sampling = request.sampling
    body: dict[str, Any] = {"model": model}
    if dialect.text_tools:
        body["messages"] = text_protocol.render(request.messages, request.tools)
    else:
        body["messages"] = [_message(message, dialect.withheld) for message in request.messages]
        if request.tools:
            body["tools"] = [{"type": "function", "function": dict(tool)} for tool in request.tools]
    body[dialect.limit] = min(sampling.max_output_tokens, dialect.limit_cap or sampling.max_output_tokens)
    for key, value in sent(request).items():
        if key not in dialect.dropped:
            body |= {"logprobs": True, "top_logprobs": value} if key == "logprobs" else {key: value}
    if dialect.stream:
        body |= {"stream": True} | ({} if COUNTED in dialect.dropped else {COUNTED: {"include_usage": True}})
    try:
        return to_json(body)
    except PydanticSerializationError:
        # Half a surrogate pair, out of a tool's output: it has no UTF-8.
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def decode(data: Mapping[str, Any], request: ChatRequest, dialect: Dialect, *, lenient_tools: bool) -> Reply:
    """Return the reply in an endpoint's answer; unknown fields do not matter.

    Args:
        data: the answer.
        request: what was asked.
        dialect: in which it was asked.
        lenient_tools: look for calls in the text, too, where there are no native ones.

    Raises:
        Unreadable: there is no choice in it.
    """
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        raise Unreadable("the answer holds no choice")
    raw = choice.get("message")
    raw = raw if isinstance(raw, dict) else {"content": choice.get("text")}
    reasoning = _text(raw.get("reasoning_content")) or _text(raw.get("reasoning"))
    content = _text(raw.get("content")) or _text(raw.get("refusal"))
    thought = _THOUGHT.match(content)
    if thought:
        reasoning, content = "\n".join(filter(None, (reasoning, thought[1].strip()))), content[thought.end() :]
    finish = str(choice.get("finish_reason") or "")
    offset = sum(len(message.tool_calls) for message in request.messages)
    calls = _calls(raw, offset)
    written = note = ""
    if not calls and request.tools and (dialect.text_tools or lenient_tools):
        parsed = text_protocol.parse(content, request.tools, complete=finish not in _CUT)
        known = {tool.name for tool in request.tools}
        if dialect.text_tools or (parsed.calls and all(name in known for name, _ in parsed.calls)):
            content, calls, note = parsed.content, text_protocol.as_calls(parsed, offset=offset), parsed.note
            written = parsed.written if calls else ""
    return Reply(
        message=Message(
            role="assistant", content=content, tool_calls=calls, written=written, extra=extras.of_message(raw)
        ),
        finish="length" if finish in _CUT else "tool_calls" if calls else "stop",
        usage=usage_of(data),
        model=_text(data.get("model")),
        reasoning=reasoning,
        note=note,
        logprobs=_logprobs(choice.get("logprobs")),
    )


def usage_of(data: Mapping[str, Any]) -> Usage:
    """Return the tokens that an endpoint counted; 0 where it says nothing."""
    raw = data.get("usage")
    raw = raw if isinstance(raw, dict) else {}
    details = raw.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else raw.get("prompt_cache_hit_tokens")
    prompt = _count(raw.get("prompt_tokens"))
    # Some endpoints leave reasoning out of the completion, but not out of the total, nor of the bill.
    output = max(_count(raw.get("completion_tokens")), _count(raw.get("total_tokens")) - prompt)
    return Usage(calls=1, input_tokens=prompt, output_tokens=output, cached_tokens=min(prompt, _count(cached)))


def error_in(data: Mapping[str, Any]) -> Any:
    """Return the error that stands in the place of an answer, of the whole or of its choice; None where there is none."""
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if data.get("error") or not isinstance(choice, dict):
        return data.get("error") or None
    failed = choice.get("finish_reason") == "error"
    return choice.get("error") or ({"message": "the answer ended with an error"} if failed else None)


def is_filtered(data: Mapping[str, Any]) -> bool:
    """Say whether a filter took the answer away."""
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(choice, dict) and choice.get("finish_reason") == "content_filter"


def _message(message: Message, withheld: frozenset[str]) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["content"] = message.content or None
        wire["tool_calls"] = [_call(call, withheld) for call in message.tool_calls]
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    if message.extra:
        wire |= {key: value for key, value in message.extra.items() if key not in withheld}
    return wire


def _call(call: ToolCall, withheld: frozenset[str]) -> dict[str, Any]:
    function = {"name": _nameable(call.name), "arguments": _sendable(call.arguments)}
    wire: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    if call.extra:
        wire |= {key: value for key, value in call.extra.items() if key not in withheld}
    return wire


def _nameable(name: str) -> str:
    """A name as it may be sent back: endpoints reject a whole conversation in which a model once made up an odd one."""
    return _ODD.sub("_", name)[:64] or "unnamed"


@lru_cache(maxsize=2048)
def _sendable(arguments: str) -> str:
    """Arguments as they may be sent back: many templates read them, and fail on what is no JSON object."""
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except ValueError:
        pass
    return json.dumps({"malformed": arguments}, ensure_ascii=False)


def _calls(raw: Mapping[str, Any], offset: int) -> tuple[ToolCall, ...]:
    """Native tool calls, each with an id of its own; the model's words are not touched."""
    listed = raw.get("tool_calls")
    legacy = raw.get("function_call")
    entries: Sequence[Any] = (
        listed if isinstance(listed, list) else [{"function": legacy}] if isinstance(legacy, dict) else []
    )
    calls: list[ToolCall] = []
    for index, entry in enumerate((entry for entry in entries if isinstance(entry, dict)), start=1):
        function = entry.get("function")
        function = function if isinstance(function, dict) else entry
        given = _text(entry.get("id")) or f"call_{offset + index}"
        unique = given
        while any(call.id == unique for call in calls):
            unique = f"{unique}_{index}"
        calls.append(
            ToolCall(
                id=unique,
                name=_text(function.get("name")),
                arguments=_arguments(function.get("arguments")),
                extra=extras.of_call(entry),
            )
        )
    return tuple(calls)


def _arguments(value: Any) -> str:
    if isinstance(value, str):
        return _clean(value) or "{}"
    return "{}" if value is None else json.dumps(value, ensure_ascii=False)


def _logprobs(value: Any) -> tuple[TokenLogprob, ...] | None:
    entries = value.get("content") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        return None
    tokens = []
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("logprob"), (int, float)):
            top = entry.get("top_logprobs")
            pairs = (
                [
                    (_text(one.get("token")), float(one["logprob"]))
                    for one in top
                    if isinstance(one, dict) and "logprob" in one
                ]
                if isinstance(top, list)
                else []
            )
            pairs.sort(key=lambda pair: -pair[1])
            tokens.append(
                TokenLogprob(token=_text(entry.get("token")), logprob=float(entry["logprob"]), top=tuple(pairs))
            )
    return tuple(tokens)


def _text(value: Any) -> str:
    """Text, or the text parts of a list of parts; empty for everything else."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, list):
        return "".join(_text(part.get("text")) if isinstance(part, dict) else _text(part) for part in value)
    return ""


def _clean(text: str) -> str:
    """Text that has a UTF-8: half a surrogate pair becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

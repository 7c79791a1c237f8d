"""What an endpoint puts into a reply beyond the interface: it goes back as it came.

Models that think while they use tools want their own words again: `reasoning_content` (DeepSeek), `reasoning_details` (OpenRouter),
a signature in `extra_content` of each call (Gemini), parts of the content that are no text (Mistral). The rule that serves all of
them, and the next one: what is not known here is returned verbatim, unless the endpoint rejects it (`Dialect.withheld`).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from agent.models.values import Message

_OF_MESSAGES = frozenset(
    ("role", "content", "tool_calls", "function_call", "refusal", "annotations", "audio", "name", "tool_call_id")
)
_OF_CALLS = frozenset(("id", "type", "index", "function", "name", "arguments"))
_WANTED = re.compile(
    r"missing|required|must (?:be (?:passed|provided|included|sent|present)|have|include)", re.IGNORECASE
)


def of_message(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a reply's message that go back with it; a content with parts that are no text is one of them."""
    extra = _beyond(raw, _OF_MESSAGES)
    content = raw.get("content")
    if isinstance(content, list) and any(isinstance(part, dict) and "text" not in part for part in content):
        extra["content"] = _clean(content)
    return extra


def of_call(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of one call of a reply that go back with it."""
    return _beyond(raw, _OF_CALLS)


def keys(messages: Iterable[Message]) -> frozenset[str]:
    """Return the names of all such fields in a conversation."""
    return frozenset(
        key
        for message in messages
        for extra in (message.extra, *(c.extra for c in message.tool_calls))
        for key in extra
    )


def unwanted(messages: Iterable[Message], complaint: str) -> frozenset[str]:
    """Return those of the fields that an endpoint complains of; none when it complains that one is missing."""
    if _WANTED.search(complaint):
        return frozenset()
    return frozenset(key for key in keys(messages) if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", complaint))


def _beyond(raw: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {
        key: _clean(value) for key, value in raw.items() if key not in known and value not in (None, "", [], {}, False)
    }


def _clean(value: Any) -> Any:
    """The value without half surrogate pairs, which have no UTF-8."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return {key: _clean(item) for key, item in value.items()} if isinstance(value, dict) else value

"""Answers that come as a stream of events, from endpoints that know no other way: put together to the answer that they are."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_FIRST = re.compile(rb"\s*(?::[^\n]*\n\s*)*(?:data|event|id|retry):")
_ONCE = frozenset(("role", "id", "type", "index", "format"))
"""Texts that are repeated and not continued."""


def is_stream(body: bytes) -> bool:
    """Say whether a body is a stream of events."""
    return _FIRST.match(body) is not None


def joined(body: bytes) -> dict[str, Any]:
    """Return the answer whose pieces are in a body; without a choice when the stream ended before the answer did."""
    answer: dict[str, Any] = {}
    message: dict[str, Any] = {}
    logprobs: list[Any] = []
    finish = ""
    for event in _events(body):
        answer |= {key: event[key] for key in ("id", "model", "usage", "error") if event.get(key)}
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            continue
        delta = choice.get("delta", choice.get("message"))
        if isinstance(delta, dict):
            _join(message, delta)
        said = choice.get("logprobs")
        if isinstance(said, dict) and isinstance(said.get("content"), list):
            logprobs += said["content"]
        finish = choice.get("finish_reason") or finish
    if finish:
        choice = {"index": 0, "message": message, "finish_reason": finish}
        answer["choices"] = [choice | ({"logprobs": {"content": logprobs}} if logprobs else {})]
    return answer


def _events(body: bytes) -> Iterator[Mapping[str, Any]]:
    for line in body.splitlines():
        if line.startswith(b"data:"):
            try:
                event = json.loads(line[5:])
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event


def _join(whole: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a piece of a message, or of a call."""
    for key, value in delta.items():
        have = whole.get(key)
        if value is None:
            continue
        if key == "tool_calls" and isinstance(value, list):
            _join_calls(whole.setdefault(key, []), value)
        elif isinstance(have, str) and isinstance(value, str) and key not in _ONCE:
            whole[key] = value if key == "name" and value.startswith(have) else have + value
        elif isinstance(have, list) and isinstance(value, list):
            whole[key] = have + value
        elif isinstance(have, dict) and isinstance(value, dict):
            _join(have, value)
        elif value or have is None:
            whole[key] = value.copy() if isinstance(value, (dict, list)) else value


def _join_calls(calls: list[dict[str, Any]], pieces: list[Any]) -> None:
    """Add pieces of calls, which say by index, else by id, which call they continue; without either the last one."""
    for piece in pieces:
        if not isinstance(piece, dict):
            continue
        index, given = piece.get("index"), piece.get("id")
        known = [call for call in calls if index is not None and call.get("index") == index]
        known = known or [call for call in calls if index is None and given and call.get("id") == given]
        if not known and index is None and not given and calls:
            known = calls[-1:]
        if not known:
            known = [{}]
            calls += known
        _join(known[0], piece)

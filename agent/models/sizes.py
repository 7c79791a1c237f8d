"""Upper bounds of prompts in tokens, before they are sent."""

import json
import threading
from collections import OrderedDict

from agent.models.digests import Digests
from agent.models.values import ChatRequest, Message, Reply, ToolSpec
from agent.values import Usage

_PER_MESSAGE = 32
"""Tokens of role and separators that a chat template puts around a message, at most."""
_PER_CALL = 128
"""Tokens that a template, or the text protocol, puts around a tool call, at most."""
_PER_PROMPT = 2048
"""Tokens that a template, or the text protocol, puts before everything, at most."""
_TOOLS_FACTOR = 2
"""Templates print schemas with indentation."""
_KEPT = 1024


class Sizes:
    """Bounds the tokens of requests, and learns from what endpoints count.

    A token stands for at least one byte of UTF-8, so that bytes bound tokens; that is some four times too much for plain text.
    Where an endpoint counted an earlier request of the same conversation, only what came since is bounded by bytes. Safe to
    use from several threads.
    """

    def __init__(self) -> None:
        self._digests = Digests()
        self._lock = threading.Lock()
        self._counted: OrderedDict[bytes, tuple[int, tuple[ToolSpec, ...]]] = OrderedDict()

    def bound(self, request: ChatRequest) -> int:
        """Return a number of input tokens that the request does not exceed."""
        chain = self._digests.chain(request.messages)
        with self._lock:
            for index in range(len(chain) - 1, -1, -1):
                known = self._counted.get(chain[index])
                if known is not None:
                    break
            else:
                return _PER_PROMPT + _tools(request.tools) + sum(map(_bytes, request.messages))
        tokens, tools = known
        # Without the tools of then a prompt is shorter; with other ones it may be longer.
        other = 0 if request.tools == tools or not request.tools else _tools(request.tools)
        return tokens + other + sum(map(_bytes, request.messages[index + 1 :]))

    def worst(self, request: ChatRequest) -> Usage:
        """Return the most that one call may use; `usd` is None, as this does not know prices."""
        return Usage(
            calls=1,
            input_tokens=self.bound(request),
            output_tokens=request.sampling.max_output_tokens,
            usd=None,
        )

    def learn(self, request: ChatRequest, reply: Reply) -> None:
        """Remember what the endpoint counted."""
        if not request.messages or reply.usage.input_tokens <= 0 or reply.usage.estimated_calls:
            return
        chain = self._digests.chain(request.messages)
        with self._lock:
            self._counted[chain[-1]] = (reply.usage.input_tokens, request.tools)
            while len(self._counted) > _KEPT:
                self._counted.popitem(last=False)


def estimate(request: ChatRequest, reply: Reply) -> Usage:
    """Return a call's tokens where the endpoint did not count them: three bytes to a token, which is rather too much."""
    asked = sum(map(_bytes, request.messages)) + _tools(request.tools)
    said = _bytes(reply.message) + len(reply.reasoning.encode("utf-8", "replace"))
    usage = reply.usage
    return usage.model_copy(
        update={
            "calls": max(1, usage.calls),
            "input_tokens": usage.input_tokens or -(-asked // 3),
            "output_tokens": usage.output_tokens or min(-(-said // 3), request.sampling.max_output_tokens),
            "estimated_calls": max(1, usage.estimated_calls),
        }
    )


def _bytes(message: Message) -> int:
    total = _PER_MESSAGE + len(message.content.encode("utf-8", "replace")) + len(message.tool_call_id or "")
    for call in message.tool_calls:
        texts = (call.id, call.name, call.arguments)
        total += _PER_CALL + sum(len(text.encode("utf-8", "replace")) for text in texts)
    # ASCII escapes make it longer, never shorter.
    return total + sum(
        len(json.dumps(extra)) for extra in (message.extra, *(call.extra for call in message.tool_calls)) if extra
    )


def _tools(tools: tuple[ToolSpec, ...]) -> int:
    return _TOOLS_FACTOR * sum(
        _PER_CALL
        + len(json.dumps([tool.name, tool.description, tool.parameters], ensure_ascii=False).encode("utf-8", "replace"))
        for tool in tools
    )

"""A model that plays a script: a real implementation of the port for tests of everything above it."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from agent.models.errors import ModelError, ScriptEnded
from agent.models.values import ChatRequest, Message, Reply, ToolCall
from agent.values import Usage

Line = Reply | ModelError
"""What the script says at one call: a reply, or the error that it raises."""


def says(content: str = "", *calls: ToolCall, usage: Usage | None = None) -> Reply:
    """Return a reply with this text and these tool calls, as a script needs it."""
    return Reply(
        message=Message(role="assistant", content=content, tool_calls=calls),
        finish="tool_calls" if calls else "stop",
        usage=usage or Usage(calls=1, input_tokens=10, output_tokens=5),
        model="scripted",
    )


class ScriptedModel:
    """Gives listed replies in order, or those of a function of the request. Fails loudly when it runs out.

    Attributes:
        requests: everything that was asked so far, in order of arrival.
    """

    def __init__(
        self,
        script: Iterable[Line] | Callable[[ChatRequest], Line],
        *,
        name: str = "scripted",
        latency_s: float = 0.0,
    ) -> None:
        """Take the script.

        Args:
            script: replies in order; or what answers a request, called by several threads at once when the model is.
            name: see `ChatModel.name`.
            latency_s: seconds that each call takes.
        """
        self._answer = script if callable(script) else None
        self._lines: list[Line] = [] if callable(script) else list(script)
        self._name = name
        self._latency_s = latency_s
        self._lock = threading.Lock()
        self.requests: list[ChatRequest] = []

    @property
    def name(self) -> str:
        """See `ChatModel.name`."""
        return self._name

    @property
    def left(self) -> int:
        """Lines that nobody has asked for yet; 0 when a function answers."""
        with self._lock:
            return len(self._lines)

    def complete(self, request: ChatRequest) -> Reply:
        """See `ChatModel.complete`.

        Raises:
            ScriptEnded: it holds no more.
        """
        with self._lock:
            self.requests.append(request)
            asked = len(self.requests)
            if self._answer is None:
                if not self._lines:
                    raise ScriptEnded(
                        f"The script of {self._name} ended before call {asked}: {_last(request.messages)}"
                    )
                line = self._lines.pop(0)
        if self._answer is not None:
            line = self._answer(request)
        if self._latency_s:
            time.sleep(self._latency_s)
        if isinstance(line, ModelError):
            raise line
        return line


def _last(messages: Sequence[Message]) -> str:
    """The end of a conversation, for the error."""
    return f"{messages[-1].role} said {messages[-1].content[:200]!r}" if messages else "an empty conversation"

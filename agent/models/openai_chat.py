"""Chat models behind any endpoint that speaks the Chat Completions interface: hosted, vLLM, Ollama, llama.cpp."""

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from agent.models import chunks, wire
from agent.models.dialect import Dialect, adapted
from agent.models.errors import ModelError, ModelUnavailable, Refused
from agent.models.translate import Fault, read_fault, translate
from agent.models.transport import Answer, Transport
from agent.models.values import ChatRequest, Reply

ToolProtocol = Literal["auto", "native", "text"]
_ADAPTATIONS = 8
"""Times that one call is written anew for what the endpoint rejects; each of them is learned once and for all."""


class OpenAIChat:
    """One model of one endpoint. Sends each call once; repeat it with `RetryingModel`, outside of the budget.

    It finds out what the endpoint takes by its rejections, which cost nothing, and remembers it: the name of the limit of output
    tokens, parameters that a reasoning model does not have, and whether tools must be called in text. Nothing is imported or
    opened before the first call. Safe to use from several threads.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 600.0,
        connections: int = 256,
        tool_protocol: ToolProtocol = "auto",
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the values.

        Args:
            name: as the user named it. Without a base URL, `openai/NAME` is `NAME` to the endpoint.
            base_url: up to `/v1`; None: OpenAI's own.
            api_key: None: none is sent. It never shows in an error, a log or a `repr`.
            headers: sent with each request; their values are as secret as the key.
            timeout_s: seconds of one try.
            connections: calls at once, at most; more wait.
            tool_protocol: `native`; `text`; or `auto`, native until the endpoint says that it has no tools, then text.
            stop: once set, calls under way end within a second with `ModelUnavailable("stopped")`, and later ones at once.
            clock: seconds, monotonic.
        """
        self._name = name
        self._model = name.removeprefix("openai/") if base_url is None else name
        self._protocol = tool_protocol
        self._clock = clock
        self._lock = threading.Lock()
        self._dialect = Dialect(text_tools=tool_protocol == "text")
        self._transport = Transport(
            base_url=base_url,
            api_key=api_key,
            headers=headers or {},
            timeout_s=timeout_s,
            connections=connections,
            stop=stop,
        )

    @property
    def name(self) -> str:
        """See `ChatModel.name`."""
        return self._name

    @property
    def dialect(self) -> Dialect:
        """What is known by now of what the endpoint takes."""
        with self._lock:
            return self._dialect

    def close(self) -> None:
        """Close all connections; calls under way end with `ModelUnavailable`."""
        self._transport.close()

    def complete(self, request: ChatRequest) -> Reply:
        """See `ChatModel.complete`, but for repetitions."""
        start = self._clock()
        for _ in range(_ADAPTATIONS):
            dialect = self.dialect
            answer = self._transport.post("/chat/completions", wire.encode(self._model, request, dialect))
            data = _object(answer) if answer.status < 300 else None
            error = wire.error_in(data) if data is not None else None
            if data is not None and error is None:
                reply = self._read(data, request, dialect)
                return reply.model_copy(update={"seconds": self._clock() - start})
            if data is None and answer.status < 300:
                raise self._unreadable("the body is no JSON object")
            fault = self._fault(answer, error)
            if not self._learn(dialect, request, fault):
                break
        raise translate(fault, model=self._name, endpoint=self._transport.endpoint)

    def _read(self, data: Mapping[str, Any], request: ChatRequest, dialect: Dialect) -> Reply:
        """The reply in an answer, or the error that it is in truth. What came as an answer is billed as one."""
        usage = wire.usage_of(data)
        known = usage if usage.input_tokens else None
        if wire.is_filtered(data):
            raise Refused(
                f"{self._transport.endpoint} withheld the answer.",
                hint="Its content filter is at work; another endpoint may have none.",
                usage=known,
                maybe_billed=True,
            )
        try:
            return wire.decode(data, request, dialect, lenient_tools=self._protocol == "auto")
        except (wire.Unreadable, RecursionError) as error:
            raise self._unreadable(str(error), usage=known) from None

    def _learn(self, dialect: Dialect, request: ChatRequest, fault: Fault) -> bool:
        """Say whether another try is worth while, because something was learned from the fault, here or by another thread."""
        better = adapted(dialect, request, fault, tools_by_text=self._protocol == "auto")
        with self._lock:
            if better is None:
                return False
            changed = {
                field.name: getattr(better, field.name)
                for field in dataclasses.fields(Dialect)
                if getattr(better, field.name) != getattr(dialect, field.name)
            }
            for name in ("dropped", "withheld"):
                if name in changed:
                    changed[name] |= getattr(self._dialect, name)
            self._dialect = dataclasses.replace(self._dialect, **changed)
            return True

    def _fault(self, answer: Answer, error: Any) -> Fault:
        """What went wrong; `error` is what stands in a successful answer."""
        body = answer.body if error is None else json.dumps({"error": error}).encode()
        fault = read_fault(answer.status, body, answer.headers)
        return dataclasses.replace(fault, message=self._transport.redact(fault.message))

    def _unreadable(self, why: str, **known: Any) -> ModelError:
        return ModelUnavailable(
            f"{self._transport.endpoint} sent an answer that cannot be read: {why}.",
            hint="Check that the base URL is that of a chat endpoint; it usually ends in /v1.",
            maybe_billed=True,
            **known,
        )


def _object(answer: Answer) -> Mapping[str, Any] | None:
    """The JSON object in an answer; None where there is none."""
    if chunks.is_stream(answer.body):
        return chunks.joined(answer.body)
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None

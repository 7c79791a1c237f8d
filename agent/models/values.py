"""Values of one model call."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from agent.values import Usage
from sandbox.values import Value


class ToolSpec(Value):
    """A tool as the model is told of it."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON schema of an object."""


class ToolCall(Value):
    """What the model asked for, as it wrote it: neither name nor arguments are checked yet."""

    id: str
    name: str
    arguments: str
    """JSON text, which may be malformed."""
    extra: Mapping[str, Any] = Field(default_factory=dict)
    """What else the endpoint put into the call; goes back to it as it came (Gemini's signatures of thoughts)."""


class Message(Value):
    """One entry of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant's message."""
    written: str = ""
    """Of an assistant's message whose calls stood in its text: that text, which goes back word by word. Else empty."""
    tool_call_id: str | None = None
    """Of a tool's message: the call that it answers."""
    extra: Mapping[str, Any] = Field(default_factory=dict)
    """Of an assistant's message: what else the endpoint put into it; goes back to it as it came, as many models want their
    reasoning returned (`reasoning_content`, `reasoning_details`)."""


class Sampling(Value):
    """How a reply is drawn. None leaves a parameter to the endpoint."""

    temperature: float | None = Field(default=None, ge=0)
    max_output_tokens: int = Field(default=8192, ge=1)
    """Reasoning included where the model reasons."""
    seed: int | None = None
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None
    top_logprobs: int = Field(default=0, ge=0, le=20)
    """Alternatives per token; 0 asks for no log-probabilities."""


class ChatRequest(Value):
    """One question to a model."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling = Sampling()


class TokenLogprob(Value):
    """One token of a reply with its likeliest alternatives."""

    token: str
    logprob: float
    """Natural logarithm."""
    top: tuple[tuple[str, float], ...] = ()
    """(token, log-probability), likeliest first; usually holds the token itself."""


class Reply(Value):
    """What came back."""

    message: Message
    finish: Literal["stop", "tool_calls", "length"]
    """`length`: cut off at `max_output_tokens`; what is there is incomplete."""
    usage: Usage
    model: str
    """As the endpoint names it."""
    reasoning: str = ""
    """The model's own thoughts where the endpoint shows them, for people; what goes back to the endpoint is `Message.extra`."""
    note: str = ""
    """What was left out of the reply on reading it, in words for the model; empty: nothing."""
    logprobs: tuple[TokenLogprob, ...] | None = None
    """None when the endpoint gave none."""
    seconds: float = 0.0
    """From request to reply, retries included."""
    served: bool = False
    """It comes from a journal: it was paid for before, and budgets have already counted it."""

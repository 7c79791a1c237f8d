"""What an endpoint takes: learned from what it rejects, as no list of models stays true."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.models import extras
from agent.models.translate import Fault, is_context_full
from agent.models.values import ChatRequest

COUNTED = "stream_options"
"""What asks for the token counts of a stream."""
_LIMITS = ("max_tokens", "max_completion_tokens")
_OPTIONAL = {
    "temperature": ("temperature",),
    "seed": ("seed",),
    "reasoning_effort": ("reasoning_effort", "reasoning effort"),
    "logprobs": ("logprobs", "top_logprobs"),
}
"""What a request can do without, and under which names an endpoint may complain of it."""
_NO_TOOLS = re.compile(
    r"does(?: not|n't) support (?:tool|function)|(?:tool|function)[ _-]?(?:use|call\w*|s)? (?:is|are) not (?:supported|enabled|available)"
    r"|support tool use|enable-auto-tool-choice|tool-call-parser|tools? param requires|requires --jinja"
    r"|unsupported parameter:? '?\"?tools|(?:tools|functions)\W+(?:is|are) not (?:supported|allowed|permitted)",
    re.IGNORECASE,
)
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|does(?: not|n't) support|unrecognized|unknown|unexpected|not permitted|not allowed|not available"
    r"|only the default|incompatible|extra (?:inputs|fields)|invalid|deprecated|cannot be",
    re.IGNORECASE,
)


_STREAM_ONLY = re.compile(
    r"only supports? stream|stream(?:ing)? (?:mode )?(?:only|is required|must be)|enable (?:the )?stream|stream.{0,20}set to true",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dialect:
    """How requests are written for one endpoint."""

    limit: str = "max_tokens"
    """The name of the limit of output tokens. Old endpoints ignore the new name in silence, new ones reject the old one."""
    limit_cap: int | None = None
    """Most output tokens that the endpoint lets one ask for; None: no such limit is known."""
    dropped: frozenset[str] = frozenset()
    """Keys of `_OPTIONAL`, or `COUNTED`, that it rejects."""
    text_tools: bool = False
    """Tools are described and called in text."""
    withheld: frozenset[str] = frozenset()
    """Fields of the model's own earlier messages (`agent.models.extras`) that it does not want back."""
    stream: bool = False
    """It answers in pieces and in no other way."""


def adapted(dialect: Dialect, request: ChatRequest, fault: Fault, *, tools_by_text: bool) -> Dialect | None:
    """Return the dialect in which the request is worth another try; None: the fault is not one of dialect.

    Args:
        dialect: in which the request was written.
        request: what was asked.
        fault: what the endpoint said.
        tools_by_text: tools may be called in text where the endpoint knows no other way.
    """
    if fault.status not in (400, 404, 422, 500, 501) or is_context_full(fault):
        return None
    if request.tools and not dialect.text_tools and (_NO_TOOLS.search(fault.message) or fault.param == "tools"):
        return replace(dialect, text_tools=True) if tools_by_text else None
    if fault.status not in (400, 422):
        return None
    if not dialect.stream and _STREAM_ONLY.search(fault.message):
        return replace(dialect, stream=True)
    if _names(fault, _LIMITS):
        return _with_other_limit(dialect, request, fault)
    return _without_parameter(dialect, request, fault)


def sent(request: ChatRequest) -> Mapping[str, Any]:
    """Return the optional parameters that a request asks for, by their keys in `_OPTIONAL`."""
    sampling = request.sampling
    values = {
        "temperature": sampling.temperature,
        "seed": sampling.seed,
        "reasoning_effort": sampling.reasoning_effort,
        "logprobs": sampling.top_logprobs or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _without_parameter(dialect: Dialect, request: ChatRequest, fault: Fault) -> Dialect | None:
    if fault.param is not None or _UNSUPPORTED.search(fault.message):
        for key, names in _OPTIONAL.items():
            if key not in dialect.dropped and _names(fault, names) and key in sent(request):
                return replace(dialect, dropped=dialect.dropped | {key})
    if dialect.stream and COUNTED not in dialect.dropped and _names(fault, (COUNTED,)):
        return replace(dialect, dropped=dialect.dropped | {COUNTED})
    unwanted = extras.unwanted(request.messages, f"{fault.message} {fault.param or ''}") - dialect.withheld
    return replace(dialect, withheld=dialect.withheld | unwanted) if unwanted and not dialect.text_tools else None


def _names(fault: Fault, names: tuple[str, ...]) -> bool:
    if fault.param in names:
        return True
    return any(re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", fault.message) for name in names)


def _with_other_limit(dialect: Dialect, request: ChatRequest, fault: Fault) -> Dialect | None:
    """Ask for fewer tokens, or call the limit by its other name. Never without a limit: the budget counts on it."""
    asked = min(request.sampling.max_output_tokens, dialect.limit_cap or request.sampling.max_output_tokens)
    if "instead" not in fault.message:
        smaller = [
            number for text in re.findall(r"\d+", fault.message.replace(",", "")) if 1 < (number := int(text)) < asked
        ]
        if smaller:
            return replace(dialect, limit_cap=max(smaller))
    if dialect.limit == _LIMITS[0] and _UNSUPPORTED.search(fault.message):
        return replace(dialect, limit=_LIMITS[1])
    return None

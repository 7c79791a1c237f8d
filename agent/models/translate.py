"""What endpoints say when they fail, as our errors. The one place that knows their words."""

import email.utils
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.models.errors import AuthenticationFailed, ContextFull, ModelError, ModelRejected, ModelUnavailable, Refused

_RETRYABLE = {408, 409, 425, 429}
_CONTEXT_CODES = {
    "context_length_exceeded",
    "exceed_context_size_error",
    "context_window_exceeded",
    "string_above_max_length",
}
_CONTEXT = re.compile(
    r"maximum context length|context[_ ]length[_ ]exceeded|exceeds? (?:the )?(?:\w+ )*context (?:size|window|length)"
    r"|context (?:size|window|length) (?:has been |is |was )?exceeded|context window (?:of|limit)|prompt is too long"
    r"|input (?:is|was) too long|prompt too long|input length .{0,40}exceed|exceeds? the maximum number of (?:input )?tokens"
    r"|maximum (?:number of )?(?:input|prompt) tokens|too many (?:input |prompt )?tokens|max_model_len|reduce the length of",
    re.IGNORECASE,
)
_FILTER_CODES = {
    "content_filter",
    "content_policy_violation",
    "responsibleaipolicyviolation",
    "invalid_prompt",
    "data_inspection_failed",
}
_FILTER = re.compile(
    r"content (?:management|filter|polic)\w*|content_filter|safety (?:system|filter|polic)|usage polic|flagged as potentially|moderation",
    re.IGNORECASE,
)
_QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"}
_QUOTA_WORDS = re.compile(
    r"exceeded your current quota|insufficient (?:balance|credit|funds|quota)|credit balance is too low", re.IGNORECASE
)
_UNKNOWN_MODEL = re.compile(
    r"model .{0,200}(?:not found|does not exist|not exist|unknown)|no such model|unknown model|invalid model|model_not_found",
    re.IGNORECASE,
)
_LOADING = re.compile(r"loading model|model is (?:currently )?loading", re.IGNORECASE)
_SHOWN = 500
"""Characters of the endpoint's own words in a message."""


@dataclass(frozen=True)
class Fault:
    """What an endpoint said instead of an answer."""

    status: int
    message: str
    code: str = ""
    """Its code and its type, in small letters, one after the other."""
    param: str | None = None
    """The parameter that it names as the cause."""
    retry_after_s: float | None = None


def read_fault(status: int, body: bytes, headers: Mapping[str, str], *, now: Callable[[], float] = time.time) -> Fault:
    """Return what a failed answer says, whatever its form: JSON of several fashions, text, or a proxy's page.

    Args:
        status: HTTP status; that of a fault inside of a successful answer is taken from its code where it has one.
        body: as received.
        headers: by names in small letters.
        now: seconds of the epoch, for a `Retry-After` that is a date.
    """
    wait = retry_after(headers, now=now)
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        text = re.sub(r"<[^>]*>|\s+", " ", body.decode("utf-8", "replace")).strip()
        return Fault(status, text or "no reason given", retry_after_s=wait)
    data = data[0] if isinstance(data, list) and data else data
    inner = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(inner, dict):
        return Fault(status, str(inner), retry_after_s=wait)
    message = next((inner[key] for key in ("message", "detail", "msg", "error") if inner.get(key)), inner)
    code = f"{inner.get('code') or ''} {inner.get('type') or ''} {inner.get('status') or ''}".lower().strip()
    number = inner.get("code")
    if status < 400:
        status = number if isinstance(number, int) and 400 <= number < 600 else 500
    param = inner.get("param")
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return Fault(status, text, code, param if isinstance(param, str) else None, wait)


def retry_after(headers: Mapping[str, str], *, now: Callable[[], float] = time.time) -> float | None:
    """Return the seconds that an endpoint asks to wait; None when it says nothing that can be read. Never negative."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now())
    except (ValueError, OverflowError):
        return None


def is_context_full(fault: Fault) -> bool:
    """Say whether the conversation was too long."""
    if fault.status == 413 or any(code in _CONTEXT_CODES for code in fault.code.split()):
        return True
    return fault.status in (400, 422, 500) and bool(_CONTEXT.search(fault.message))


def translate(fault: Fault, *, model: str, endpoint: str) -> ModelError:  # noqa: PLR0911 (one for each kind)
    """Return the error that a fault is.

    Args:
        fault: what the endpoint said, without secrets.
        model: its name, for the message.
        endpoint: its address, for the message.
    """
    codes, said = set(fault.code.split()), fault.message[:_SHOWN]
    told = f"{endpoint} answered {fault.status}: {said}"
    if is_context_full(fault):
        return ContextFull(
            f"The conversation is longer than {model} takes: {said}", hint="Choose a model with a longer context."
        )
    if fault.status in (401, 403) and not _filtered(fault, codes):
        return AuthenticationFailed(
            f"{endpoint} does not accept the API key: {said}",
            hint="Set OPENAI_API_KEY to a key of this endpoint that may use this model.",
        )
    if codes & _QUOTA or fault.status == 402 or _QUOTA_WORDS.search(fault.message):
        return ModelUnavailable(told, hint="The account at the endpoint is used up: add credit there.", retryable=False)
    if fault.status < 500 and _filtered(fault, codes):
        return Refused(
            f"{endpoint} declined to answer: {said}",
            hint="Its content filter is at work; another endpoint may have none.",
            maybe_billed=True,
        )
    if fault.status in _RETRYABLE or fault.status >= 500 or _LOADING.search(fault.message):
        hint = (
            "The endpoint limits the rate of calls: run fewer trajectories at once."
            if fault.status == 429
            else "Try again later."
        )
        limited = fault.status == 429 or fault.retry_after_s is not None
        return ModelUnavailable(told, hint=hint, retry_after_s=fault.retry_after_s, limited=limited)
    if fault.status == 404 or _UNKNOWN_MODEL.search(fault.message) or "model_not_found" in codes:
        return ModelRejected(
            f"{endpoint} does not know the model {model}, or is no chat endpoint: {said}",
            hint="Check the model's name and the base URL, which usually ends in /v1.",
        )
    return ModelRejected(told, hint="The endpoint does not take this request; repeating it cannot help.")


def _filtered(fault: Fault, codes: set[str]) -> bool:
    return bool(codes & _FILTER_CODES) or (fault.status in (400, 403, 451) and bool(_FILTER.search(fault.message)))


def _number(text: str | None) -> float | None:
    """A number of a header; None when it is none, negative or endless."""
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None

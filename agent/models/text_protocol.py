"""Tool calls as text, for models without native ones.

A call is a block of lines:

    <tool_call name="edit">
    <arg name="path">src/a.py</arg>
    <arg name="new">
    any text, kept to the byte; the line breaks beside the tags do not belong to it
    </arg>
    </tool_call>

Strings stand as they are, everything else as JSON; `type="json"` says so where the schema leaves it open. A line of a value that
begins like one of the tags gets a backslash before its `<` (and one more before backslashes that stand there already), which
is taken off again: so every value can be written. Reading is tolerant: fences around blocks, missing end tags at the end, tags
of other habits (`{"name": ..., "arguments": ...}` in a block), single quotes. Tags count only at the beginning of a line.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from agent.models.values import Message, ToolCall, ToolSpec

_CALL, _ARG, _RESULT = "tool_call", "arg", "tool_result"
_TAGS = tuple(f"<{slash}{name}" for slash in ("", "/") for name in (_CALL, _ARG, _RESULT))
_TAG = re.compile(rf"^([ \t]*)(\\*)(?=</?(?:{_CALL}|{_ARG}|{_RESULT})\b)", re.MULTILINE)
_ESCAPED = re.compile(rf"^([ \t]*)\\(\\*)(?=</?(?:{_CALL}|{_ARG}|{_RESULT})\b)", re.MULTILINE)
_ATTRIBUTES = r"((?:\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^>\"'\n])*)"
_OPEN = re.compile(rf"^[ \t]*<{_CALL}\b{_ATTRIBUTES}>[ \t]*", re.MULTILINE)
_CLOSE = re.compile(rf"^[ \t]*</{_CALL}>[ \t]*\n?", re.MULTILINE)
_LATE_CLOSE = re.compile(rf"(?<=</{_ARG}>)[ \t]*</{_CALL}>[ \t]*\n?")
_ARG_OPEN = re.compile(rf"^[ \t]*<{_ARG}\b{_ATTRIBUTES}>", re.MULTILINE)
_ARG_CLOSE = re.compile(rf"^[ \t]*</{_ARG}>[ \t]*$", re.MULTILINE)
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s>\"']+)")
_INVENTED = re.compile(rf"^[ \t]*<{_RESULT}\b", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*```[\w-]*[ \t]*$")

_MADE_UP = (
    "You wrote a <tool_result> yourself. It is not real, and all that stood in your reply from there on{calls}was dropped "
    "unread: results come in the next message, after you have ended yours."
)
INSTRUCTIONS = """\
# Tools

You act by calling tools. Write each call as a block of lines of its own, exactly in this form:

<tool_call name="NAME">
<arg name="PARAMETER">value</arg>
<arg name="OTHER">
a value of several lines, as it is: no quotes, no escapes
</arg>
</tool_call>

Strings stand as they are; numbers, true, false, null, lists and objects as JSON. The line breaks right after <arg ...> and right \
before </arg> do not belong to the value. Where a line of a value itself begins with one of these tags, put a backslash before \
its <. Several calls may follow one another; they are carried out in that order, and each result comes back in a <tool_result> \
block with the tool's name. Never write <tool_result> yourself: end your message after the last call.

The tools, with the JSON schema of their parameters:
"""


class Parsed(NamedTuple):
    """A reply's text, taken apart."""

    content: str
    """What is not part of a call."""
    calls: tuple[tuple[str, str], ...]
    """(name, arguments as JSON text) in order."""
    written: str
    """All that was read, as it stood: the text without a result that the model made up, and what it wrote behind that."""
    note: str = ""
    """What was not read, in words for the model; empty: nothing."""


def describe(tools: Sequence[ToolSpec]) -> str:
    """Return what the system prompt says of the tools; empty without tools."""
    if not tools:
        return ""
    parts = [f"\n## {tool.name}\n\n{tool.description}\n\n{_json(tool.parameters)}\n" for tool in tools]
    return INSTRUCTIONS + "".join(parts)


def render(messages: Iterable[Message], tools: Sequence[ToolSpec]) -> list[dict[str, str]]:
    """Return a conversation in roles and plain text alone: calls and results as blocks, tools in the first system message.

    Messages of one role that follow each other become one, as some templates demand that roles take turns.
    """
    open_text = {tool.name: _open_parameters(tool) for tool in tools}
    rendered: list[dict[str, str]] = []
    described = describe(tools)
    names: dict[str, str] = {}
    for message in messages:
        role, text = message.role, message.content
        if role == "assistant":
            names = {call.id: call.name for call in message.tool_calls}
            blocks = [render_call(call.name, call.arguments, open_text.get(call.name)) for call in message.tool_calls]
            # Word by word where it is known: a model learns from what it seems to have written, and caches hit.
            text = message.written or "\n\n".join(filter(None, (text, *blocks)))
        elif role == "tool":
            role, text = "user", _result(names.get(message.tool_call_id or "", "tool"), text)
        elif role == "system" and described:
            text, described = f"{text}\n\n{described}", ""
        if rendered and rendered[-1]["role"] == role:
            rendered[-1]["content"] += f"\n\n{text}"
        else:
            rendered.append({"role": role, "content": text})
    if described:
        rendered.insert(0, {"role": "system", "content": described})
    return rendered


@lru_cache(maxsize=2048)
def render_call(name: str, arguments: str, open_text: frozenset[str] | None = None) -> str:
    """Return one call as a block.

    Args:
        name: the tool's.
        arguments: JSON text; what is no JSON object stands in the block as it is.
        open_text: parameters whose values are strings and nothing else; None: nothing is known of them.
    """
    head = f"<{_CALL} name={_tagless(name)}>"
    try:
        values = json.loads(arguments)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return f"{head}\n{_escape(arguments)}\n</{_CALL}>"
    args = [_render_arg(key, value, text=open_text is None or key in open_text) for key, value in values.items()]
    return "\n".join((head, *args, f"</{_CALL}>"))


def parse(text: str, tools: Sequence[ToolSpec] = (), *, complete: bool = True) -> Parsed:
    """Return the calls in a reply.

    Args:
        text: what the model wrote.
        tools: their schemas say which values are strings. Values of unknown parameters are strings.
        complete: False when the reply was cut off: a call without its end tag then gets arguments that are no JSON, so that
            nobody carries out half of it.
    """
    invented = _INVENTED.search(text)
    note = ""
    if invented:
        behind = len(_OPEN.findall(text, invented.start()))
        text = text[: invented.start()]
        note = _MADE_UP.format(calls=f", with {behind} call{'s' * (behind > 1)}, " if behind else " ")
    strings = {tool.name: _string_parameters(tool) for tool in tools}
    contents: list[str] = []
    calls: list[tuple[str, str]] = []
    position = 0
    while opening := _OPEN.search(text, position):
        contents.append(_unfenced(text[position : opening.start()]))
        body, position, closed = _body(text, opening.end())
        name = _attributes(opening[1]).get("name", "")
        name, arguments = _read(name, body, strings)
        calls.append((name, arguments if closed or complete else f"{body} [cut off]"))
    contents.append(_unfenced(text[position:]) if calls else text)
    content = "\n".join(part for part in (content.strip() for content in contents) if part) if calls else text
    return Parsed(content, tuple(calls), text.rstrip(), note)


def as_calls(parsed: Parsed, *, offset: int) -> tuple[ToolCall, ...]:
    """Return parsed calls with ids; `offset` calls came before them in the conversation."""
    return tuple(
        ToolCall(id=f"call_{offset + index}", name=name, arguments=arguments)
        for index, (name, arguments) in enumerate(parsed.calls, start=1)
    )


def _body(text: str, start: int) -> tuple[str, int, bool]:
    """What a block holds, where the text goes on, and whether the block was closed."""
    inline = text.find(f"</{_CALL}>", start)
    line_end = text.find("\n", start)
    if inline >= 0 and (line_end < 0 or inline < line_end):
        return text[start:inline], inline + len(f"</{_CALL}>"), True
    start = start + 1 if text[start : start + 1] == "\n" else start
    opening = _OPEN.search(text, start)
    stop = opening.start() if opening else len(text)
    closing = _CLOSE.search(text, start, stop) or _LATE_CLOSE.search(text, start, stop)
    if closing:
        return text[start : closing.start()].removesuffix("\n"), closing.end(), True
    if opening:
        return text[start:stop].rstrip("\n"), stop, True
    lines = text[start:].rstrip().split("\n")
    if _FENCE.match(lines[-1]):
        lines.pop()
    return "\n".join(lines), len(text), False


def _read(name: str, body: str, strings: Mapping[str, Mapping[str, bool]]) -> tuple[str, str]:
    """The name and the arguments of a block."""
    arguments: dict[str, Any] = {}
    position, found = 0, False
    while opening := _ARG_OPEN.search(body, position):
        found = True
        attributes = _attributes(opening[1])
        value, position = _value(body, opening.end())
        key = attributes.get("name", "")
        is_string = strings.get(name, {}).get(key, True)
        arguments[key] = value if is_string and attributes.get("type") != "json" else _loaded(value)
    if found or not body.strip():
        return name, _json(arguments)
    whole = _loaded(_unescape(body).strip())
    if isinstance(whole, dict) and not name and isinstance(whole.get("name"), str):
        inner = whole.get("arguments", whole.get("parameters", {}))
        return whole["name"], inner if isinstance(inner, str) else _json(inner)
    return name, _json(whole) if isinstance(whole, dict) else _unescape(body)


def _value(body: str, start: int) -> tuple[str, int]:
    """A value and the place behind its end tag."""
    end = f"</{_ARG}>"
    line_end = body.find("\n", start)
    line_end = len(body) if line_end < 0 else line_end
    inline = body.find(end, start, line_end)
    if inline >= 0:
        return _unescape(body[start:inline]), inline + len(end)
    start = start + 1 if line_end == start else start
    # Another argument never begins inside of a value, where its tag would have a backslash.
    following = _ARG_OPEN.search(body, start)
    stop = following.start() if following else len(body)
    closing = _ARG_CLOSE.search(body, start, stop)
    if closing:
        return _unescape(body[start : closing.start()].removesuffix("\n")), closing.end()
    # The end tag stands behind the last line of the value, or is missing.
    late = body.rfind(end, start, stop)
    if late >= 0:
        return _unescape(body[start:late]), late + len(end)
    return _unescape(body[start:stop].removesuffix("\n")), stop


def _render_arg(key: str, value: Any, *, text: bool) -> str:
    name = f"<{_ARG} name={_tagless(key)}"
    if not isinstance(value, str) or not text:
        return f'{name} type="json">{_tagless(value)}</{_ARG}>'
    short = len(value) <= 120 and "\n" not in value and "<" not in value and "\r" not in value and value != ""
    return f"{name}>{value}</{_ARG}>" if short else f"{name}>\n{_escape(value)}\n</{_ARG}>"


def _result(name: str, text: str) -> str:
    return f"<{_RESULT} name={_tagless(name)}>\n{_escape(text)}\n</{_RESULT}>"


def _escape(text: str) -> str:
    # Looking for the bare tags first is fifty times as fast, and nearly every text has none.
    return _TAG.sub(r"\1\\\2", text) if any(tag in text for tag in _TAGS) else text


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1\2", text) if any(tag in text for tag in _TAGS) else text


def _attributes(text: str) -> dict[str, str]:
    """Attributes of a tag; quoted values are JSON strings where they can be read so."""
    found: dict[str, str] = {}
    for key, raw in _ATTRIBUTE.findall(text):
        quoted = raw[:1] in ('"', "'")
        loaded = _loaded(raw) if raw[:1] == '"' else raw.strip("'")
        found[key] = loaded if isinstance(loaded, str) else raw
        if quoted and found[key] == raw:
            found[key] = raw.strip("\"'")
    return found


def _loaded(text: str) -> Any:
    """JSON, or the text itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tagless(value: Any) -> str:
    """JSON in which nothing looks like a tag."""
    return _json(value).replace("<", "\\u003c")


def _unfenced(text: str) -> str:
    """Text between calls without the fences that stood around them."""
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if lines and _FENCE.match(lines[-1]):
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    if lines and re.fullmatch(r"[ \t]*```[ \t]*", lines[0]):
        lines.pop(0)
    return "\n".join(lines)


def _string_parameters(tool: ToolSpec) -> dict[str, bool]:
    """By parameter: whether its values may be strings."""
    properties = tool.parameters.get("properties")
    return {name: _may_be_string(schema) for name, schema in properties.items()} if isinstance(properties, dict) else {}


def _open_parameters(tool: ToolSpec) -> frozenset[str]:
    return frozenset(name for name, string in _string_parameters(tool).items() if string)


def _may_be_string(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return True
    kinds = schema.get("type")
    if kinds is None:
        options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        if "enum" in schema:
            return any(isinstance(value, str) for value in schema["enum"])
        return any(_may_be_string(option) for option in options) if options else True
    return "string" in (kinds if isinstance(kinds, list) else [kinds])

"""Arguments as models write them: read with patience, then checked against the tool's schema. Pure.

What a model meant is taken where it is unmistakable (an empty string, a code fence, a number as a string); everything
else comes back as one sentence that says which argument is wrong and what is expected.
"""

import ast
import difflib
import json
import re
from collections.abc import Mapping
from typing import Any

from agent.tools.text import one_line

_FENCE = re.compile(r"\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
_SYNONYMS = {
    "cmd": "command", "old_str": "old", "old_string": "old", "new_str": "new", "new_string": "new", "file_path": "path",
    "filename": "path", "file": "path", "query": "pattern", "regex": "pattern", "start_line": "start", "end_line": "end",
}  # fmt: skip
"""What other agents call these arguments; taken where nothing else can be meant."""
_WRAPPERS = ("arguments", "parameters", "input")
_NAMES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


class Invalid(ValueError):
    """The arguments cannot be used; the message is for the model."""


def read_arguments(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, valid against the schema.

    Args:
        text: JSON as the model wrote it.
        schema: JSON schema of an object: `properties` (type, enum, minimum, items), `required`.

    Raises:
        Invalid: they are no JSON object, or do not fit the schema.
    """
    found = _load(text)
    for wrapper in _WRAPPERS:
        if isinstance(found, dict) and set(found) == {wrapper} and wrapper not in schema["properties"]:
            found = _load(found[wrapper]) if isinstance(found[wrapper], str) else found[wrapper]
    found = _as_list(found, schema)
    if not isinstance(found, dict):
        raise Invalid(f"The arguments must be a JSON object, not {_kind(found)}. {_usage(schema)}")
    return _object(found, schema, "")


def _as_list(found: Any, schema: Mapping[str, Any]) -> Any:
    """Put one item, or a bare list of items, where the schema wants a list of objects and nothing else is required."""
    required = schema.get("required", ())
    whole = schema["properties"].get(required[0]) if len(required) == 1 else None
    if whole is None or whole["type"] != "array" or whole["items"]["type"] != "object":
        return found
    name = required[0]
    if isinstance(found, list):
        return {name: found}
    item = whole["items"]["properties"]
    found = _named(found, {**schema["properties"], **item}) if isinstance(found, dict) else found
    if isinstance(found, dict) and name not in found and set(found) & set(item):
        rest = {key: value for key, value in found.items() if key in schema["properties"]}
        return {**rest, name: [{key: value for key, value in found.items() if key not in rest}]}
    return found


def _load(text: str) -> Any:
    """Parse JSON, also inside a code fence, inside a string, with raw line breaks in strings or a comma too many."""
    fenced = _FENCE.fullmatch(text)
    text = fenced[1] if fenced else text
    if not text.strip():
        return {}
    try:
        found = _parse(text)
        return _load(found) if isinstance(found, str) and found.lstrip().startswith("{") else found
    except RecursionError:
        raise Invalid("The arguments are nested too deeply.") from None
    except ValueError as error:
        first = error
    try:
        return _parse(_TRAILING.sub(lambda match: match[1] or "", text))
    except (ValueError, RecursionError):
        found = _python(text)
        if found is None:
            raise Invalid(_complaint(text, first)) from None
        return found


def _python(text: str) -> dict[str, Any] | None:
    """Read a dictionary in Python's notation; None where it is none, or holds what JSON has not."""
    try:
        found = ast.literal_eval(text.strip())
        return json.loads(json.dumps(found)) if isinstance(found, dict) else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _parse(text: str) -> Any:
    return json.loads(text, strict=False, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _complaint(text: str, error: ValueError) -> str:
    at = error.pos if isinstance(error, json.JSONDecodeError) else 0
    if at >= len(text.rstrip()) or str(error).startswith("Unterminated string"):
        return (
            "The arguments end in the middle of the JSON: the call was probably cut off at the output limit. "
            "Send it again, in smaller parts if it is long."
        )
    near = one_line(text[max(0, at - 30) : at + 30], 80)
    reason = error.msg if isinstance(error, json.JSONDecodeError) else "not readable"
    return f"The arguments are not valid JSON: {reason} at character {at}, near: {near}"


def _object(found: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> dict[str, Any]:
    properties = schema["properties"]
    found = _named(found, properties)
    known = {name: value for name, value in found.items() if value is not None or name not in properties}
    for name in known:
        if name not in properties:
            near = difflib.get_close_matches(name, properties, n=1, cutoff=0.5)
            guess = f" Did you mean `{near[0]}`?" if near else ""
            raise Invalid(f"There is no argument `{_at(where, one_line(name, 60))}`.{guess} {_usage(schema)}")
    for name in schema.get("required", ()):
        if name not in known:
            raise Invalid(f"The argument `{_at(where, name)}` is missing. {_usage(schema)}")
    return {name: _value(value, properties[name], _at(where, name)) for name, value in known.items()}


def _named(found: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Put the tool's names of arguments for those of other agents' tools."""
    meant = {
        name: _SYNONYMS[name] if name not in properties and _SYNONYMS.get(name, "") in properties else name
        for name in found
    }
    return {meant[name] if meant[name] not in found else name: value for name, value in found.items()}


def _value(value: Any, schema: Mapping[str, Any], where: str) -> Any:
    kind = schema["type"]
    value = _coerced(value, kind)
    if not _is(value, kind):
        raise Invalid(f"The argument `{where}` must be {_NAMES[kind]}, not {_kind(value)}.")
    if kind == "string":
        value = _sound(value)
    if "enum" in schema and value not in schema["enum"]:
        raise Invalid(
            f"The argument `{where}` must be one of {', '.join(schema['enum'])}, not {one_line(str(value), 40)}."
        )
    if "minimum" in schema and value < schema["minimum"]:
        raise Invalid(f"The argument `{where}` must be at least {schema['minimum']}, not {value}.")
    if kind == "array":
        return [_value(item, schema["items"], f"{where}[{index}]") for index, item in enumerate(value)]
    if kind == "object":
        return _object(value, schema, where)
    return value


def _coerced(value: Any, kind: str) -> Any:
    """Return the value in its kind where only one reading is possible."""
    if kind in {"integer", "number"} and isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,15}(\.\d+)?\s*", value):
        value = float(value) if "." in value else int(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind == "boolean" and isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if kind in {"array", "object"} and isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            value = _parse(value)
        except (ValueError, RecursionError):
            return [value] if kind == "array" else value
    if kind == "array" and isinstance(value, str | dict):
        return [value]
    return value


def _is(value: Any, kind: str) -> bool:
    kinds: Mapping[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "array": (list,),
        "object": (dict,),
    }
    return isinstance(value, kinds[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _sound(text: str) -> str:
    """Join surrogate pairs that came as two escapes; a lone half cannot be written anywhere."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _kind(value: Any) -> str:
    return "null" if value is None else next(_NAMES[kind] for kind in _ORDER if _is(value, kind))


_ORDER = ("boolean", "integer", "number", "string", "array", "object")


def _usage(schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    names = [name if name in required else f"{name} (optional)" for name in schema["properties"]]
    return f"Arguments: {', '.join(names) or 'none'}."

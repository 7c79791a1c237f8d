import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tools.arguments import Invalid, read_arguments

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "command": {"type": "string"},
        "timeout": {"type": "number", "minimum": 1},
        "line": {"type": "integer"},
        "all": {"type": "boolean"},
        "op": {"type": "string", "enum": ["create", "delete"]},
        "tests": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["command"],
}
EDITS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "edits": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "line": {"type": "integer"}},
                "required": ["path"],
            },
        },
        "force": {"type": "boolean"},
    },
    "required": ["edits"],
}


@pytest.mark.parametrize(
    "text",
    [
        '{"command": "ls"}',
        '```json\n{"command": "ls"}\n```',
        '{"arguments": {"command": "ls"}}',
        '{"arguments": "{\\"command\\": \\"ls\\"}"}',
        '"{\\"command\\": \\"ls\\"}"',
        '{"command": "ls",}',
        '{"command": "ls", "timeout": null}',
    ],
)
def test_what_is_meant_is_taken(text: str) -> None:
    assert read_arguments(text, SCHEMA) == {"command": "ls"}


def test_nothing_is_no_arguments() -> None:
    assert read_arguments("", {"type": "object", "properties": {}}) == {}
    assert read_arguments("  \n", {"type": "object", "properties": {}}) == {}


def test_a_comma_inside_a_string_stays() -> None:
    assert read_arguments('{"command": "a,} b,]", "tests": ["x,",],}', SCHEMA) == {
        "command": "a,} b,]",
        "tests": ["x,"],
    }


def test_a_line_break_inside_a_string_is_one() -> None:
    assert read_arguments('{"command": "a\nb"}', SCHEMA) == {"command": "a\nb"}


@pytest.mark.parametrize(
    ("name", "given_", "taken"),
    [
        ("timeout", "12", 12),
        ("timeout", "1.5", 1.5),
        ("line", "-1", -1),
        ("line", 3.0, 3),
        ("all", "True", True),
        ("command", 5, "5"),
        ("tests", "tests/a.py", ["tests/a.py"]),
        ("tests", '["a", "b"]', ["a", "b"]),
        ("tests", "[x]", ["[x]"]),
        ("command", "\ud83d\ude00", "\U0001f600"),
        ("command", "a\ud800", "a\ufffd"),
    ],
)
def test_kinds_are_mended_where_only_one_reading_is_possible(name: str, given_: object, taken: object) -> None:
    assert read_arguments(json.dumps({"command": "ls", name: given_}), SCHEMA)[name] == taken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"comand": "ls"}',
            r"no argument `comand`. Did you mean `command`\? Arguments: command, timeout \(optional\)",
        ),
        ('{"timeout": 3}', "`command` is missing"),
        ('{"command": "ls", "timeout": "soon"}', "`timeout` must be a number, not a string"),
        ('{"command": "ls", "timeout": 0}', "`timeout` must be at least 1, not 0"),
        ('{"command": "ls", "timeout": NaN}', "not valid JSON"),
        ('{"command": "ls", "line": 1.5}', "`line` must be a whole number, not a number"),
        ('{"command": "ls", "line": true}', "`line` must be a whole number, not true or false"),
        ('{"command": "ls", "op": "move"}', "`op` must be one of create, delete, not move"),
        ('{"command": ["ls"]}', "`command` must be a string, not a list"),
        ('{"command": "ls", "tests": [1, {}]}', r"`tests\[1\]` must be a string, not an object"),
        ("[1]", "must be a JSON object, not a list"),
        ("null", "must be a JSON object, not null"),
        ('{"command": "ls', "cut off at the output limit"),
        ('{"command": "ls", "all": tru', "not valid JSON|cut off"),
        ("{'command': ls}", "not valid JSON: Expecting property name .* near: {'command'"),
        ("[" * 100_000, "nested too deeply|not valid JSON|cut off"),
        ('{"command": ' + "1" * 5000 + "}", "not valid JSON"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_arguments(text, SCHEMA)


def test_one_edit_may_stand_alone() -> None:
    wanted = {"edits": [{"path": "a", "line": 2}]}
    assert read_arguments('{"path": "a", "line": "2"}', EDITS) == wanted
    assert read_arguments('{"path": "a", "line": 2, "force": true}', EDITS) == {**wanted, "force": True}
    assert read_arguments('[{"path": "a", "line": 2}]', EDITS) == wanted
    assert read_arguments('{"edits": {"path": "a", "line": 2}}', EDITS) == wanted
    assert read_arguments('{"edits": "[{\\"path\\": \\"a\\", \\"line\\": 2}]"}', EDITS) == wanted
    with pytest.raises(Invalid, match=r"`edits\[0\].path` is missing"):
        read_arguments('{"line": 2}', EDITS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["command", "line", "edits", "x"]), inner)
    ),
    max_leaves=8,
)


@given(st.text() | json_values.map(json.dumps))
def test_whatever_comes_is_taken_or_refused(text: str) -> None:
    for schema in (SCHEMA, EDITS):
        try:
            found = read_arguments(text, schema)
        except Invalid as error:
            assert str(error)
        else:
            assert set(schema["required"]) <= set(found) <= set(schema["properties"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"cmd": "ls"}', {"command": "ls"}),
        ("{'command': 'ls', 'timeout': 5}", {"command": "ls", "timeout": 5}),
        ("{'command': 'it\\'s', 'timeout': None}", {"command": "it's"}),
    ],
)
def test_habits_of_other_agents(text: str, expected: dict[str, Any]) -> None:
    assert read_arguments(text, SCHEMA) == expected


@pytest.mark.parametrize(
    "text", ['{"cmd": "ls", "command": "pwd"}', "{'command': {1, 2}}", "{'command': open('x')}", "['ls']"]
)
def test_what_is_not_unmistakable_is_asked_for_again(text: str) -> None:
    with pytest.raises(Invalid):
        read_arguments(text, SCHEMA)


def test_an_edit_as_other_agents_write_it() -> None:
    texts = {name: {"type": "string"} for name in ("path", "old", "new")}
    items = {"type": "object", "properties": texts, "required": ["path"]}
    whole = {"properties": {"edits": {"type": "array", "items": items}}, "required": ["edits"]}
    found = read_arguments('{"file_path": "a.py", "old_string": "x", "new_string": "y"}', whole)
    assert found == {"edits": [{"path": "a.py", "old": "x", "new": "y"}]}

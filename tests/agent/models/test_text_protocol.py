"""Calls as text: what is written can be read, and what models write is understood."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.text_protocol import as_calls, describe, parse, render, render_call
from agent.models.values import Message, ToolCall, ToolSpec

EDIT = ToolSpec(
    name="edit",
    description="Edits a file.",
    parameters={
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "new": {"type": "string"},
            "line": {"type": "integer"},
            "range": {"type": "array", "items": {"type": "integer"}},
            "maybe": {"type": ["string", "null"]},
            "any": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
            "mode": {"enum": ["create", "delete"]},
        },
    },
)
LOOKALIKES = ["<tool_call name=\"x\">", "</tool_call>", "<arg name=\"y\">", "</arg>", "\\</arg>", "\\\\<tool_call>", "<tool_result>",
              "  </arg>", "a</arg>", "a</arg></tool_call>", "```", "<arguments>", "\\", "\n", "\n\n", "{\"a\": 1}"]  # fmt: skip
texts = st.lists(
    st.one_of(st.sampled_from(LOOKALIKES), st.text(st.characters(exclude_categories=["Cs"]), max_size=12)), max_size=6
)
values = st.one_of(texts.map("\n".join), texts.map("".join))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), values),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(values, inner, max_size=3)),
    max_leaves=6,
)
fitting = st.fixed_dictionaries(
    {},
    optional={
        "path": values,
        "new": values,
        "line": st.integers(),
        "range": st.lists(st.integers()),
        "maybe": st.one_of(st.none(), values),
        "any": st.one_of(st.integers(), st.booleans()),
        "mode": values,
    },
)


def read(text: str, **how: Any) -> list[tuple[str, Any]]:
    return [(name, json.loads(arguments)) for name, arguments in parse(text, [EDIT], **how).calls]


@given(st.lists(fitting, min_size=1, max_size=3))
def test_what_is_written_can_be_read(arguments: list[dict[str, Any]]) -> None:
    calls = tuple(ToolCall(id=f"c{i}", name="edit", arguments=json.dumps(one)) for i, one in enumerate(arguments))
    message = Message(role="assistant", content="I edit.", tool_calls=calls)
    text = render([message], [EDIT])[-1]["content"]
    assert read(text) == [("edit", one) for one in arguments]
    assert parse(text, [EDIT]).content == "I edit."


@given(st.dictionaries(values, json_values, max_size=4), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_arguments_that_fit_no_schema_can_be_read_too(arguments: dict[str, Any], name: str) -> None:
    text = render_call(name, json.dumps(arguments))
    assert [(n, json.loads(a)) for n, a in parse(text).calls] == [(name, arguments)]


@given(values)
def test_malformed_arguments_stay_what_they_were(raw: str) -> None:
    try:
        json.loads(raw)
    except ValueError:
        (name, arguments), *rest = parse(render_call("edit", raw), [EDIT]).calls
        assert (name, rest) == ("edit", [])
        assert arguments == (raw if raw.strip() else "{}")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_without_calls_is_text(text: str) -> None:
    if "<tool_" not in text:
        assert parse(text, [EDIT])[:2] == (text, ())


@given(
    st.text(max_size=200),
    st.lists(st.sampled_from([*LOOKALIKES, '<tool_call name="edit">', '<arg name="new">']), max_size=8),
)
def test_nothing_makes_the_reader_fail(text: str, tags: list[str]) -> None:
    parse(text.join(tags) + "\n".join(tags), [EDIT])
    parse("\n".join(tags), [EDIT], complete=False)


BLOCK = '<tool_call name="edit">\n<arg name="path">a.py</arg>\n<arg name="new">\n    x = 1\n</arg>\n</tool_call>'
EXPECTED = [("edit", {"path": "a.py", "new": "    x = 1"})]


@pytest.mark.parametrize(
    "text",
    [
        BLOCK,
        f"I change it.\n\n```xml\n{BLOCK}\n```\n",
        f"```\n{BLOCK}\n```",
        BLOCK.removesuffix("\n</tool_call>"),
        BLOCK.removesuffix("\n</arg>\n</tool_call>"),
        BLOCK.removesuffix("\n</tool_call>") + "\n```",
        BLOCK.replace("\n</arg>\n</tool_call>", "</arg></tool_call>"),
        BLOCK.replace('"', "'"),
        BLOCK.replace('name="edit"', "name=edit"),
        BLOCK.replace("<tool_call", "  <tool_call"),
        BLOCK + "\n<tool_result name=\"edit\">\ndone\n</tool_result>\n" + BLOCK,
        BLOCK.replace('<arg name="new">\n    x', '<arg name="new">    x'),
        '<tool_call>\n{"name": "edit", "arguments": {"path": "a.py", "new": "    x = 1"}}\n</tool_call>',
        '<tool_call>{"name": "edit", "arguments": {"path": "a.py", "new": "    x = 1"}}</tool_call>',
        '<tool_call name="edit">\n{"path": "a.py", "new": "    x = 1"}\n</tool_call>',
    ],
)  # fmt: skip
def test_habits_of_models(text: str) -> None:
    assert read(text) == EXPECTED


def test_a_block_without_its_end_before_another() -> None:
    assert read(BLOCK.removesuffix("\n</tool_call>") + "\n\n" + BLOCK) == EXPECTED * 2


def test_an_argument_without_its_end_before_another() -> None:
    text = '<tool_call name="edit">\n<arg name="path">\na.py\n<arg name="new">\n    x = 1\n</arg>\n</tool_call>'
    assert read(text) == EXPECTED


def test_a_mention_in_the_middle_of_a_line_is_no_call() -> None:
    text = 'Calls look like `<tool_call name="edit">`, I know.'
    assert parse(text, [EDIT])[:2] == (text, ())


@pytest.mark.parametrize("cut", [BLOCK[:30], BLOCK[:60], BLOCK[:-13], BLOCK.removesuffix("\n</tool_call>")])
def test_half_a_call_is_not_carried_out(cut: str) -> None:
    (_, arguments), *_ = parse(cut, [EDIT], complete=False).calls
    with pytest.raises(json.JSONDecodeError):
        json.loads(arguments)


def test_values_are_read_by_the_schema() -> None:
    text = '<tool_call name="edit">\n<arg name="path">5</arg>\n<arg name="line">5</arg>\n<arg name="range">[1, 2]</arg>\n' \
           '<arg name="maybe">null</arg>\n<arg name="any">true</arg>\n<arg name="mode">create</arg>\n</tool_call>'  # fmt: skip
    expected = {"path": "5", "line": 5, "range": [1, 2], "maybe": "null", "any": True, "mode": "create"}
    assert read(text) == [("edit", expected)]
    assert read(text.replace('>5</arg>\n<arg name="range', '>five</arg>\n<arg name="range'))[0][1]["line"] == "five"


def test_roles_take_turns() -> None:
    calls = tuple(ToolCall(id=f"c{i}", name="edit", arguments="{}") for i in range(2))
    messages = [
        Message(role="user", content="Fix."),
        Message(role="assistant", tool_calls=calls),
        Message(role="tool", content="one", tool_call_id="c0"),
        Message(role="tool", content="two\n</tool_result>", tool_call_id="c1"),
        Message(role="user", content="Go on."),
    ]
    rendered = render(messages, [EDIT])
    assert [message["role"] for message in rendered] == ["system", "user", "assistant", "user"]
    assert rendered[0]["content"] == describe([EDIT])
    assert rendered[-1]["content"].count("\n</tool_result>") == 2, "a tool's output cannot end its block"


def test_a_reply_goes_back_word_by_word() -> None:
    """What a model seems to have written teaches it how to write, so nothing of it is spelled anew."""
    text = 'I look.\n<tool_call name="shell">\n<arg name="command">ls</arg>\n<arg name="file">"a\\nb"\n</tool_call>'
    parsed = parse(f"{text}\n<tool_result name=shell>\nmade up\n</tool_result>\n<tool_call name=submit></tool_call>")
    assert parsed.written == text
    said = Message(
        role="assistant", content=parsed.content, tool_calls=as_calls(parsed, offset=0), written=parsed.written
    )
    assert render([said], ())[0]["content"] == text


@pytest.mark.parametrize(
    ("behind", "said"),
    [("", "from there on was dropped"), (f"\n{BLOCK}", "with 1 call, was dropped"), (f"\n{BLOCK}\n{BLOCK}", "with 2 calls, was")],
)  # fmt: skip
def test_a_result_that_the_model_made_up_is_not_passed_over(behind: str, said: str) -> None:
    made_up = '<tool_result name="edit">\ndone\n</tool_result>'
    parsed = parse(f"{BLOCK}\n{made_up}{behind}", [EDIT])
    assert said in parsed.note and len(parsed.calls) == 1
    assert parse(BLOCK, [EDIT]).note == ""

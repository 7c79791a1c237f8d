"""A model reads the best files."""

from collections.abc import Callable
from typing import Any

import pytest

from agent.context.find import find_context
from agent.context.reading import parse_verdict, read_files
from agent.models.errors import BudgetExhausted, ModelUnavailable, ScriptEnded
from agent.models.values import ChatRequest, Message, Reply
from agent.values import Usage

FILES = {f"lib/{name}.py": f"def {name}():\n    return 'orbit'\n" for name in ("alpha", "beta", "gamma", "delta")}


class Reader:
    """Answers by the path that it is shown; an exception among the answers is raised."""

    name = "reader"

    def __init__(self, answers: dict[str, str | Exception]) -> None:
        self.answers = answers
        self.asked: list[ChatRequest] = []

    def complete(self, request: ChatRequest) -> Reply:
        self.asked.append(request)
        shown = request.messages[-1].content
        path = next((path for path in self.answers if f"The file {path}," in shown), None)
        if path is None:
            raise ScriptEnded("nobody answers for this file")
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        message = Message(role="assistant", content=answer)
        return Reply(message=message, finish="stop", usage=Usage(calls=1, input_tokens=10), model="reader")


def test_what_does_not_matter_comes_last_and_failures_count_as_relevant(project: Callable[..., Any]) -> None:
    base = project(FILES).base
    context = find_context(base, issue="orbit is wrong in alpha, beta, gamma and delta")
    order = [file.path for file in context.files]
    answers: dict[str, str | Exception] = {
        order[0]: "It prints.\n\nVERDICT: irrelevant\nSUMMARY: prints",
        order[1]: ModelUnavailable("overloaded"),
        order[2]: "I cannot say",
        order[3]: "**VERDICT:** **Relevant**\n**SUMMARY:** `delta` returns the orbit\n",
    }
    reader = Reader(answers)
    reading = read_files(reader, context, issue="orbit\n| end", base=base)
    assert [file.path for file in reading.context.files] == [*order[1:], order[0]]
    assert [file.relevant for file in reading.context.files] == [None, None, True, False]
    assert reading.context.files[2].summary == "`delta` returns the orbit"
    assert reading.failures == (f"{order[1]}: overloaded", f"{order[2]}: the answer holds no verdict")
    assert reading.usage == Usage(calls=3, input_tokens=30)
    assert len({repr(request.messages[:2]) for request in reader.asked}) == 1, "the same beginning for every file"
    assert "| orbit\n| | end" in reader.asked[0].messages[1].content


def test_only_the_best_are_read(project: Callable[..., Any]) -> None:
    base = project(FILES).base
    context = find_context(base, issue="orbit in alpha")
    first = context.files[0].path
    reader = Reader({first: "VERDICT: irrelevant"})
    reading = read_files(reader, context, issue="orbit", base=base, most=1)
    assert len(reader.asked) == 1 and reading.context.files[-1].path == first
    assert read_files(reader, context, issue="orbit", base=base, most=0).context == context


def test_an_exhausted_budget_is_reported_and_a_short_script_is_raised(project: Callable[..., Any]) -> None:
    base = project(FILES).base
    context = find_context(base, issue="orbit in alpha")
    broke: dict[str, str | Exception] = {file.path: BudgetExhausted("no money") for file in context.files}
    reading = read_files(Reader(broke), context, issue="orbit", base=base)
    assert reading.context == context and len(reading.failures) == len(context.files)
    with pytest.raises(ScriptEnded):
        read_files(Reader({}), context, issue="orbit", base=base)


def test_of_a_large_file_the_symbols_that_matter_are_shown(project: Callable[..., Any]) -> None:
    filler = "".join(f"def filler{n}():\n    return {n}\n" for n in range(4000))
    base = project({"lib/big.py": filler + "def wobble_orbit():\n    return 'here'\n" + filler}).base
    context = find_context(base, issue="wobble_orbit returns here")
    reader = Reader({"lib/big.py": "VERDICT: relevant"})
    read_files(reader, context, issue="x", base=base)
    shown = reader.asked[0].messages[-1].content
    assert "  8001 def wobble_orbit():" in shown and "are left out]" in shown and len(shown) < 70_000


@pytest.mark.parametrize(
    ("answer", "relevant"),
    [
        ("VERDICT: relevant", True),
        ("VERDICT: not relevant\nSUMMARY: x", False),
        ("verdict - IRRELEVANT", False),
        ("VERDICT: irrelevant? no.\nVERDICT: relevant\nSUMMARY: y\n\n", True),
        ("- **Verdict**: `relevant`", True),
        ("The verdict is hard", None),
        ("", None),
    ],
)
def test_verdicts_survive_formatting(answer: str, relevant: bool | None) -> None:
    assert parse_verdict(answer).relevant is relevant

"""Finding code in an issue's text."""

import pytest

from envs.snippets import find_snippets


def only(text: str, **options: object):
    found = find_snippets(text, **options)
    assert len(found) == 1, found
    return found[0]


def test_a_session_in_a_fence():
    found = only("It is wrong:\n```python\n>>> from shop import total\n>>> total([1, 2])\n-3\n```\nIt should be `3`.\n")
    assert found.kind == "session"
    assert [(step.code, step.shown) for step in found.steps] == [
        ("from shop import total", None),
        ("total([1, 2])", "-3"),
    ]
    assert found.wrong == ("-3",) and found.wanted == ("3",)


def test_a_session_without_a_fence_and_with_windows_line_ends():
    found = only("Look:\r\n\r\n    >>> x = 1\r\n    >>> x +\\\r\n    ... 1\r\n    2\r\n\r\nthat is it")
    assert [step.code for step in found.steps] == ["x = 1", "x +\\\n1"]


def test_ipython():
    found = only("```\nIn [1]: import shop\n\nIn [2]: shop.total([1,\n   ...:             2])\nOut[2]: -3\n```")
    assert [(step.code, step.shown) for step in found.steps][1] == ("shop.total([1,\n            2])", "-3")


def test_a_script_and_the_exception_that_is_reported():
    end = "TypeError: 'NoneType' object\n```\n"
    start = "```py\nimport shop\nshop.total(None)\n```\nraises\n```pytb\nTraceback (most recent call last):\n"
    text = f'{start}  File "x", line 1\nshop.errors.BadPrice: no\n{end}'
    found = only(text)
    assert found.kind == "script" and found.exception == "TypeError"


def test_an_exception_that_is_only_named():
    assert only("`total` raises ValueError:\n```python\ntotal(1)\n```").exception == "ValueError"
    assert only("either ValueError or KeyError\n```python\ntotal(1)\n```").exception == ""


def test_imports_and_packages_become_preludes():
    found = find_snippets(
        "```python\nfrom shop import total\ntotal(1)\n```\n```python\ntotal(2)\n```", packages=("shop",)
    )
    assert found[1].preludes == ("from shop import total", "from shop import total\nfrom shop import *")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no code at all",
        "```bash\npip install shop\n```",
        "```\n$ make test\n```",
        "```diff\n- a()\n+ b()\n```",
        "```python\nx = 1\n```",
        "```python\nthis is no python(\n```",
        "```json\n{\"a\": f(1)}\n```",
        "~~~\n>>> this is broken(\n~~~",
        "```\n" * 5,
        ">>> ",
    ],
)  # fmt: skip
def test_what_is_no_reproduction_is_left_alone(text: str):
    assert find_snippets(text) == ()


def test_equal_code_counts_once_and_there_is_a_limit():
    assert len(find_snippets("```python\nf(1)\n```\n" * 3)) == 1
    assert len(find_snippets("".join(f"```python\nf({n})\n```\n" for n in range(40)))) == 12

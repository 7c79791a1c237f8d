"""What an issue says, taken apart."""

from hypothesis import given
from hypothesis import strategies as st

from agent.context.query import Frame, read_query
from agent.context.words import stem, terms_of

ISSUE = """`Ring.as_expr()` drops symbols with --no-cache
The parser in `lib/rings.py` is wrong, see https://github.com/a/b/blob/main/lib/poly/field.py#L3.

```python
from lib.poly import ring
ring_to_expr(R, strict=True)
```

Traceback (most recent call last):
  File "/usr/lib/python3/site-packages/lib/core.py", line 12, in run
    go()
  File "/usr/lib/python3/site-packages/lib/rings.py", line 40, in as_expr
    raise ValueError
ValueError: not enough symbols given for ring 'R' (expected 3, got 2)
"""


def test_every_kind_of_cue() -> None:
    query = read_query(ISSUE, {})
    assert "lib/rings.py" in query.paths
    assert any(path.endswith("lib/poly/field.py") for path in query.paths)
    assert [frame for frame in query.frames if frame.line == 40] == [
        Frame("/usr/lib/python3/site-packages/lib/rings.py", 40, "as_expr")
    ]
    assert query.names["as_expr"] == query.names["Ring"] == 3.0
    assert query.names["ring_to_expr"] < 1.0
    assert query.dotted["Ring.as_expr"] == 3.0
    assert "not enough symbols given for ring" in query.phrases
    assert "--no-cache" in query.phrases
    assert query.terms["symbol"] > query.terms["parser"[:4]] > 0


def test_titles_count_more_than_the_body_and_repetition_has_an_end() -> None:
    query = read_query("alpha\nbeta " + "gamma " * 500, {})
    assert query.terms["alpha"] > query.terms["gamma"] > query.terms["beta"]


def test_failing_tests_speak_too() -> None:
    query = read_query("", {"tests/test_orbits.py::test_spin": "E   TypeError: cannot spin an orbit of zero size"})
    assert "orbit" in query.terms and "spin" in query.terms
    assert "cannot spin an orbit of zero" in query.phrases
    assert read_query("", {}).terms == {}


def test_words() -> None:
    assert terms_of("as_exprList") == ("expr", "list", "as_exprlist") or "expr" in terms_of("as_exprList")
    assert set(terms_of("HTTPResponse")) == {"http", "respons", "httpresponse"}
    assert {stem("sorting"), stem("sorted"), stem("sorts"), stem("sort")} == {"sort"}
    assert stem("class") == "class"


@given(st.text(max_size=400))
def test_any_text_can_be_read_and_always_alike(text: str) -> None:
    assert read_query(text, {"t": text}) == read_query(text, {"t": text})


def test_hostile_texts_take_no_time() -> None:
    for text in (
        "`" * 50_000,
        "a." * 30_000,
        "x" * 60_000,
        "/a" * 30_000,
        "(" * 50_000,
        "Error: " * 9_000,
        "a_" * 30_000,
        "~~~\n" * 9000,
    ):
        read_query(text, {})

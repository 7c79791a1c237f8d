"""What counts as code in fragments of files."""

import pytest

from selection.verifier.lexer import lex


def flat(path: str, text: str) -> list[str]:
    return [token for line in lex(path, text.split("\n")) for token in line]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "# only words"),
        ("a.py", '    """Does things."""'),
        ("a.py", '"""\nSeveral lines,\nx = 1\n"""'),
        ("a.py", "This is what the function really does"),
        ("a.c", "/* words */ // more"),
        ("a.js", " * in the middle of a comment"),
        ("a.rb", "  # words"),
    ],
)
def test_what_people_read_is_no_code(path: str, text: str):
    assert flat(path, text) == []


def test_a_trailing_comment_is_no_code():
    assert flat("a.py", "x = 1  # one") == flat("a.py", "x = 1") == ["x", "=", "1"]


def test_a_hash_in_a_string_is_code():
    assert flat("a.py", "x = '#' + y") == ["x", "=", '"#', "+", "y"]


def test_quotes_do_not_matter():
    assert flat("a.py", "f('a')") == flat("a.py", 'f("a")')


def test_a_fragment_may_begin_inside_a_docstring():
    text = '    x = y, so it says\n    """\n    return x'
    assert flat("a.py", text) == ["return", "x"]


def test_a_fragment_may_end_inside_a_docstring():
    assert flat("a.py", 'def f():\n    """Says x = y\n    and z = 1') == ["def", "f", "(", ")", ":"]


def test_a_long_string_that_is_a_value_is_code():
    assert flat("a.py", 'x = """one\ntwo"""') == ["x", "=", '"one', '"two']


def test_lines_stay_apart():
    assert len(lex("a.py", ["x", "", "# c", "y"])) == 4

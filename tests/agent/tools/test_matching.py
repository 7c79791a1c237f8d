"""What is replaced by what; as one string, for any file that holds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tools.matching import find, nearest


def replaced(text: str, old: str, new: str) -> str:
    (match,) = find(text, old, new)
    return text[: match.start] + match.new + text[match.end :]


@pytest.mark.parametrize(
    ("text", "old", "new", "result"),
    [
        # The last line, with and without its end.
        ("a\nb", "b", "c", "a\nc"),
        ("a\nb", "b\n", "c\n", "a\nc"),
        ("a\nb", "a\nb\n", "c\nd\n", "c\nd"),
        ("a\nb\n", "b", "c\n", "a\nc\n"),
        ("a\nb\nc\n", "b\n", "x", "a\nx\nc\n"),
        ("a\nb\nc\n", "b", "x\n\n", "a\nx\n\nc\n"),
        ("a\nb\nc\n", "\nb", "x", "a\nx\nc\n"),
        # Deletion leaves no empty line behind, and joins none.
        ("a\nb\nc\n", "b", "", "a\nc\n"),
        ("a\nb\nc\n", "b\n", "", "a\nc\n"),
        ("a\n  b\nc\n", "b", "", "a\nc\n"),
        ("a\nb\nc\n", "\nb", "", "a\nc\n"),
        ("a\nb\nc\n", "\nb\n", "", "a\nc\n"),
        ("a\nb", "b", "", "a\n"),
        ("a\n\tb  \nc\n", "b\n", "", "a\nc\n"),
        ("x = f(a, b)\n", ", b", "", "x = f(a)\n"),
        # Text that looks like somebody's markers is text.
        ("=======\na\n", "=======\na", "<<<<<<< x\n=====", "<<<<<<< x\n=====\n"),
        ("a\n```\nb\n", "```", "\\1 \\g<0> $&", "a\n\\1 \\g<0> $&\nb\n"),
        # White space at line ends, tabs for spaces.
        ("a  \nb\n", "a\nb\n", "c\n", "c\n"),
        ("if x:\n\ty = 1\n", "if x:\n    y = 1", "if x:\n    y = 1\n    if z:\n        w = 2", "if x:\n\ty = 1\n\tif z:\n\t\tw = 2\n"),
        ("if x:\n    y = 1\n", "if x:\n\ty = 1\n", "if x:\n\ty = 2\n", "if x:\n    y = 2\n"),
        # Indented further, or less, than the file.
        ("class A:\n    def f(self):\n        return 1\n", "def f(self):\n    return 1", "def f(self):\n    if 1:\n        return 2",
         "class A:\n    def f(self):\n        if 1:\n            return 2\n"),
        ("def f():\n    return 1\n", "    def f():\n        return 1\n",
         "    def g():\n        return 2\n\n    def f():\n        return 1\n",
         "def g():\n    return 2\n\ndef f():\n    return 1\n"),
        ("  a:\n    b\n", "      a:\n        b", "      x\n    y", "  x\ny\n"),
        # Empty lines around the wanted ones.
        ("a\nb\nc\n", "\n\nb\n\n\n", "\n\nx\n\n\n", "a\nx\nc\n"),
        ("a\n\n  b\n\nc\n", "a\n\nb  \n\nc", "a\n\nx\n\nc", "a\n\n  b\n\nc\n"),
    ],
)  # fmt: skip
def test_replacements(text: str, old: str, new: str, result: str) -> None:
    if result == text:  # no shift of the indentation explains all lines
        assert find(text, old, new) == []
    else:
        assert replaced(text, old, new) == result


def test_lines_that_no_single_shift_explains_do_not_match() -> None:
    assert find("if a:\n    b()\n", "if a:\nb()", "x") == []
    assert find("if a:\n    b()\nc()\n", "    if a:\n        b()\n        c()", "x") == []


def test_one_line_without_its_indentation_has_two_readings() -> None:
    (match,) = find("class A:\n    def f(self):\n        return 1\n", "return 1", "x = 1\nreturn x")
    assert (match.new, match.other.new) == ("        x = 1\n        return x", "x = 1\nreturn x")
    (match,) = find("def f():\n    return 1\n", "return 1", "x = 1\n    return x")
    assert (match.new, match.other.new) == ("x = 1\n    return x", "    x = 1\n        return x")


def test_places_are_all_found() -> None:
    assert [match.start for match in find("aXaXa", "a", "b")] == [0, 2, 4]
    assert len(find("  f(\n    1)\n\n\tf(\n\t\t1)\n", "f(\n  1)", "g")) == 2


words = st.text("ab =():.#", min_size=1, max_size=8).filter(lambda text: text.strip() and text == text.strip())
shape = st.lists(st.tuples(st.integers(0, 3), words), min_size=1, max_size=6)


def render(lines: list[tuple[int, str]], unit: str, base: int) -> str:
    return "".join(f"{unit * (level + base)}{text}\n" for level, text in lines)


@given(shape, shape, st.sampled_from(["\t", "  ", "    "]), st.integers(0, 3), st.integers(0, 3))
def test_new_text_is_indented_as_the_old_was_found(
    old: list[tuple[int, str]], new: list[tuple[int, str]], unit: str, base: int, shown: int
) -> None:
    """A model that indents everything by some levels more or less gets what it would have got with the right ones."""
    least = min(level for level, _ in old)
    old = [(level - least, text) for level, text in old]
    text = f"START\n{render(old, unit, base)}END\n"
    matches = find(text, render(old, unit, shown), render(new, unit, shown))
    wanted = f"START\n{render(new, unit, base)}END\n"
    readings = [*matches, *(match.other for match in matches if match.other)]
    assert wanted in [text[: match.start] + match.new + text[match.end :] for match in readings]


@given(shape, shape, st.integers(1, 3))
def test_spaces_for_tabs(old: list[tuple[int, str]], new: list[tuple[int, str]], base: int) -> None:
    old = [(0, "first"), (1, "second"), *old]
    text = f"START\n{render(old, chr(9), base)}END\n"
    (match, *_) = find(text, render(old, "    ", 0), render(new, "    ", 0))
    assert text[: match.start] + match.new + text[match.end :] == f"START\n{render(new, chr(9), base)}END\n"


@given(st.text("ab\n \t", max_size=30), st.text("ab\n ", min_size=1, max_size=6), st.text("xy\n", max_size=6))
def test_everything_outside_of_a_match_stays(text: str, old: str, new: str) -> None:
    for match in find(text, old, new):
        assert 0 <= match.start <= match.end <= len(text)
        gone = text[match.start : match.end]
        assert gone.split() == old.split()
        assert match.new.split() == new.split()


def test_the_nearest_text_is_shown() -> None:
    text = "".join(f"def f{n}(a):\n    return a + {n}\n\n" for n in range(300))
    near = nearest(text, "def f7(a, b):\n    return a - 7\n")
    assert near is not None
    assert near.line == 22
    assert near.differences == ("-\tdef f7(a, b):", "-\t    return a - 7", "+22\tdef f7(a):", "+23\t    return a + 7")
    assert nearest("x=1\n", "x = 1").line == 1
    assert nearest(text, "completely different words here") is None
    assert nearest("", "a") is None
    assert nearest("a b c", "\n") is None

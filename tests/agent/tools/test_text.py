from hypothesis import given
from hypothesis import strategies as st

from agent.tools.text import clean, clip, fit, one_line, size, visible


def test_what_only_terminals_understand_is_gone() -> None:
    raw = b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07ok\r\n 10%\r 50%\r100%\nbell\x07 nul\x00 \xff\xc3\xa9\n"
    assert clean(raw) == "red ok\n100%\nbell nul \ufffd\xe9\n"


def test_a_cut_is_said_with_its_size_and_what_to_do() -> None:
    text = "".join(f"line {number}\n" for number in range(2000))
    cut = clip(text, 1000, hint="use view")
    head, mark, tail = cut.partition("\n… ")
    assert head.startswith("line 0\n")
    assert cut.endswith("line 1999\n")
    shown = len(head.splitlines()) + len(tail.partition(" …\n")[2].splitlines())
    assert f"/ {2000 - shown:,} lines left out; use view …" in mark + tail
    assert len(tail.partition(" …\n")[2]) > len(head)


def test_bytes_that_nobody_has_are_counted() -> None:
    cut = clip("a\n" * 50 + "b\n" * 50, 5000, omitted=1_000_000)
    assert "a\n… 1,000,003 bytes left out …\nb\n" in cut


@given(st.text(st.characters(codec="utf-8")), st.integers(150, 3000), st.integers(0, 10**9))
def test_nothing_is_longer_than_it_may_be(text: str, limit: int, omitted: int) -> None:
    cut = clip(text * 20, limit, hint="see the file", omitted=omitted)
    assert size(cut) <= limit
    assert clip(text, 10**6) == text


def test_lines_of_files_are_shown_as_they_are() -> None:
    assert visible("a\tb\x0c\x1b[0m\udcff\r") == "a\tb\\x0c\\x1b[0m\\xff\\x0d"
    assert visible("x" * 500, most=400) == "x" * 400 + "… [100 more characters]"
    assert one_line("a\n  b\x00" + "c" * 50, 10) == "a b ccccc…"
    assert fit(["ab", "é", "cd"], 6) == 2

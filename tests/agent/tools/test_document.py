import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tools.document import NotText, new_document, read_document

pieces = st.sampled_from(
    [b"a", b" ", b"\t", b"\n", b"\r\n", b"\r", b"\xe9", "é€".encode(), b"\xff", b"# coding: cp1252\n", b"\x0c"]
)
files = st.lists(pieces).map(b"".join)
marked = st.builds(
    lambda mark, body: mark + body, st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]), files
)


@given(marked)
def test_a_file_comes_out_as_it_went_in(data: bytes) -> None:
    try:
        document = read_document(data)
    except NotText:
        assert b"\0" in data
        return
    assert document.encode() == data


@given(files, st.data())
def test_bytes_outside_of_an_edit_stay(data: bytes, draw: st.DataObject) -> None:
    document = read_document(data)
    at = sorted(draw.draw(st.lists(st.integers(0, len(document.text)), min_size=4, max_size=4)))
    new = draw.draw(st.text("xy\n", max_size=5))
    changed = document.splice([(at[0], at[1], new), (at[2], at[3], new)]).encode()
    text = document.text
    outside = [text[: at[0]], text[at[1] : at[2]], text[at[3] :]]
    kept = [part.replace("\n", "") for part in outside]
    # Line ends apart, which the text does not show, the file is its old parts around the new ones.
    flat = changed.replace(b"\r\n", b"\n").replace(b"\n", b"")
    encoded = [part.encode(document.encoding, document.errors) for part in kept]
    put = new.replace("\n", "").encode()
    assert flat.replace(b"\r", b"") == put.join(encoded).replace(b"\r", b"")
    head = document.mark + document.raw[: document._raw(at[0])].encode(document.encoding, document.errors)
    tail = document.raw[document._raw(at[3]) :].encode(document.encoding, document.errors)
    assert changed.startswith(head)
    assert changed.endswith(tail)


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        ("é".encode(), "utf-8", "é"),
        (b"caf\xe9", "latin-1", "café"),
        ("€".encode() + b"\xe9", "utf-8", "€\udce9"),
        (b"# coding: cp1252\n\x80", "cp1252", "# coding: cp1252\n€"),
        (b"# coding: rot13\n\x80", "latin-1", "# coding: rot13\n\x80"),
        (b"\xef\xbb\xbfx", "utf-8", "x"),
        ("\ufeffhé\r\n".encode("utf-16-le"), "utf-16-le", "hé\n"),
    ],
)
def test_encodings(data: bytes, encoding: str, text: str) -> None:
    document = read_document(data)
    assert (document.encoding, document.text) == (encoding, text)
    assert document.encode() == data


def test_line_ends_follow_what_is_replaced() -> None:
    document = read_document(b"a\r\nb\nc\r\nd\r\n")
    at = document.text.index
    assert document.newline == "\r\n"
    assert document.splice([(at("a"), at("b"), "x\ny\n")]).encode() == b"x\r\ny\r\nb\nc\r\nd\r\n"
    assert document.splice([(at("b"), at("c"), "x\ny\n")]).encode() == b"a\r\nx\ny\nc\r\nd\r\n"
    assert document.splice([(at("b"), at("b"), "x\n")]).encode() == b"a\r\nx\r\nb\nc\r\nd\r\n"


def test_what_the_encoding_cannot_write_is_said() -> None:
    with pytest.raises(NotText, match=r"U\+20AC"):
        read_document(b"caf\xe9").splice([(0, 1, "€")]).encode()
    with pytest.raises(NotText, match="binary"):
        read_document(b"\x7fELF\0\0")
    assert new_document("a\r\nb").encode() == b"a\r\nb"

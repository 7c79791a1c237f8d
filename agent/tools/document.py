"""A text file as its bytes are: encoding, byte order mark and line ends stay as they were outside of an edit. Pure."""

import bisect
import codecs
import io
import re
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class NotText(ValueError):
    """The bytes are no text, or a text cannot be written in the file's encoding."""


@dataclass(frozen=True)
class Document:
    """A decoded file."""

    text: str
    """With `\\n` for every line end; `splice` puts `\\r\\n` back where it belongs."""
    encoding: str
    errors: str = "strict"
    """How bytes outside of the encoding are kept, as Python's codecs name it."""
    mark: bytes = b""
    """Byte order mark."""
    raw: str = ""
    """The text with its own line ends."""
    returns: tuple[int, ...] = ()
    """Offsets in `text` of the line ends that are `\\r\\n` in `raw`, ascending."""

    @property
    def newline(self) -> str:
        """What most of its lines end with."""
        return "\r\n" if 2 * len(self.returns) > self.text.count("\n") else "\n"

    def splice(self, changes: Sequence[tuple[int, int, str]]) -> "Document":
        r"""Return the document with stretches of `text` replaced; everything else keeps its bytes.

        Args:
            changes: (start, end, new), ascending and without overlaps. Line ends in `new` are `\n`; they become those of
                the replaced text, or else those of the file.
        """
        crlf = self.newline == "\r\n"
        parts, at = [], 0
        for start, end, new in changes:
            inside = self.text.find("\n", start, end)
            returns = crlf if inside < 0 else self._is_return(inside)
            parts += [self.raw[at : self._raw(start)], new.replace("\n", "\r\n") if returns else new]
            at = self._raw(end)
        return _document("".join([*parts, self.raw[at:]]), self.encoding, self.errors, self.mark)

    def encode(self) -> bytes:
        """Return the file's bytes.

        Raises:
            NotText: it holds a character that its encoding does not know.
        """
        try:
            return self.mark + self.raw.encode(self.encoding, self.errors)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise NotText(f"{character!r} (U+{ord(character):04X}) cannot be written in {self.encoding}") from None

    def _raw(self, offset: int) -> int:
        return offset + bisect.bisect_left(self.returns, offset)

    def _is_return(self, offset: int) -> bool:
        at = bisect.bisect_left(self.returns, offset)
        return at < len(self.returns) and self.returns[at] == offset


def read_document(data: bytes) -> Document:
    """Decode a file; encoding it again gives the same bytes.

    A byte order mark decides, then UTF-8, then the encoding that a Python file declares. Other files are Latin-1, or,
    when they hold UTF-8 as well, UTF-8 with single bytes that stand for themselves.

    Raises:
        NotText: it is binary.
    """
    for mark, encoding in _MARKS:
        found = _decoded(data[len(mark) :], encoding, "strict", mark) if data.startswith(mark) else None
        if found is not None:
            return found
    if b"\0" in data[:8192]:
        raise NotText("it is binary")
    for encoding, errors in (("utf-8", "strict"), (_declared(data), "strict"), _guessed(data)):
        found = _decoded(data, encoding, errors, b"")
        if found is not None:
            return found
    raise NotText("its encoding is unknown")


def new_document(text: str) -> Document:
    """Return a new file's content, exactly as given."""
    return _document(text, "utf-8", "strict", b"")


def _document(raw: str, encoding: str, errors: str, mark: bytes) -> Document:
    if "\r\n" not in raw:
        return Document(raw, encoding, errors, mark, raw)
    returns = tuple(match.start() - count for count, match in enumerate(re.finditer("\r\n", raw)))
    return Document(raw.replace("\r\n", "\n"), encoding, errors, mark, raw, returns)


def _decoded(data: bytes, encoding: str, errors: str, mark: bytes) -> Document | None:
    """None when the bytes are not in this encoding, or would not come out of it as they went in."""
    try:
        text = data.decode(encoding, errors)
        return _document(text, encoding, errors, mark) if text.encode(encoding, errors) == data else None
    except (UnicodeError, LookupError):
        return None


def _declared(data: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(data[:1000]).readline)[0]
    except (SyntaxError, UnicodeError):
        return "utf-8"


def _guessed(data: bytes) -> tuple[str, str]:
    lenient = data.decode("utf-8", "surrogateescape")
    mixed = any(ord(character) > 0x7F and not 0xDC80 <= ord(character) <= 0xDCFF for character in lenient)
    return ("utf-8", "surrogateescape") if mixed else ("latin-1", "strict")

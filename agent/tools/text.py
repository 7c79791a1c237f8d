"""Text for a model: cleaned of what only terminals understand, and clipped so that what was cut is said. Pure."""

import re
from collections.abc import Sequence

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # titles and links
    r"|\x1b[ -/]*[0-~]"
)
_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\n])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LEAST_TAIL = 200


def clean(data: bytes) -> str:
    """Return what a terminal would show in the end: no colours, no overwritten progress bars, no control characters.

    Bytes that are not UTF-8 become U+FFFD.
    """
    text = data.decode("utf-8", "replace")
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = _OVERWRITTEN.sub("", text.replace("\r\n", "\n"))
    return _CONTROLS.sub("", text)


def visible(line: str, *, most: int = 400) -> str:
    """Return one line of a file as it is: control characters as escapes, the rest of a long line counted."""
    cut = len(line) - most
    if cut > 0:
        line = line[:most]
    line = _CONTROLS.sub(_escape, line)
    return f"{line}… [{cut:,} more characters]" if cut > 0 else line


def one_line(text: str, most: int) -> str:
    """Return text on one line of at most `most` characters, for headings and messages."""
    text = _CONTROLS.sub(" ", " ".join(text.split()))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def size(text: str) -> int:
    """Return the length in bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def clip(text: str, limit: int, *, hint: str = "", omitted: int = 0) -> str:
    """Return the first third and the last two thirds, as far as `limit` bytes go, with what was left out between them.

    Args:
        text: whole, or already without `omitted` bytes in the middle.
        limit: bytes of UTF-8, everything included.
        hint: how to see the rest.
        omitted: bytes that the caller never had; then lines are not counted.
    """
    total = size(text)
    if total <= limit and not omitted:
        return text
    hint = f"; {hint}" if hint else ""
    room = max(0, limit - len(f"\n… {total + omitted:,} bytes / {total:,} lines left out{hint} …\n".encode()))
    data = text.encode("utf-8", "replace")
    half = len(data) // 2 if omitted else None
    head = _whole_lines(data[:half][: room // 3].decode("utf-8", "ignore"), keep_start=True)
    tail = _whole_lines(data[half:][-max(1, room - room // 3) :].decode("utf-8", "ignore"), keep_start=False)
    at_line_end = text[len(head) : len(head) + 1] == "\n"
    lines = text.count("\n") - head.count("\n") - tail.count("\n") - at_line_end
    counted = "" if omitted else f" / {lines:,} lines"
    return f"{head}\n… {total - size(head) - size(tail) + omitted:,} bytes{counted} left out{hint} …\n{tail}"


def fit(lines: Sequence[str], limit: int) -> int:
    """Return how many of the lines, each with its line end, fit into `limit` bytes."""
    used = 0
    for count, line in enumerate(lines):
        used += size(line) + 1
        if used > limit:
            return count
    return len(lines)


def _whole_lines(text: str, *, keep_start: bool) -> str:
    """Cut the broken line at the end, or at the start, unless little else would be left."""
    at = text.rfind("\n") if keep_start else text.find("\n")
    if at < 0:
        return text
    kept = text[:at] if keep_start else text[at + 1 :]
    return kept if len(kept) >= len(text) - _LEAST_TAIL else text


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}"

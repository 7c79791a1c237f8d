"""Text of others, shown to a judge so that it cannot be taken for what the judge is told.

Every line begins with a mark that the text cannot write at the beginning of a line itself: whatever breaks lines, hides or reorders
characters is shown as an escape.
"""

import re
import unicodedata

from agent.tools.text import fit

MARK = "| "
_BREAKS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST = 1_000  # characters of a line
_NOTE = 60  # bytes of what says that lines are left out


def quote(text: str, limit: int) -> str:
    """Return the text with a mark before every line; of more than `limit` bytes its first third and its end, in whole lines."""
    lines = [f"{MARK}{_visible(line)}".rstrip() for line in text.replace("\r\n", "\n").strip("\n").split("\n")]
    if fit(lines, limit) == len(lines):
        return "\n".join(lines)
    head = fit(lines, limit // 3)
    tail = fit(lines[: head - 1 if head else None : -1], limit - limit // 3 - _NOTE)
    left_out = len(lines) - head - tail
    return "\n".join([*lines[:head], f"[{left_out} lines are left out here]", *lines[len(lines) - tail :]])


def _visible(line: str) -> str:
    """Nothing that breaks a line, hides or turns text round."""
    cut = len(line) - _LONGEST
    if cut > 0:
        line = f"{line[:_LONGEST]} [{cut} more characters]"
    if line.isascii() and line.isprintable():
        return line
    line = _BREAKS.sub(lambda found: f"\\x{ord(found[0]):02x}", line)
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) == "Cf" else c for c in line)

"""Lines of code as tokens, without what only people read.

Comments, docstrings and lines of prose give no tokens, so that what a patch says of itself cannot be evidence. Only fragments
of files are at hand, in any language: the reading is by regular expressions and errs on the side of dropping text.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePosixPath

Tokens = tuple[str, ...]

MAX_LINE = 2000
"""Characters of a line that are read."""

_HASH = {".py", ".pyi", ".pyx", ".rb", ".sh", ".yml", ".yaml", ".toml", ".cfg", ".ini", ".pl", ".r", ".mk", ".cmake"}
_WORD = r"[^\W\d]\w*"
_STRING = r"(?:\b[bBrRuUfF]{1,2})?(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
_NUMBER = r"\d[\w.]*"
_SIGN = r"\*\*=?|//=?|[=!<>+\-*/%&|^:@]=|->|=>|&&|\|\||<<|>>|::|\+\+|--|[^\w\s]"
_PYTHON_TOKEN = re.compile(rf"(?P<comment>\#.*)|{_STRING}|{_WORD}|{_NUMBER}|{_SIGN}")
_OTHER_TOKEN = re.compile(rf"(?P<comment>//.*|/\*.*?(?:\*/|$)|^\s*\*(?:\s.*|/?)$)|{_STRING}|{_WORD}|{_NUMBER}|{_SIGN}")
_TRIPLE = re.compile(r"\"\"\"|'''")
_OPENS = re.compile(r"(?:^|[\s=(,\[{+%:])[bBrRuUfF]{0,2}$")
_NAME = re.compile(rf"{_WORD}$")

_KEYWORDS = """
False None True and as assert async await break class continue def del elif else except finally for from global if import in is
lambda nonlocal not or pass raise return try while with yield print self cls this new var let const function public private
protected static final void int long short char double float bool boolean unsigned struct enum interface extends implements throws
throw catch switch case default do export package func fn mut pub impl use type end then
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""Words that say little about what a patch does, in the common languages."""


def is_word(token: str) -> bool:
    """Whether a token is a name that somebody chose."""
    return _NAME.match(token) is not None and token not in KEYWORDS


def lex(path: str, lines: Sequence[str]) -> list[Tokens]:
    """Read neighbouring lines of a file; the answer has one entry for each, empty where there is no code.

    Args:
        path: only its ending matters.
        lines: without line ends.
    """
    suffix = PurePosixPath(path).suffix.lower()
    clipped = [line[:MAX_LINE] for line in lines]
    if suffix in (".py", ".pyi", ".pyx"):
        return _python(clipped)
    pattern = _PYTHON_TOKEN if suffix in _HASH else _OTHER_TOKEN
    return [_tokens(pattern, line) for line in clipped]


def _python(lines: list[str]) -> list[Tokens]:
    """Python: what stands in triple quotes on lines of its own is a docstring."""
    found: list[Tokens] = []
    inside = _begins_inside(lines)
    statement = True  # what is open stands alone, like a docstring
    for line in lines:
        code, inside, statement = _outside(line, inside, statement)
        tokens = _tokens(_PYTHON_TOKEN, code)
        found.append(() if _is_prose(tokens) else tokens)
    return found


def _begins_inside(lines: list[str]) -> str:
    """The quotes that are already open above a fragment: those whose first occurrence looks like an end."""
    before = ""
    for at, line in enumerate(lines):
        match = _TRIPLE.search(line)
        if match is None:
            before = line.strip() or before
            continue
        head, tail = line[: match.start()], line[match.end() :]
        if match[0] in tail or (not head.strip() and tail.strip()):
            ends = False
        elif head.strip():
            ends = not _OPENS.search(head)
        elif before:
            ends = not before.endswith((":", "(", ",", "="))
        else:
            after = next((line for line in lines[at + 1 :] if line.strip()), "")
            odd = sum(len(_TRIPLE.findall(line)) for line in lines) % 2 == 1
            ends = odd and not _is_prose(_tokens(_PYTHON_TOKEN, after))
        return match[0] if ends else ""
    return ""


def _outside(line: str, inside: str, statement: bool) -> tuple[str, str, bool]:
    """The code of a line, the quotes that stay open behind it, and whether they stand alone."""
    code = ""
    at = 0
    while True:
        if inside:
            end = line.find(inside, at)
            if end < 0:
                return code + _text_token(line[at:], alone=statement), inside, statement
            code += _text_token(line[at:end], alone=statement)
            at = end + 3
            inside = ""
        match = _TRIPLE.search(line, at)
        comment = line.find("#", at)
        if match is None or (0 <= comment < match.start() and not _in_string(line[at:comment])):
            return code + line[at:], "", statement
        head = line[at : match.start()]
        statement = not (code + head).strip().lower().rstrip("bruf")
        code += head if not statement else ""
        inside = match[0]
        at = match.end()


def _in_string(head: str) -> bool:
    """Whether a string is open at the end of a piece of a line."""
    plain = re.sub(_STRING, "", head)
    return "'" in plain or '"' in plain


def _text_token(text: str, *, alone: bool) -> str:
    """A piece of a long string as one short string, or nothing for a docstring."""
    words = " ".join(text.split()).replace("\\", "").replace('"', "'")
    return f' "{words}" ' if words and not alone else ""


def _tokens(pattern: re.Pattern[str], line: str) -> Tokens:
    return tuple(_normal(match) for match in pattern.finditer(line) if match["comment"] is None)


def _normal(match: re.Match[str]) -> str:
    """Strings in one kind of quotes; all else as it is."""
    token = match[0]
    if token[-1] not in "\"'" or len(token) < 2:
        return token
    start = min(at for at in (token.find('"'), token.find("'")) if at >= 0)
    return '"' + token[start + 1 : -1]


def _is_prose(tokens: Tokens) -> bool:
    """Names that stand side by side: no language writes code like that for long."""
    words = [is_word(token) for token in tokens]
    return sum(a and b for a, b in pairwise(words)) >= 2

"""What an issue and a failing test's message say about where the fault lies."""

import re
from collections.abc import Iterable

_FRAME = re.compile(r'File "(?P<path>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>\S+))?')
_PYTEST_FRAME = re.compile(r"^(?P<path>[\w./\\-]+\.py):(?P<line>\d+): ", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]{2,120})`|```[^\n]*\n(.*?)```", re.DOTALL)
_NAME = re.compile(r"\b[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\b")
_IDENTIFIER_SHAPE = re.compile(r"_|\.|[a-z][A-Z]|\w\(")
_MAX_CUES = 400


def find_cues(texts: Iterable[str]) -> str:
    """Return frames, then names in code, then names that look like identifiers, one per line and each once.

    Frames come as `path:line function`. The order is that of appearance inside each group, so that the result is
    deterministic. At most 400 lines.
    """
    frames: dict[str, None] = {}
    coded: dict[str, None] = {}
    shaped: dict[str, None] = {}
    for text in texts:
        for match in _FRAME.finditer(text):
            frames[f"{match['path']}:{match['line']} {match['function'] or ''}".strip()] = None
        for match in _PYTEST_FRAME.finditer(text):
            frames[f"{match['path']}:{match['line']}"] = None
        for match in _CODE.finditer(text):
            coded.update(dict.fromkeys(_NAME.findall(match[1] or match[2] or "")))
        for match in re.finditer(r"\S+", text):
            if _IDENTIFIER_SHAPE.search(match[0]):
                shaped.update(dict.fromkeys(_NAME.findall(match[0])))
    return "\n".join([*frames, *coded, *(name for name in shaped if name not in coded)][:_MAX_CUES])

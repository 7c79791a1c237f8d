"""The code at the places that a model named, for a change written in one go."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.context.values import Context
from envs.symbols import find_symbols
from envs.workspace import Workspace

MAX_FILES = 5
_WHOLE_FILE = 24_000
"""Characters up to which a file is shown whole."""
_AROUND = 10
"""Lines shown before and after a named symbol (Agentless' window)."""
_ALL = 120_000
"""Characters of everything together."""


def show(workspace: Workspace, context: Context, named: Sequence[Mapping[str, Any]]) -> str:
    """Return the code at the named places as text; places that do not exist are said, and none named means the likeliest files."""
    wanted = list(named)[:MAX_FILES] or [{"path": file.path} for file in context.files[:3]]
    shown: list[str] = []
    for place in wanted:
        path = str(place["path"])
        try:
            text = workspace.read(path).decode("utf-8", "replace")
        except OSError as error:
            shown.append(f"{path}: {error.strerror or error}")
            continue
        shown.append(f"{path}:\n```\n{_part(path, text, [str(name) for name in place.get('symbols', [])])}\n```")
    return "\n\n".join(shown)[:_ALL]


def _part(path: str, text: str, symbols: Sequence[str]) -> str:
    """The file, or what matters of a long one."""
    if len(text) <= _WHOLE_FILE:
        return text
    lines = text.splitlines()
    kept: set[int] = set(range(min(_AROUND, len(lines))))
    for symbol in find_symbols(path, text.encode()):
        if symbol.name in symbols or symbol.name.rpartition(".")[2] in symbols:
            kept.update(range(max(0, symbol.line - 1 - _AROUND), min(len(lines), symbol.end_line + _AROUND)))
    out: list[str] = []
    before = -1
    for number in sorted(kept):
        if number != before + 1:
            out.append(f"[... {number - before - 1} lines ...]")
        out.append(lines[number])
        before = number
    return "\n".join(out)[: _WHOLE_FILE * 2]

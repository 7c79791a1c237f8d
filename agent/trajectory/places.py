"""The code at the places that a model named, for a change written in one go."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.context.values import Context
from agent.tools.view import numbered, split_lines
from envs.symbols import find_symbols
from envs.workspace import Workspace

MAX_FILES = 5
_FILE = 30_000
"""Characters shown of one file."""
_SHORT = 6_000
"""A file of so few characters is shown whole when more than half of it was named; of one that has no symbols, such as a changelog,
no more is shown."""
_HEAD = 40
_AROUND = 10
"""Lines shown before and after a named symbol (Agentless' window)."""
_ALL = 120_000
"""Characters of everything together."""


def show(workspace: Workspace, context: Context, named: Sequence[Mapping[str, Any]]) -> str:
    """Return the code at the named places as text, numbered.

    Places that do not exist are said; where none is named, the likeliest files are shown.
    """
    wanted = list(named)[:MAX_FILES] or [{"path": file.path} for file in context.files[:3]]
    room = _ALL
    shown: list[str] = []
    for place in wanted:
        path = str(place["path"])
        try:
            text = workspace.read(path).decode("utf-8", "replace")
        except OSError as error:
            shown.append(f"{path}: {error.strerror or error}")
            continue
        part = _part(path, text, [str(name) for name in place.get("symbols", [])], min(room, _FILE))
        room -= len(part)
        shown.append(f"{path}:\n```\n{part}\n```")
    return "\n\n".join(shown)


def _part(path: str, text: str, symbols: Sequence[str], limit: int) -> str:
    """What was named of a file with its head, else the file from its start, as far as the limit goes."""
    lines = split_lines(text)
    kept = _lines_of(path, text, symbols, len(lines)) if symbols else set(range(len(lines)))
    if len(text) > _SHORT and not find_symbols(path, text.encode()):
        limit = min(limit, _SHORT)
    if len(kept) > len(lines) // 2 and len(text) <= _SHORT:
        kept = set(range(len(lines)))
    out: list[str] = []
    before = -1
    for number in sorted(kept):
        (line,) = numbered([lines[number]], number + 1)
        limit -= len(line) + 1
        if limit < 0:
            break
        if number != before + 1:
            out.append(f"[… {number - before - 1} lines …]")
        out.append(line)
        before = number
    if before + 1 < len(lines):
        out.append(f"[… {len(lines) - before - 1} more lines …]")
    return "\n".join(out)


def _lines_of(path: str, text: str, symbols: Sequence[str], count: int) -> set[int]:
    """Lines of the named symbols with some around, and the head of the file, where its imports stand."""
    kept = set(range(min(_HEAD, count)))
    for symbol in find_symbols(path, text.encode()):
        if symbol.name in symbols or symbol.name.rpartition(".")[2] in symbols:
            kept.update(range(max(0, symbol.line - 1 - _AROUND), min(count, symbol.end_line + _AROUND)))
    return kept

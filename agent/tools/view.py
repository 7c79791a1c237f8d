"""The tool `view`: files with line numbers, and folders."""

import errno
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from agent.models.values import ToolSpec
from agent.tools.document import Document, NotText, read_document
from agent.tools.text import clip, fit, size, visible
from agent.tools.tree import SECONDS, Tree
from agent.tools.values import Observation, ToolLimits
from envs.symbols import find_symbols

WHOLE_LINES = 500
"""Files with more lines are outlined when no range is asked for."""
HEAD_LINES = 60
LARGEST = 16 << 20
_ENTRIES = 300


class View:
    """Shows files and folders, inside the work tree and outside of it."""

    def __init__(self, tree: Tree, limits: ToolLimits) -> None:
        self._tree, self._limit = tree, limits.observation_bytes
        self.spec = ToolSpec(
            name="view",
            description=(
                "Show a file with line numbers, or a folder (2 levels, without what git ignores). A long file without a range "
                "is shown as an outline with its first lines. Files outside of the repository can be viewed too."
            ),
            parameters={
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "start": {"type": "integer", "description": "first line, from 1"},
                    "end": {"type": "integer", "description": "last line; -1: the end"},
                },
                "required": ["path"],
            },
        )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `Tool.run`."""
        path = self._tree.shown(self._tree.absolute(arguments["path"]))
        try:
            data = self._tree.read(arguments["path"], max_bytes=LARGEST)
        except ValueError as error:
            return Observation(text=f"{error}.", ok=False)
        except IsADirectoryError:
            return Observation(text=self._folder(path))
        except (FileNotFoundError, NotADirectoryError):
            return Observation(text=self._tree.missing(path), ok=False)
        except OSError as error:
            large = f"it is larger than {LARGEST >> 20} MiB; use shell, such as `sed -n 1,50p`"
            reason = large if error.errno == errno.EFBIG else error.strerror or str(error)
            return Observation(text=f"{path} cannot be viewed: {reason}.", ok=False)
        try:
            document = read_document(data)
        except NotText as error:
            return Observation(text=f"{path} cannot be shown as text: {error} ({len(data):,} bytes).", ok=False)
        return self._file(path, data, document, arguments.get("start"), arguments.get("end"))

    def _file(self, path: str, data: bytes, document: Document, start: int | None, end: int | None) -> Observation:
        lines = split_lines(document.text)
        count = len(lines)
        if not count:
            return Observation(text=f"{path} is empty.")
        first, last = max(1, start or 1), count if end is None or end < 0 else min(end, count)
        if first > count or last < first:
            asked = f"{start or 1} to {'the end' if end is None or end < 0 else end}"
            return Observation(text=f"{path} has {count:,} lines; there are none from {asked}.", ok=False)
        about = _about(document)
        if start is None and end is None and (count > WHOLE_LINES or size(document.text) > self._limit * 4 // 5):
            return Observation(text=self._outline(path, data, lines, about))
        heading = f"{path} (lines {first}-{last} of {count}{about})"
        room = self._limit - size(heading) - 120
        shown = numbered(lines[first - 1 : last], first)
        fits = max(1, fit(shown, room))
        text = "\n".join([heading, *shown[:fits]])
        if fits < len(shown):
            text += f"\n… lines {first + fits}-{last} left out; go on with start={first + fits}"
        return Observation(text=clip(text, self._limit))

    def _outline(self, path: str, data: bytes, lines: Sequence[str], about: str) -> str:
        found = [item for item in find_symbols(path, data) if item.kind != "constant"]
        outline = [f"{item.line}-{item.end_line}\t{'  ' * item.name.count('.')}{item.signature}" for item in found]
        half = (self._limit - 400) // 2
        fits = fit(outline, half)
        head = numbered(lines[:HEAD_LINES], 1)
        head = head[: max(1, fit(head, half))]
        parts = [f"{path} ({len(lines):,} lines{about}): too long to show at once; ask for a range with start and end."]
        if outline:
            left = f"\n… {len(outline) - fits} more" if fits < len(outline) else ""
            parts.append("Outline (lines, definition):\n" + "\n".join(outline[:fits]) + left)
        parts.append(f"Lines 1-{len(head)}:\n" + "\n".join(head))
        return clip("\n".join(parts), self._limit)

    def _folder(self, path: str) -> str:
        entries = [] if path.startswith("/") else _levels(self._tree.files(path), path)
        entries = entries or self._listed(path)
        levels, room = "2 levels", self._limit - 300
        if fit([shown for _, shown in entries], room) < len(entries) or len(entries) > _ENTRIES:
            levels, entries = (
                "its first level",
                [(name, shown) for name, shown in entries if "/" not in name.rstrip("/")],
            )
        if not entries:
            return f"{path}/ is empty"
        lines = [shown for _, shown in entries]
        fits = min(_ENTRIES, fit(lines, room))
        left = len(lines) - fits
        more = [f"… {left} more; view a folder inside, or use shell"] if left else []
        return clip("\n".join([f"{path}/ has {len(lines)} entries in {levels}", *lines[:fits], *more]), self._limit)

    def _listed(self, path: str) -> list[tuple[str, str]]:
        """What is on the disk, for folders that git says nothing of."""
        argv = ("find", f"{self._tree.absolute(path)}/", "-mindepth", "1", "-maxdepth", "2", "-printf", "%P%y\\0")
        result = self._tree.box.exec(argv, timeout=SECONDS, max_bytes=1 << 20)
        if not result.stdout and not result.ok:  # a find that cannot print so
            result = self._tree.box.exec(
                ("ls", "-Ap", "--", self._tree.absolute(path)), timeout=SECONDS, max_bytes=1 << 20
            )
            return [(name, visible(name)) for name in result.out.splitlines()]
        found = [name[:-1] + ("/" if name.endswith("d") else "") for name in result.out.split("\0") if len(name) > 1]
        return [(name, visible(name)) for name in sorted(found)]


def split_lines(text: str) -> list[str]:
    """Return lines as editors count them: only line feeds end one, and nothing follows the last."""
    lines = text.split("\n")
    return lines[:-1] if not lines[-1] else lines


def numbered(lines: Sequence[str], first: int) -> list[str]:
    """Return lines behind their numbers and a tab."""
    return [f"{number}\t{visible(line)}" for number, line in enumerate(lines, first)]


def _about(document: Document) -> str:
    about = ", CRLF line ends" if document.newline == "\r\n" else ""
    if document.encoding != "utf-8" or document.errors != "strict":
        about += f", {document.encoding}" + (" with other bytes" if document.errors != "strict" else "")
    return about + ("" if not document.text or document.text.endswith("\n") else ", no line end after the last line")


def _levels(files: Sequence[str], top: str) -> list[tuple[str, str]]:
    """Return two levels below a folder, as names and as they are shown: folders with the number of files in them."""
    prefix = "" if top == "." else f"{top}/"
    below: Counter[str] = Counter()
    for file in files:
        parts = file.removeprefix(prefix).split("/")
        for depth in range(1, min(len(parts), 3)):
            below["/".join(parts[:depth]) + "/"] += 1
        if len(parts) <= 2:
            below["/".join(parts)] += 0
    counted = {name: f" ({count} files)" if count else "" for name, count in below.items()}
    return [(name, visible(name, most=300) + counted[name]) for name in sorted(below)]

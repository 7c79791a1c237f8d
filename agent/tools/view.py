"""The tool `view`: files with line numbers, and folders."""

import errno
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from agent.models.values import ToolSpec
from agent.tools.document import Document, NotText, read_document
from agent.tools.text import clip, fit, one_line, size, visible
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
        if not entries:
            entries = self._listed(path)
        heading = f"{path}/ has {len(entries)} entries in 2 levels" if entries else f"{path}/ is empty"
        fits = min(_ENTRIES, fit(entries, self._limit - 300))
        left = len(entries) - fits
        more = f"\n… {left} more; view a folder inside, or use shell" if left else ""
        return clip("\n".join([heading, *entries[:fits]]) + more, self._limit)

    def _listed(self, path: str) -> list[str]:
        """What is on the disk, for folders that git says nothing of."""
        argv = ("find", f"{self._tree.absolute(path)}/", "-mindepth", "1", "-maxdepth", "2", "-printf", "%P%y\\0")
        result = self._tree.box.exec(argv, timeout=SECONDS, max_bytes=1 << 18)
        names = [name for name in result.out.split("\0")[: 4 * _ENTRIES] if len(name) > 1]
        return [visible(name[:-1] + ("/" if name.endswith("d") else "")) for name in sorted(names)]


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


def _levels(files: Sequence[str], top: str) -> list[str]:
    """Return two levels below a folder; folders of the second level with the number of files in them."""
    prefix = "" if top == "." else f"{top}/"
    below: Counter[str] = Counter()
    for file in files:
        parts = posixpath.normpath(file).removeprefix(prefix).split("/")
        for depth in range(1, min(len(parts), 3)):
            below["/".join(parts[:depth]) + "/"] += 1
        if len(parts) <= 2:
            below["/".join(parts)] += 0
    return [one_line(name, 300) + (f" ({count} files)" if count else "") for name, count in sorted(below.items())]

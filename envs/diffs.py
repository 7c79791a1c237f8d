"""Reads unified diffs, as git prints them and as people and models write them down.

git itself decides whether a patch applies; this module finds the file names, tells a diff from the prose around it, and brings
spellings that mean one thing (no prefixes, other prefixes, CRLF headers, a lost last newline) to the one that git prints.
"""

import base64
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from envs.diff_names import check_path, is_unicode, minus_plus, quoted, unquoted, without_prefixes
from envs.errors import PatchRejected
from envs.values import Patch

MAX_BYTES = 5_000_000
"""Largest patch, in bytes."""

MAX_BINARY_BYTES = 64_000_000
"""Largest content that a binary part of a patch may unpack to, in bytes."""

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_MODES = {"100644", "100755", "120000"}
_EXTENDED = re.compile(
    r"(?P<mode>old mode|new mode|deleted file mode|new file mode) (?P<bits>\d+)$"
    r"|(?P<verb>rename|copy) (?P<end>from|to) (?P<name>.+)$"
    r"|(?:dis)?similarity index \d+%$"
    r"|index [0-9a-f]+\.\.[0-9a-f]+(?: (?P<same>\d+))?$"
)


class FileDiff(NamedTuple):
    """What a patch says of one file."""

    old: str | None
    """None: it is created."""
    new: str | None
    """None: it is deleted."""
    lines: tuple[str, ...]
    """In git's spelling, without line ends."""


def parse(text: str) -> tuple[FileDiff, ...]:
    """Read every file's part, and leave out the prose between them.

    Raises:
        PatchRejected: the text is no diff, a hunk does not hold what its header says, a name can be read in two ways, or a name or
            mode is one that no patch may have.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise PatchRejected(
            f"The patch is larger than {MAX_BYTES:,} bytes.", hint="Leave generated files and data out of it."
        )
    if not is_unicode(text):
        raise PatchRejected("The patch is not valid UTF-8.", hint="Files in another encoding are written as binary.")
    return tuple(_Reader(text).files())


def paths(patch: Patch) -> tuple[str, ...]:
    """Name every file that a patch touches, old and new names, sorted.

    Raises:
        PatchRejected: it is malformed, or names a file that no patch may touch.
    """
    return tuple(sorted({path for file in parse(patch.diff) for path in (file.old, file.new) if path is not None}))


class _Reader:
    """A cursor over the lines of a text."""

    def __init__(self, text: str) -> None:
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        marks = [line for line in lines if line.startswith(("diff --git ", "--- ", "+++ ", "@@ -"))]
        if marks and all(
            line.endswith("\r") for line in marks
        ):  # git ends these lines with \n even for files with CRLF
            lines = [line.removesuffix("\r") for line in lines]
        self._lines = lines
        self._at = 0
        self._bodiless = False  # the last file had a header of git's and nothing below it

    def files(self) -> Iterator[FileDiff]:
        while self._at < len(self._lines):
            if self._here().startswith("diff --git "):
                yield self._git_file()
            elif self._starts_plain():
                if self._bodiless:
                    raise self._malformed("it is not clear whether these lines belong to the file above")
                yield self._plain_file()
            else:
                self._skip_prose()

    def _here(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._lines[at] if at < len(self._lines) else ""

    def _next(self) -> str:
        line = self._here()
        self._at += 1
        return line

    def _starts_plain(self) -> bool:
        return self._here().startswith("--- ") and self._here(1).startswith("+++ ") and self._here(2).startswith("@@ -")

    def _skip_prose(self) -> None:
        line = self._next()
        # A line that would have changed something must not be taken for prose: the hunk above was miscounted.
        if line.startswith(("@@ -", "+", "GIT binary patch")) or re.match(r"-(?![- ]|$)|-  ", line):
            raise self._malformed(f"{line[:40]!r} belongs to no file or hunk")

    def _malformed(self, why: str) -> PatchRejected:
        return PatchRejected(
            f"The patch is malformed at line {self._at}: {why}.", hint="It must be what `git diff` prints."
        )

    def _plain_file(self) -> FileDiff:
        old, new = self._names(self._next()[4:], self._next()[4:])
        return FileDiff(old, new, (*minus_plus(old, new), *self._hunks()))

    def _git_file(self) -> FileDiff:
        pair = self._next().removeprefix("diff --git ")
        extended, names = self._extended()
        created = any(line.startswith("new file mode") for line in extended)
        deleted = any(line.startswith("deleted file mode") for line in extended)
        body: list[str] = []
        if self._here().startswith("--- ") and self._here(1).startswith("+++ "):
            old, new = self._names(self._next()[4:], self._next()[4:], pair=pair)
            if None not in (old, new) and old != new and "from" not in names:
                raise self._malformed(f"{old!r} and {new!r} are one file only with lines that say so")
            body = [*minus_plus(old, new), *self._hunks()]
        elif "from" in names and "to" in names:
            old, new = names["from"], names["to"]
        else:
            old = new = self._same_name(pair)
            if self._here() == "GIT binary patch":
                body = list(self._binary())
            elif re.match(r"Binary files .* differ$", self._here()):
                raise self._malformed("a binary file's content is missing (use `git diff --binary`)")
        self._bodiless = not body
        if not extended and not body:
            raise self._malformed("a file without a change")
        head = f"diff --git {quoted('a/' + str(old or new))} {quoted('b/' + str(new or old))}"
        for path in (old, new):
            check_path(path or "x")
        return FileDiff(None if created else old, None if deleted else new, (head, *extended, *body))

    def _extended(self) -> tuple[list[str], dict[str, str]]:
        lines: list[str] = []
        names: dict[str, str] = {}
        while match := _EXTENDED.match(self._here()):
            line = self._next()
            mode = match["bits"] or match["same"]
            if mode is not None and mode not in _MODES:
                kind = "a submodule" if mode == "160000" else f"a file of mode {mode}"
                raise PatchRejected(f"The patch touches {kind}, which no patch may.")
            if match["verb"]:
                if match["end"] in names:
                    raise self._malformed("a file is renamed twice")
                names[match["end"]] = name = unquoted(match["name"])
                line = f"{match['verb']} {match['end']} {quoted(name)}"
            lines.append(line)
        return lines, names

    def _names(self, old: str, new: str, *, pair: str | None = None) -> tuple[str | None, str | None]:
        """Paths from the `---` and `+++` lines; what follows a tab is a date."""
        left, right = (unquoted(name.split("\t")[0]) for name in (old, new))
        if left == "/dev/null":
            return None, self._one_name(right, "b/", pair)
        if right == "/dev/null":
            return self._one_name(left, "a/", pair), None
        both = without_prefixes(left, right)
        if both is None:
            raise self._malformed(f"the names {left!r} and {right!r} do not belong together")
        for path in both:
            check_path(path)
        return both

    def _one_name(self, name: str, prefix: str, pair: str | None) -> str:
        path = self._same_name(pair) if pair else name.removeprefix(prefix)
        if pair and path not in (name, name[2:]):
            raise self._malformed(f"{name!r} is not the file that the lines above name")
        check_path(path)
        return path

    def _same_name(self, pair: str) -> str:
        """The one name that both halves of a `diff --git` line spell."""
        if pair.startswith('"') or pair.endswith('"'):
            halves = re.findall(r'"(?:[^"\\]|\\.)*"|[^" ][^"]*?(?= "|$)', pair)
            splits = [(unquoted(halves[0]), unquoted(halves[1]))] if len(halves) == 2 else []
        else:
            splits = [(pair[:at], pair[at + 1 :]) for at, char in enumerate(pair) if char == " "]
        found = {both[0] for left, right in splits if (both := without_prefixes(left, right)) and both[0] == both[1]}
        if len(found) != 1:
            raise self._malformed(f"the name of the file is not clear from {pair[:80]!r}")
        return found.pop()

    def _hunks(self) -> Iterator[str]:
        if not self._here().startswith("@@ -"):
            raise self._malformed("a hunk is missing")
        while self._here().startswith("@@ -"):
            match = _HUNK.match(self._here())
            if match is None:
                raise self._malformed("a hunk's header cannot be read")
            yield self._next()
            yield from self._hunk(int(match[1] or 1), int(match[2] or 1))

    def _hunk(self, old: int, new: int) -> Iterator[str]:
        changes = False
        while old > 0 or new > 0:
            at_end = self._at >= len(self._lines)
            if at_end and old != new:
                raise self._malformed("the last hunk ends early")
            # Blank context at the very end is what trimming a text takes away.
            line = " " if at_end else self._next()
            kind = line[:1] or " "
            if kind not in " +-\\":
                raise self._malformed(f"{line[:40]!r} is not a line of a hunk")
            old -= kind in " -"
            new -= kind in " +"
            changes |= kind in "+-"
            yield line or " "
        if old < 0 or new < 0:
            raise self._malformed("a hunk holds more than its header says")
        if not changes:
            raise self._malformed("a hunk changes nothing")
        if self._here().startswith("\\"):
            yield self._next()

    def _binary(self) -> Iterator[str]:
        yield self._next()
        while match := re.match(r"(literal|delta) (\d+)$", self._here()):
            yield self._next()
            size = int(match[2]) if match[1] == "literal" else _delta_result(self._here())
            if size > MAX_BINARY_BYTES:
                raise PatchRejected(f"The patch holds a binary file of more than {MAX_BINARY_BYTES:,} bytes.")
            while self._here():
                yield self._next()
            self._at += 1
            yield ""


def _delta_result(line: str) -> int:
    """Size of what a binary delta makes, in bytes, from the first line of its data: a few bytes can stand for gigabytes."""
    try:
        head = zlib.decompressobj().decompress(base64.b85decode(line[1:]), 32)
    except (ValueError, zlib.error) as error:
        raise PatchRejected("The patch is malformed: a binary part cannot be read.") from error
    sizes = [0, 0]  # of the source, of the result: seven bits a byte, lowest first
    at = 0
    for number in range(2):
        shift = 0
        while at < len(head):
            sizes[number] |= (head[at] & 0x7F) << shift
            shift += 7
            at += 1
            if head[at - 1] < 0x80:
                break
    return sizes[1]

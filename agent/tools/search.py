"""The tool `search`: text in files, and definitions of names."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

from agent.models.values import ToolSpec
from agent.tools.text import clip, one_line, size, visible
from agent.tools.tree import SECONDS, Tree
from agent.tools.values import Observation, ToolLimits
from envs.symbols import Symbol, find_symbols
from envs.workspace import GIT, GIT_ENV
from sandbox.values import ExecResult

OUTPUT_BYTES = 4 << 20
MOST_LINES = 100
_LINES_PER_FILE = 12
_WIDTH = 240
_MOST_PARSED = 40
_MOST_USES = 10
"""Lines that are shown of those that use a name."""
_LARGEST_PARSED = 4 << 20
_LONGEST_PATTERN = 2000

_TESTS = re.compile(r"(^|/)(tests|__tests__|spec)/|(^|/)(test_[^/]*|[^/]*_test|conftest|[^/]*[._](test|spec))\.[a-z]+$")
_CODE = re.compile(
    r"\.(py|pyi|pyx|pxd|c|h|cc|cpp|hpp|cs|go|rs|java|kt|scala|rb|php|pl|js|jsx|ts|tsx|mjs|swift|lua|sh|sql|vue)$"
)
_KEYWORDS = (
    r"(?:def|class|fn|func|function|struct|interface|enum|trait|type|module|const|let|var|macro_rules!|#\s*define)"
)


class Hit(NamedTuple):
    """One line that matches."""

    path: str
    line: int
    text: str


class Where(NamedTuple):
    """What restricts a search; both empty: nothing does."""

    path: str
    """As it is shown."""
    spec: str
    """For git."""


class Search:
    """Looks through tracked and new files; what git ignores is left out."""

    def __init__(self, tree: Tree, limits: ToolLimits) -> None:
        self._tree, self._limit = tree, limits.observation_bytes
        self.spec = ToolSpec(
            name="search",
            description=(
                "Search the repository's files (not those that git ignores). pattern: lines that match a regular expression "
                "(Perl's; fixed=true: plain text). symbol: where a class, function, method or constant of this name is defined, and how "
                "often it is used. Code is listed before tests and documentation."
            ),
            parameters={
                "type": "object",
                "properties": {
                    "pattern": {"type": "string"},
                    "symbol": {"type": "string", "description": "name or Class.method"},
                    "path": {"type": "string", "description": "only in this folder or file, or files like *.py"},
                    "fixed": {"type": "boolean"},
                    "ignore_case": {"type": "boolean"},
                },
            },
        )

    def run(self, arguments: Mapping[str, Any]) -> Observation:
        """See `Tool.run`."""
        pattern, symbol = arguments.get("pattern", ""), arguments.get("symbol", "").strip()
        wanted = symbol or pattern
        if bool(pattern) == bool(symbol):
            return Observation(text="Give either `pattern` or `symbol`.", ok=False)
        if "\0" in wanted or "\n" in wanted.strip("\n") or len(wanted) > _LONGEST_PATTERN:
            return Observation(
                text="What is searched must be on one line, and not longer than 2,000 characters.", ok=False
            )
        path = arguments.get("path", "").strip()
        where = self._where(path)
        if where is None:
            return Observation(text=self._tree.missing(path), ok=False)
        if symbol:
            return self._symbol(symbol, where)
        return self._text(pattern.strip("\n"), where, arguments)

    def _where(self, path: str) -> Where | None:
        """Return what restricts the search; None when there is no such place."""
        if not path or self._tree.absolute(path) == self._tree.top:
            return Where("", "")
        if "\0" in path or len(path) > 4000:
            return None
        (place,) = self._tree.look([path])
        if place.kind in {"file", "folder"}:
            return Where(place.path, f":(literal){place.path}")
        if any(sign in path for sign in "*?["):
            return Where(path, f":(glob){path if '/' in path else f'**/{path}'}")
        return None

    def _text(self, pattern: str, where: Where, arguments: Mapping[str, Any]) -> Observation:
        options = ["-i"] if arguments.get("ignore_case") else []
        fixed = bool(arguments.get("fixed"))
        result = self._grep([*options, "-F" if fixed else "-P"], pattern, where)
        note = ""
        if not fixed and _failed(result):
            # No Perl expressions in this git, or no expression at all: what was meant is most likely the text itself.
            reason = one_line(result.err.removeprefix("fatal: "), 150)
            if "not compiled" in reason or "cannot use Perl" in reason:
                result = self._grep([*options, "-E"], pattern, where)
            if _failed(result):
                note = f"Not a regular expression ({reason}); searched as plain text.\n"
                result = self._grep([*options, "-F"], pattern, where)
        if _failed(result):
            return Observation(text=f"The search failed: {one_line(result.err, 300)}", ok=False)
        hits = _hits(result)
        if not hits:
            place = f" in {where.path}" if where.path else ""
            more = "" if fixed or note else "; for plain text with signs such as ( or [ set fixed"
            return Observation(text=f"{note}Nothing matches {one_line(pattern, 80)}{place}{more}.", data={"hits": 0})
        cut = result.timed_out or result.stdout_bytes > len(result.stdout)
        return Observation(text=clip(note + self._listed(hits, cut=cut), self._limit), data={"hits": len(hits)})

    def _listed(self, hits: Sequence[Hit], *, cut: bool) -> str:
        groups: dict[str, list[Hit]] = {}
        for hit in hits:
            groups.setdefault(hit.path, []).append(hit)
        total = f"{'at least ' if cut else ''}{len(hits)} lines in {len(groups)} files"
        parts, room, shown, files = [total], self._limit - 400, 0, 0
        for path in sorted(groups, key=lambda path: (_rank(path), path)):
            found = groups[path]
            most = min(len(found), MOST_LINES - shown, _LINES_PER_FILE if len(groups) > 1 else MOST_LINES)
            lines = [f"{hit.line}\t{visible(hit.text, most=_WIDTH)}" for hit in found[:most]]
            if len(found) > most > 0:
                lines.append(f"… {len(found) - most} more in this file")
            part = "\n".join([visible(path), *lines])
            if not most or (size(part) > room and files):
                break
            parts.append(part)
            room -= size(part) + 1
            shown, files = shown + most, files + 1
        if files < len(groups):
            left = len(hits) - sum(len(groups[path]) for path in sorted(groups, key=lambda p: (_rank(p), p))[:files])
            parts.append(f"… {left} lines in {len(groups) - files} more files left out; search a folder with path")
        return "\n".join(parts)

    def _symbol(self, symbol: str, where: Where) -> Observation:
        name = symbol.rpartition(".")[2].removesuffix("()")
        symbol = symbol.removesuffix("()")
        if not re.fullmatch(r"[\w$]+", name):
            return Observation(text=f"{one_line(symbol, 80)} is no name; use pattern for text.", ok=False)
        hits = _hits(self._grep(["-w", "-F"], name, where))
        sources = dict.fromkeys(
            hit.path for hit in hits if _defines(name, hit.text) and hit.path.endswith((".py", ".pyi"))
        )
        ranked = sorted(sources, key=lambda path: (_rank(path), path))
        found = [(path, item) for path in ranked[:_MOST_PARSED] for item in self._definitions(path, symbol, name)]
        others = [hit for hit in hits if hit.path not in sources and _keyword(name, hit.text)]
        lines = [f"{path}:{item.line}-{item.end_line} {item.kind} {_named(item)}" for path, item in found]
        lines += [f"{hit.path}:{hit.line} {one_line(hit.text, _WIDTH)}" for hit in sorted(others, key=_hit_rank)]
        defined = {(path, item.line) for path, item in found} | {(hit.path, hit.line) for hit in others}
        uses = sorted((hit for hit in hits if not _is_definition(hit, name, defined)), key=_hit_rank)
        used = f"{name} occurs in {len(uses)} other lines of {len({hit.path for hit in uses})} files"
        used = "\n".join(
            [
                f"{used}:" if uses else used,
                *(f"  {hit.path}:{hit.line} {one_line(hit.text, _WIDTH)}" for hit in uses[:_MOST_USES]),
            ]
        )
        used += f"\n  … {len(uses) - _MOST_USES} more; use pattern to see them" if len(uses) > _MOST_USES else ""
        if not lines:
            return Observation(text=f"No definition of {symbol} was found; {used}.", data={"definitions": 0})
        left = len(lines) - MOST_LINES
        more = [f"… {left} more definitions"] if left > 0 else []
        more += [f"… {len(ranked) - _MOST_PARSED} more files not looked into"] if len(ranked) > _MOST_PARSED else []
        text = "\n".join([*lines[:MOST_LINES], *more, used])
        return Observation(text=clip(text, self._limit), data={"definitions": len(lines)})

    def _definitions(self, path: str, symbol: str, name: str) -> Iterable[Symbol]:
        try:
            source = self._tree.box.read(path, max_bytes=_LARGEST_PARSED)
        except OSError:
            return ()
        exact = f".{symbol}"
        return [
            item
            for item in find_symbols(path, source)
            if f".{item.name}".endswith(exact if "." in symbol else f".{name}")
        ]

    def _grep(self, options: Sequence[str], pattern: str, where: Where) -> ExecResult:
        script = f'{GIT} -c grep.threads=1 grep --untracked -I -n -z --no-color "$@"'
        words = [*options, "-e", pattern, "--"]
        if not where.path.startswith("/"):
            argv = ("sh", "-c", script, "sh", *words, *([where.spec] if where.spec else []))
            env = {**GIT_ENV, "LC_ALL": "C.UTF-8", "GIT_LITERAL_PATHSPECS": "0"}
            result = self._tree.box.exec(argv, timeout=SECONDS, env=env, max_bytes=OUTPUT_BYTES)
            if not (result.exit_code == 128 and "not a git repository" in result.err):
                return result
        # Outside of the repository, or without one.
        script = 'grep -r -H -I -n -Z --exclude-dir=.git --color=never "$@" | sed "s/\\x00\\([0-9]*\\):/\\x00\\1\\x00/"'
        argv = ("sh", "-c", script, "sh", *words, where.path or ".")
        return self._tree.box.exec(argv, timeout=SECONDS, env={"LC_ALL": "C.UTF-8"}, max_bytes=OUTPUT_BYTES)


def _failed(result: ExecResult) -> bool:
    return not result.stdout and result.exit_code not in {0, 1} and not result.timed_out


def _hits(result: ExecResult) -> list[Hit]:
    """Read `path NUL line NUL text`; when the middle of the output was left out, only what was before it."""
    data = result.stdout
    if result.stdout_bytes > len(data):
        data = data[: len(data) // 2]
        data = data[: data.rfind(b"\n") + 1]
    hits = []
    for line in os.fsdecode(data).split("\n"):
        path, _, rest = line.partition("\0")
        number, _, text = rest.partition("\0")
        if number.isdigit():
            hits.append(Hit(path.removeprefix("./"), int(number), text.rstrip("\r")))
    return hits


def _rank(path: str) -> int:
    """Code, then tests, then everything else."""
    if _TESTS.search(path):
        return 1
    return 0 if _CODE.search(path) else 2


def _is_definition(hit: Hit, name: str, defined: Set[tuple[str, int]]) -> bool:
    """Say whether a line is one of those that were shown as definitions; decorators stand above the line with the name."""
    return (hit.path, hit.line) in defined or (
        _keyword(name, hit.text) and any(path == hit.path for path, _ in defined)
    )


def _hit_rank(hit: Hit) -> tuple[int, str, int]:
    return _rank(hit.path), hit.path, hit.line


def _defines(name: str, line: str) -> bool:
    """Say whether a line of Python may define a name; the syntax tree decides."""
    return _keyword(name, line) or re.match(rf"\s*{re.escape(name)}\s*(:[^=]*)?=(?!=)", line) is not None


def _keyword(name: str, line: str) -> bool:
    return re.search(rf"(^|\s){_KEYWORDS}\s+(\([^)]*\)\s*)?{re.escape(name)}(?![\w$])", line) is not None


def _named(item: Symbol) -> str:
    """Return the signature, with the qualified name where it shows only the last part."""
    return f"{item.signature}  ({item.name})" if "." in item.name else item.signature

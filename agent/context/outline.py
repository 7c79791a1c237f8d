"""The repository as a short text: folders, files and what they define, deepest where it matters."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agent.context.kinds import Kind, kind_of
from envs.symbols import Symbol

_STRUCTURE, _WAYS = 0.55, 0.9
"""Share of the bytes for folders and files, the rest being for symbols; and for those on the way to ranked files."""
_MAX_IN_FOLDER, _MAX_IN_DULL = 40, 8
"""Files shown of one folder, and of one that holds no source; ranked ones always."""
_DEEP = 10
"""So many of the best ranked files show symbols with their signatures."""
_MAX_SYMBOLS = 4  # of each of those
_MAX_SIGNATURE = 110  # characters
_MAX_FOLDERS = 60
"""Folders shown of one folder; those on the way to ranked files always."""
_MAX_DEPTH = 50
"""Folders below each other; nobody works deeper down."""
_MAX_NAMES = 140  # bytes of the names behind a file


class _Folder(NamedTuple):
    folders: dict[str, "_Folder"]
    files: list[str]

    def total(self) -> int:
        return len(self.files) + sum(folder.total() for folder in self.folders.values())


def draw_outline(
    paths: Sequence[str],
    ranked: Mapping[str, Sequence[Symbol]],
    symbols: Mapping[str, Sequence[Symbol]],
    *,
    limit: int,
) -> str:
    """Draw the tree.

    Args:
        paths: all files.
        ranked: files that matter, most relevant first, with their symbols that matter.
        symbols: all symbols by path, as far as they are known.
        limit: bytes of UTF-8 that the text may have.
    """
    tree = _tree(paths)
    opened = _opened(tree, list(ranked), limit)
    lines = list(_lines(tree, "", 0, opened, _ways(ranked)))
    left = limit - sum(len(line.encode()) + 1 for _, line in lines)
    shown = [path for path, _ in lines if path]
    behind: dict[str, list[str]] = {}
    for path in [path for path in ranked if path in shown][:_DEEP]:
        for symbol in ranked[path][:_MAX_SYMBOLS]:
            line = "  " * (path.count("/") + 1) + _symbol(symbol)
            if left > (size := len(line.encode()) + 1):
                behind.setdefault(path, []).append(line)
                left -= size
    near = {path.rpartition("/")[0] for path in ranked}
    names: dict[str, str] = {}
    for path in sorted(shown, key=lambda path: (path.rpartition("/")[0] not in near, path)):
        text = _names(symbols.get(path, ())) if path not in behind else ""
        if text and left > (size := len(text.encode()) + 2):
            names[path] = text
            left -= size
    whole: list[str] = []
    for at, line in lines:
        whole += [line + (f": {names[at]}" if at in names else ""), *behind.get(at, ())]
    text = "\n".join(whole)
    return text if len(text.encode()) <= limit else text.encode()[:limit].decode("utf-8", "ignore").rpartition("\n")[0]


def _tree(paths: Sequence[str]) -> _Folder:
    top = _Folder({}, [])
    for path in sorted(paths):
        *folders, name = path.split("/")
        if len(folders) > _MAX_DEPTH:
            continue
        at = top
        for folder in folders:
            at = at.folders.setdefault(folder, _Folder({}, []))
        at.files.append(name)
    return top


def _opened(tree: _Folder, ranked: Sequence[str], limit: int) -> frozenset[str]:
    """Folders whose content is shown: those on the way to ranked files first, then from the top downward."""
    ways = [folder for path in ranked for folder in _ways([path]) if folder != path]
    wanted = list(ways)
    level = [("", tree)]
    while level:
        level = [(f"{at}/{name}".lstrip("/"), inner) for at, folder in level for name, inner in folder.folders.items()]
        wanted += sorted((at for at, _ in level), key=lambda at: (_dull(at), at))
    opened = {""}
    left = int(limit * _WAYS) - _cost(tree, "", 0)
    reserve = dict.fromkeys(ways, 0)
    for at in dict.fromkeys(wanted):
        if at in opened or at.rpartition("/")[0] not in opened:
            continue
        folder = tree
        for part in at.split("/"):
            folder = folder.folders[part]
        cost = _cost(folder, at, at.count("/") + 1)
        if cost <= left - reserve.get(at, int(limit * (_WAYS - _STRUCTURE))):
            opened.add(at)
            left -= cost
    return frozenset(opened)


def _ways(paths: Iterable[str]) -> dict[str, None]:
    """Paths with all folders above them, outermost first."""
    return dict.fromkeys(
        "/".join(parts[:end]) for parts in (path.split("/") for path in paths) for end in range(1, len(parts) + 1)
    )


def _dull(folder: str) -> bool:
    """Hidden folders, tests, data and documentation come after the rest."""
    return (
        folder.startswith(".")
        or kind_of(f"{folder}/x.py") is not Kind.SOURCE
        or kind_of(f"{folder}/x.rst") is Kind.CHANGELOG
    )


def _most(folder: str) -> int:
    return _MAX_IN_DULL if folder and _dull(folder) else _MAX_IN_FOLDER


def _cost(folder: _Folder, at: str, depth: int) -> int:
    names = [*list(folder.folders)[:_MAX_FOLDERS], *folder.files[: _most(at)]]
    return sum(len(name.encode()) + 2 * depth + 14 for name in names) + 24


def _lines(
    folder: _Folder, at: str, depth: int, opened: frozenset[str], ways: Mapping[str, None]
) -> list[tuple[str, str]]:
    """(path of a file or empty, line), in the order of the text."""
    indent = "  " * depth
    lines: list[tuple[str, str]] = []
    for place, (name, inner) in enumerate(folder.folders.items()):
        path = f"{at}/{name}".lstrip("/")
        if place >= _MAX_FOLDERS and path not in ways:
            continue
        if path in opened:
            lines.append(("", f"{indent}{name}/"))
            lines += _lines(inner, path, depth + 1, opened, ways)
        else:
            count = inner.total()
            lines.append(("", f"{indent}{name}/ ({count} file{'s' if count > 1 else ''})"))
    if len(folder.folders) > _MAX_FOLDERS:
        lines.append(("", f"{indent}… {len(folder.folders)} folders in all"))
    paths = {name: f"{at}/{name}".lstrip("/") for name in folder.files}
    kept = [name for place, name in enumerate(folder.files) if place < _most(at) or paths[name] in ways]
    lines += [(paths[name], f"{indent}{name}") for name in kept]
    if len(kept) < len(folder.files):
        lines.append(("", f"{indent}… and {len(folder.files) - len(kept)} more files"))
    return lines


def _symbol(symbol: Symbol) -> str:
    said = symbol.signature or symbol.name
    if len(said) > _MAX_SIGNATURE:
        said = said[: _MAX_SIGNATURE - 1] + "…"
    return f"{symbol.line}-{symbol.end_line} {said}" + (f"  ({symbol.name})" if "." in symbol.name else "")


def _names(symbols: Sequence[Symbol]) -> str:
    """Classes and functions by name, public ones first."""
    names = dict.fromkeys(s.name for s in symbols if s.kind in ("class", "function"))
    text = ""
    for name in sorted(names, key=lambda name: name.startswith("_")):
        if len(text.encode()) + len(name.encode()) > _MAX_NAMES:
            return f"{text}, …"
        text = f"{text}, {name}" if text else name
    return text

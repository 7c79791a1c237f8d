"""Which files a file builds on, by its import lines."""

import re
from collections.abc import Iterable, Sequence

_FROM = re.compile(rb"^[ \t]*+from[ \t]++([\w.]++)[ \t]*+import\b[ \t]*+(\([^)]{0,4000}\)|[^\n]*)", re.MULTILINE)
_IMPORT = re.compile(rb"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_RELATIVE = re.compile(rb"(?:from|require\(|import\(|import|#include)\s*['\"](\.{0,2}[\w./@-]+)['\"]")
_NAME = re.compile(r"\w+")
_PYTHON = (".py", ".pyi", ".pyx")
_GUESSED = ("", ".ts", ".tsx", ".js", ".jsx", ".vue", "/index.ts", "/index.js")
_MAX = 400


def imports_of(path: str, source: bytes) -> tuple[str, ...]:
    """Return what a file imports: dotted names in Python, paths from the top elsewhere; in order and each once."""
    found: dict[str, None] = {}
    package = path.split("/")[:-1]
    if not path.endswith(_PYTHON):
        for match in _RELATIVE.finditer(source):
            found[_joined(package, match[1].decode())] = None
        return tuple(found)[:_MAX]
    for match in _FROM.finditer(source):
        module, names = match[1].decode(), match[2].partition(b"#")[0] if b"(" not in match[2] else match[2]
        dots = len(module) - len(module.lstrip("."))
        base = module.lstrip(".")
        if dots:
            base = ".".join([*package[: len(package) - dots + 1], *([base] if base else [])])
        found[base] = None
        text = re.sub(r"#[^\n]*", "", names.decode("utf-8", "replace"))
        for part in text.split(","):
            name = _NAME.search(part)
            if name:
                found[f"{base}.{name[0]}"] = None
    for match in _IMPORT.finditer(source):
        found.update(dict.fromkeys(part.split()[0] for part in match[1].decode().split(",") if part.strip()))
    return tuple(found)[:_MAX]


def _joined(folder: Sequence[str], target: str) -> str:
    parts = list(folder)
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)


class ModuleIndex:
    """Finds the file of a module."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Index the paths of a repository."""
        self._paths = frozenset(paths)
        self._modules: dict[str, list[str]] = {}
        for path in sorted(self._paths):
            for name in module_names(path, self._paths):
                self._modules.setdefault(name, []).append(path)

    def find(self, name: str) -> tuple[str, ...]:
        """Files that are this module; several where the name is ambiguous, none where it is foreign."""
        if "/" in name or name in self._paths:
            return next(((name + end,) for end in _GUESSED if name + end in self._paths), ())
        return tuple(self._modules.get(name, ()))

    def longest(self, name: str) -> tuple[tuple[str, ...], str]:
        """Files of the longest beginning of a dotted name that is a module, and what is left of the name."""
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            if found := self.find(".".join(parts[:end])):
                return found, ".".join(parts[end:])
        return (), name

    def resolve(self, imports: Iterable[str]) -> tuple[str, ...]:
        """Files behind imports, in order and each once; a name imported from a module counts as the module unless it is one."""
        found: dict[str, None] = {}
        for name in imports:
            files = self.find(name) or self.find(name.rpartition(".")[0])
            if len(files) <= 2:
                found.update(dict.fromkeys(files))
        return tuple(found)


def module_names(path: str, paths: frozenset[str]) -> tuple[str, ...]:
    """Dotted names under which a Python file may be imported: from the top, from `src` or `lib`, and from its outermost package."""
    if not path.endswith(_PYTHON):
        return ()
    parts = path.rpartition(".")[0].split("/")
    folder = "/".join(parts[:-1])
    if parts[-1] == "__init__":
        parts.pop()
    if not parts:
        return ()
    names = {".".join(parts): None}
    if parts[0] in ("src", "lib", "python") and len(parts) > 1:
        names[".".join(parts[1:])] = None
    while folder and f"{folder}/__init__.py" in paths:
        folder = folder.rpartition("/")[0]
    depth = folder.count("/") + 1 if folder else 0
    if parts[depth:]:
        names[".".join(parts[depth:])] = None
    return tuple(names)

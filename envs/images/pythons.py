"""Interpreters of this machine, and the one that suits a project."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envs.errors import ImageBuildFailed
from envs.images.recipe import Recipe, Version

MODERN: Version = (3, 9)
"""Projects that name nothing newer get up to this one: what they name is more often out of date than exhaustive."""
SYSTEM_FOLDERS = ("/usr", "/bin", "/lib", "/lib64", "/opt", "/nix", "/snap")
"""Visible in every local sandbox."""
_ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.base_prefix); print(sys.executable)"


class Interpreter(NamedTuple):
    """One Python, not an environment made from it."""

    path: str
    """Absolute path of its executable."""
    version: tuple[int, int, int]
    prefix: str
    """Folder of its installation."""

    @property
    def minor(self) -> Version:
        """Major and minor number."""
        return self.version[:2]

    @property
    def visible(self) -> tuple[str, ...]:
        """Host paths that a sandbox must show for it."""
        return shown([self.path, self.prefix])


def shown(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths that a local sandbox does not show by itself, with every link on the way to a file resolved."""
    wanted: dict[str, None] = {}
    for path in map(Path, paths):
        here = path
        for _ in range(10):
            wanted[str(here)] = None
            if not here.is_symlink():
                break
            here = Path(here.parent, here.readlink())
        wanted[str(path.resolve())] = None
    kept = [
        path
        for path in wanted
        if not Path(path).is_relative_to("/usr") and not any(Path(path).is_relative_to(f) for f in SYSTEM_FOLDERS)
    ]
    folders = [Path(path) for path in kept if Path(path).is_dir()]
    return tuple(path for path in kept if not any(f in Path(path).parents for f in folders))


def installed(path: str | None, known: Path) -> list[Interpreter]:
    """Return the interpreters of this machine, Winnow's own first, each once.

    Args:
        path: where to look for `python3` and `python3.N`, besides the usual folders of version managers; None: the process's PATH.
        known: file that remembers what interpreters said, because asking all of them takes seconds.
    """
    names = ["python3", *(f"python3.{minor}" for minor in range(20, 5, -1))]
    # Shims answer for other interpreters, slowly, and only if these are switched on.
    folders = [
        folder for folder in (path.split(os.pathsep) if path else os.get_exec_path()) if not folder.endswith("shims")
    ]
    places = [Path(folder, name) for folder in folders for name in names]
    home = Path.home()
    managed = [
        *home.glob(".pyenv/versions/3.*/bin/python3"),
        *home.glob(".local/share/uv/python/cpython-3.*/bin/python3"),
    ]
    remembered = _remembered(known)
    found: dict[str, Interpreter] = {}
    for place in [own(), *(place for place in places if place.exists()), *sorted(managed)]:
        real = place.resolve()
        mark = f"{real} {real.stat().st_mtime_ns}"
        interpreter = remembered.get(mark) or ask(str(place))
        if interpreter and str(real) not in found:
            found[str(real)] = remembered[mark] = interpreter
    known.write_text(json.dumps(remembered), "utf-8")
    return list(found.values())


def _remembered(known: Path) -> dict[str, Interpreter]:
    try:
        entries = json.loads(known.read_text("utf-8"))
        return {
            mark: Interpreter(path, (version[0], version[1], version[2]), prefix)
            for mark, (path, version, prefix) in entries.items()
        }
    except (OSError, ValueError, TypeError):
        return {}


def own() -> Path:
    """Return the interpreter that Winnow's environment was made from."""
    base = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    return base if base.exists() else Path(sys.executable)


def ask(place: str) -> Interpreter | None:
    """Return what an executable says of itself; None when it does not run or is older than Python 3.6."""
    try:
        answer = subprocess.run([place, "-I", "-c", _ASK], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = answer.stdout.splitlines()
    if answer.returncode or len(lines) != 3:
        return None
    major, minor, micro = map(int, lines[0].split("."))
    return Interpreter(lines[2], (major, minor, micro), lines[1]) if (major, minor) >= (3, 6) else None


def choose(recipe: Recipe, available: Sequence[Interpreter], wish: str | None) -> Interpreter:
    """Return the newest interpreter that the project accepts and that is not newer than what it says it works with.

    Args:
        recipe: says what the project accepts.
        available: Winnow's own first; it is taken when the project has no opinion.
        wish: a version such as `3.11`, of the user; None: no wish.

    Raises:
        ImageBuildFailed: none fits.
    """
    if wish:
        for interpreter in available:
            if ".".join(map(str, interpreter.version)).startswith(f"{wish.removesuffix('.x')}.") or _same(
                interpreter, wish
            ):
                return interpreter
        raise ImageBuildFailed(
            f"Python {wish} is not installed here; there is {_names(available)}.",
            hint="Install it, or give the path of an interpreter with --python.",
        )
    accepted = [interpreter for interpreter in available if admits(recipe.requires_python, interpreter.version)]
    if not accepted:
        raise ImageBuildFailed(
            f"the project needs Python {recipe.requires_python}; there is {_names(available)}.",
            hint="Install such a Python, name one with --python, or use a Docker image with --image.",
        )
    for interpreter in accepted:
        if interpreter.minor == recipe.pinned:
            return interpreter
    if not recipe.declared:
        return accepted[0]
    newest = max(*recipe.declared, MODERN)
    suited = [interpreter for interpreter in accepted if interpreter.minor <= newest]
    return max(suited, key=lambda i: i.version) if suited else min(accepted, key=lambda i: i.version)


def admits(requires_python: str, version: tuple[int, int, int]) -> bool:
    """Say whether the specifier admits a version; one that cannot be read admits all."""
    try:
        specifiers = SpecifierSet(re.sub(r"\s", "", requires_python).rstrip(","))
    except InvalidSpecifier:
        return True
    return specifiers.contains(".".join(map(str, version)), prereleases=True)


def _same(interpreter: Interpreter, wish: str) -> bool:
    return ".".join(map(str, interpreter.version)) == wish


def _names(available: Sequence[Interpreter]) -> str:
    return ", ".join(sorted({".".join(map(str, interpreter.version)) for interpreter in available})) or "none"

"""Where a project keeps its modules. Pure."""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

from envs.images.legacy import ini, option, setup_arguments
from envs.images.pyproject import load, strings, table, unique

NO_MODULES = frozenset(
    """
    tests test testing docs doc examples example scripts script tools tool benchmarks benchmark bench build dist node_modules
    site-packages venv env conftest setup noxfile tasks fabfile conf versioneer ez_setup runtests run_tests manage
    """.split()  # noqa: SIM905  (one word per line would be a page)
)
ROOTS = ("src", "lib", "python", "source", "Lib")


class Layout(NamedTuple):
    """Where to import from, and what."""

    root: str
    """Folder, relative to the tree, that belongs on the path; the empty string is the tree itself."""
    main: str | None
    """The module that has the project's name."""
    modules: tuple[str, ...]
    """Every top-level module that was found, the main one included."""


def find_layout(files: Mapping[str, str], paths: Set[str], name: str | None) -> Layout:
    """Return the layout of a tree.

    Args:
        files: text of the build configuration, by path.
        paths: every Python file of the tree.
        name: the project's, as it is published; None when it has none.
    """
    found: dict[str, list[str]] = {}
    for root in unique((*_declared(files), *ROOTS, "")):
        modules = sorted(_modules(root, paths))
        if modules:
            found[root] = modules
    wished = (*_named(files), *((_flat(name),) if name else ()))
    for root, modules in found.items():
        for module in modules:
            if _flat(module) in {_flat(wish) for wish in wished}:
                return Layout(root, module, tuple(modules))
    # `ruamel.yaml` is found as `ruamel`, `python-dateutil` as `dateutil`.
    for root, modules in found.items():
        for module in modules:
            if name and _flat(module) in {_flat(part) for part in re.split(r"[-_.]", name)}:
                return Layout(root, module, tuple(modules))
    if not found:
        return Layout("", None, ())
    root = next(iter(found))
    only = found[root][0] if len(found[root]) == 1 else None
    return Layout(root, only, tuple(found[root]))


def _flat(name: str) -> str:
    return re.sub(r"[-_.]", "", name).lower()


def _modules(root: str, paths: Set[str]) -> Iterator[str]:
    """Yield the packages and modules of a folder; also folders of packages without an `__init__.py` of their own."""
    prefix = f"{root}/" if root else ""
    below = [path[len(prefix) :] for path in paths if path.startswith(prefix)]
    deep = {path.partition("/")[0] for path in below if re.fullmatch(r"[^/]+/([^/]+/)?__init__\.py", path)}
    plain = {path[:-3] for path in below if path.endswith(".py") and "/" not in path}
    for name in deep | plain:
        if name.isidentifier() and name not in NO_MODULES and not (root == "" and name in ROOTS):
            yield name


def _declared(files: Mapping[str, str]) -> Iterator[str]:
    """Yield the folders that the build configuration names."""
    data = load(files.get("pyproject.toml", ""))
    places: list[Any] = [
        table(data, "tool", "setuptools", "package-dir").get(""),
        *strings(table(data, "tool", "setuptools", "packages", "find").get("where")),
        *(
            package.get("from")
            for package in table(data, "tool", "poetry").get("packages", [])
            if isinstance(package, dict)
        ),
        *table(data, "tool", "hatch", "build", "targets", "wheel").get("sources", [])[:1],
        *(
            package.rpartition("/")[0]
            for package in strings(table(data, "tool", "hatch", "build", "targets", "wheel").get("packages"))
        ),
        table(data, "tool", "maturin").get("python-source"),
        table(data, "tool", "pdm", "build").get("package-dir"),
    ]
    parser = ini(files.get("setup.cfg", ""))
    places += re.findall(r"^\s*=\s*(\S+)", option(parser, "options", "package_dir"), re.MULTILINE)
    places += option(parser, "options.packages.find", "where").split()
    package_dir = setup_arguments(files.get("setup.py", "")).get("package_dir")
    places.append(package_dir.get("") if isinstance(package_dir, dict) else None)
    places += re.findall(
        r"find(?:_namespace)?_packages\(\s*(?:where\s*=\s*)?['\"]([\w/.-]+)['\"]", files.get("setup.py", "")
    )
    for place in places:
        if isinstance(place, str) and place.strip("./"):
            yield place.strip("./")


def _named(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the modules that the build configuration names."""
    data = load(files.get("pyproject.toml", ""))
    arguments = setup_arguments(files.get("setup.py", ""))
    names = [
        *strings(arguments.get("py_modules")),
        *strings(arguments.get("packages"))[:1],
        *strings(table(data, "tool", "setuptools").get("py-modules")),
        table(data, "tool", "flit", "module").get("name"),
        table(data, "tool", "uv", "build-backend").get("module-name"),
        *(
            package.get("include")
            for package in table(data, "tool", "poetry").get("packages", [])
            if isinstance(package, dict)
        ),
        *(
            package.rpartition("/")[2]
            for package in strings(table(data, "tool", "hatch", "build", "targets", "wheel").get("packages"))
        ),
        *option(ini(files.get("setup.cfg", "")), "options", "py_modules").split(),
    ]
    return tuple(name for name in names if isinstance(name, str) and name.isidentifier())

"""What it takes to run a project's tests, read from its files. Pure.

Dependencies of the tests are what is named for testing (optional dependencies, dependency groups, Poetry, Hatch, PDM)
together with what tox installs. Where nothing is named so: what tox installs, requirement files for tests, what is named
for development, requirement files for development, as many of these in this order as it takes until one names a runner.
What the tests use and nobody names is added from a table. Lock files say which versions were tried.
"""

import re
from collections.abc import Mapping, Set

from pydantic import Field

from envs.images.hints import imported, undeclared
from envs.images.layout import find_layout
from envs.images.legacy import (
    DEV_FILE,
    MAIN_FILE,
    TEST_FILE,
    environment_yml,
    ini,
    lines_of,
    locked,
    normal,
    option,
    options,
    pkg_info,
    pkg_info_wants,
    requirement_files,
    setup_arguments,
    setup_cfg,
    setup_py,
    tox,
)
from envs.images.pyproject import DEVELOPMENT, TESTING, Wants, load, poetry_requirement, strings, table, unique, wants
from envs.images.runner import find_runner
from sandbox.values import Value

Version = tuple[int, int]

METADATA = re.compile(
    r"pyproject\.toml|setup\.(py|cfg)|tox\.(ini|toml)|pytest\.ini|\.pytest\.ini|\.python-version|PKG-INFO|environment\.ya?ml|"
    r"Dockerfile|\.devcontainer/(devcontainer\.json|Dockerfile)|(uv|poetry|pdm)\.lock|Cargo\.toml|CMakeLists\.txt|meson\.build|"
    r"([^/]+/)?[^/]*(requirements?|reqs|deps|constraints|dependencies)[^/]*\.(txt|in|pip)|(requirements?|reqs|deps|dependencies)/[^/]+\.(txt|in|pip)"
)
"""Files that decide how a project is installed."""
TEST_SOURCE = re.compile(r"(.*/)?((tests?|testing)/.*\.py|test[^/]*\.py|[^/]*_tests?\.py|conftest\.py)")
EXTENSION_SOURCE = re.compile(r".*\.(pyx|pxd|pxi|c|cc|cpp|cxx|h|hh|hpp|rs|f|f90|toml|build)")
BUILDS_EXTENSIONS = re.compile(
    r"ext_modules|Extension\(|cythonize|mesonpy|meson-python|scikit[-_]build|maturin|setuptools[-_]rust|CFFI|cffi_modules|py_limited_api|mypycify",
)
VERSION_FROM_TAGS = re.compile(
    r"setuptools[-_]scm|hatch-vcs|vcs[-_]versioning|flit[-_]scm|versioningit|setuptools-git-versioning|\bpbr\b|"
    r"poetry-dynamic-versioning|dunamai|source\s*=\s*\"scm\"|pdm-backend"
)
RUNNERS = re.compile(r"-r|(pytest|nose2?|stestr|testtools|trial|twisted|ward|green)\b")
"""Requirement lines that show that what is needed for running tests has been named."""
FALLBACK_VERSION = "0.0.0+winnow"


class Recipe(Value):
    """How to prepare a project's environment."""

    name: str | None = None
    """As it is published; None when it has no name."""
    installable: bool = False
    """It can be installed with pip. Otherwise its folders are only put on the path."""
    extras: tuple[str, ...] = ()
    """Optional dependencies to install with it."""
    dependencies: tuple[str, ...] = ()
    """The project's own dependencies as far as they are written down: for projects that cannot be installed."""
    requirements: tuple[str, ...] = ()
    """What the tests need, as lines of a requirements file; `-r FILE` is relative to the tree."""
    locked: Mapping[str, str] = Field(default_factory=dict)
    """Versions from the lock file, by normalised name."""
    hints: tuple[str, ...] = ()
    """Distributions that the tests use and nobody names: wanted, but nothing depends on them."""
    runner: str | None = "pytest"
    """The pytest to install; None: the project bounds it itself."""
    requires_python: str = ""
    """A specifier such as `>=3.9`; empty: anything."""
    declared: tuple[Version, ...] = ()
    """Versions that the project says it works with."""
    pinned: Version | None = None
    """From `.python-version` or a Dockerfile."""
    root: str = ""
    """Folder of its modules, relative to the tree; empty: the tree itself."""
    main: str | None = None
    """The module to try."""
    modules: tuple[str, ...] = ()
    """Its other top-level modules."""
    version_env: Mapping[str, str] = Field(default_factory=dict)
    """Variables that stand in for the tags that the snapshot does not have."""
    builds_extensions: bool = False
    """Sources of compiled modules count for the cache."""


def make_recipe(files: Mapping[str, str], paths: Set[str], *, version: str | None = None) -> Recipe:
    """Return the recipe for a project.

    Args:
        files: text by path of the files that match `METADATA`, and of tests.
        paths: every Python file in the tree.
        version: of the project, from its tags; None: unknown.
    """
    info = pkg_info(files.get("PKG-INFO", ""))
    name = _name(files, info)
    layout = find_layout(files, {path for path in paths if path.endswith(".py")}, name)
    installable = _installable(files)
    wanted = _wants(files)
    if not installable:
        wanted = Wants((), wanted.requirements)
    tests = {path: text for path, text in files.items() if TEST_SOURCE.fullmatch(path) or not path.endswith(".py")}
    dependencies = _dependencies(files, info, installable=installable)
    declared = {normal(line) for line in (*wanted.requirements, *dependencies, name or "")}
    own = {*layout.modules, *_helpers(paths)}
    used = {module for path, text in tests.items() if path.endswith(".py") for module in imported(text)} - own
    build = "\n".join(files.get(path, "") for path in ("pyproject.toml", "setup.py", "setup.cfg"))
    return Recipe(
        name=name,
        installable=installable,
        extras=wanted.extras,
        dependencies=dependencies,
        locked=locked(files),
        requirements=wanted.requirements,
        hints=unique(
            [
                # Until Python 3.12 every environment had it, and what is older than that may rely on it.
                *(["setuptools<81"] if "setup.py" in files else []),
                *(line for line in _optional(files, used) if normal(line) not in declared),
                *undeclared(tests, own, declared),
            ]
        ),
        runner=find_runner(tests, wanted.requirements),
        requires_python=_requires_python(files, info),
        declared=_declared(files, info),
        pinned=_pinned(files),
        root=layout.root,
        main=layout.main,
        modules=tuple(module for module in layout.modules if module != layout.main),
        version_env=_version_env(build, name, version or next(iter(info.get("version", [])), None)),
        builds_extensions=bool(BUILDS_EXTENSIONS.search(build)),
    )


def _wants(files: Mapping[str, str]) -> Wants:
    data = load(files.get("pyproject.toml", ""))
    cfg, py, info = files.get("setup.cfg", ""), files.get("setup.py", ""), files.get("PKG-INFO", "")
    named = {
        # The metadata of a source distribution repeats the build files, and says more only where those are programs.
        kind: wants(data, kind) + setup_cfg(cfg, kind) + setup_py(py, kind) or pkg_info_wants(info, kind)
        for kind in (TESTING, DEVELOPMENT)
    }
    conda = environment_yml(files.get("environment.yml", files.get("environment.yaml", "")))
    found = named[TESTING]
    if found:
        return found + tox(files)
    # Some of these have only a part of it: `tox` may leave the rest to a tool that it calls.
    found = tox(files)
    for more in (requirement_files(files, TEST_FILE), named[DEVELOPMENT], requirement_files(files, DEV_FILE), conda):
        if found.extras or any(RUNNERS.match(line) for line in found.requirements):
            break
        found += more
    return found


def _optional(files: Mapping[str, str], used: Set[str]) -> list[str]:
    """Return those optional dependencies that the tests use, told by the name of the module or of the option."""
    parser = ini(files.get("setup.cfg", ""))
    section = "options.extras_require"
    extras: dict[str, object] = {name: lines_of(option(parser, section, name)) for name in options(parser, section)}
    arguments = setup_arguments(files.get("setup.py", "")).get("extras_require")
    extras |= arguments if isinstance(arguments, dict) else {}
    extras |= table(load(files.get("pyproject.toml", "")), "project", "optional-dependencies")
    found = []
    for name, lines in extras.items():
        found += [line for line in strings(lines) if {normal(line).replace("-", "_"), name} & used]
    return found


def _dependencies(files: Mapping[str, str], info: Mapping[str, list[str]], *, installable: bool) -> tuple[str, ...]:
    if not installable:
        return requirement_files(files, MAIN_FILE).requirements
    data = load(files.get("pyproject.toml", ""))
    poetry = table(data, "tool", "poetry", "dependencies")
    sources = (
        strings(table(data, "project").get("dependencies")),
        tuple(line for name, spec in poetry.items() if name != "python" and (line := poetry_requirement(name, spec))),
        tuple(lines_of(option(ini(files.get("setup.cfg", "")), "options", "install_requires"))),
        strings(setup_arguments(files.get("setup.py", "")).get("install_requires")),
        tuple(line for line in info.get("requires-dist", []) if "extra ==" not in line),
    )
    return next((lines for lines in sources if lines), ())


def _installable(files: Mapping[str, str]) -> bool:
    data = load(files.get("pyproject.toml", ""))
    if "setup.py" in files and re.search(r"\bsetup\(", files["setup.py"]):
        return True
    if "build-system" in data or table(data, "project").get("name") or table(data, "tool", "poetry").get("name"):
        return True
    return bool(option(ini(files.get("setup.cfg", "")), "metadata", "name"))


def _name(files: Mapping[str, str], info: Mapping[str, list[str]]) -> str | None:
    data = load(files.get("pyproject.toml", ""))
    candidates = (
        table(data, "project").get("name"),
        table(data, "tool", "poetry").get("name"),
        table(data, "tool", "flit", "metadata").get("module"),
        option(ini(files.get("setup.cfg", "")), "metadata", "name"),
        setup_arguments(files.get("setup.py", "")).get("name"),
        next(iter(info.get("name", [])), None),
    )
    return next((name for name in candidates if isinstance(name, str) and name), None)


def _requires_python(files: Mapping[str, str], info: Mapping[str, list[str]]) -> str:
    data = load(files.get("pyproject.toml", ""))
    poetry = table(data, "tool", "poetry", "dependencies").get("python")
    candidates = (
        table(data, "project").get("requires-python"),
        option(ini(files.get("setup.cfg", "")), "options", "python_requires"),
        setup_arguments(files.get("setup.py", "")).get("python_requires"),
        re.sub(r"\^\s*", ">=", poetry).replace("~3", ">=3") if isinstance(poetry, str) and "|" not in poetry else None,
        table(data, "tool", "flit", "metadata").get("requires-python"),
        next(iter(info.get("requires-python", [])), None),
    )
    return next((text.strip() for text in candidates if isinstance(text, str) and text.strip()), "")


def _declared(files: Mapping[str, str], info: Mapping[str, list[str]]) -> tuple[Version, ...]:
    data = load(files.get("pyproject.toml", ""))
    texts = [*table(data, "project").get("classifiers", []), *table(data, "tool", "poetry").get("classifiers", [])]
    texts += [*info.get("classifier", []), files.get("setup.cfg", ""), files.get("setup.py", "")]
    found = {(3, int(minor)) for text in texts for minor in re.findall(r"Python :: 3\.(\d+)", str(text))}
    envlist = option(ini(files.get("tox.ini", "")), "tox", "envlist") or option(
        ini(files.get("tox.ini", "")), "tox", "env_list"
    )
    for choice in re.findall(r"py\{?((?:3\d+[,\s]*)+)", envlist):
        found |= {(3, int(minor)) for minor in re.findall(r"3(\d+)", choice)}
    return tuple(sorted(found))


def _pinned(files: Mapping[str, str]) -> Version | None:
    match = re.match(r"\s*(?:cpython-|python-)?3\.(\d+)", files.get(".python-version", ""))
    for path in ("Dockerfile", ".devcontainer/Dockerfile"):
        match = match or re.search(r"^FROM\s+(?:\S*/)?python:3\.(\d+)", files.get(path, ""), re.MULTILINE)
    match = match or re.search(r"python:(?:\d-)?3\.(\d+)", files.get(".devcontainer/devcontainer.json", ""))
    return (3, int(match[1])) if match else None


def _version_env(build: str, name: str | None, version: str | None) -> dict[str, str]:
    if not VERSION_FROM_TAGS.search(build):
        return {}
    value = version or FALLBACK_VERSION
    env = {"PBR_VERSION": value.replace("+", ".dev0+") if value == FALLBACK_VERSION else value}
    env |= {
        "PDM_BUILD_SCM_VERSION": value,
        "POETRY_DYNAMIC_VERSIONING_BYPASS": value,
    }
    # For the project alone where its name is known: dependencies that are built from source read the general one, too.
    suffix = f"_FOR_{re.sub(r'[-_.]+', '_', name).upper()}" if name else ""
    if "hatch-vcs" in build:
        # It does not tell the reader of these variables what the project is called.
        env["SETUPTOOLS_SCM_PRETEND_VERSION"] = value
    return env | {f"SETUPTOOLS_SCM_PRETEND_VERSION{suffix}": value}


def _helpers(paths: Set[str]) -> set[str]:
    """Return the modules that tests may import from their own folders."""
    return {part.removesuffix(".py") for path in paths if TEST_SOURCE.fullmatch(path) for part in path.split("/")}

"""What `inside/build.py` is told. Pure."""

import re
from pathlib import Path
from typing import Any

from envs.datasets.values import Installation, Record
from envs.images.plan import hashed
from envs.images.pythons import admits
from envs.images.recipe import make_recipe
from envs.images.tree import Tree
from envs.taskimages.bases import OFFICIAL

FORMAT = 2
"""Raised when images that were built before must not be taken any more."""
PLAN = 3
"""Raised when `make_plan` makes other plans of what it is given: images are then looked up by their content again."""
_RELEASED = {
    "3.6": 2016,
    "3.7": 2018,
    "3.8": 2019,
    "3.9": 2020,
    "3.10": 2021,
    "3.11": 2022,
    "3.12": 2023,
    "3.13": 2024,
    "3.14": 2025,
}
"""Year of each Python's release, in its last quarter."""
_BUILD_FILES = ("setup.py", "setup.cfg", "pyproject.toml")
_BUILT_WITH_MORE = re.compile(
    r"setup_requires|use_scm_version|setuptools[-_]scm|vcs|pbr\b|flit|poetry|hatch|versioningit|mesonpy|cython",
    re.IGNORECASE,
)
SCM = "SETUPTOOLS_SCM_PRETEND_VERSION"
RUNNER = "pytest"


def make_plan(record: Record, known: Installation, *, version: str | None, python: str) -> dict[str, Any]:
    """Return the plan, ready for JSON.

    Args:
        record: of the task.
        known: about its environment.
        version: of the project at the base, by its tags; None: made up from the record's.
        python: version of the base image's interpreter; empty: not known.
    """
    plan = known.model_dump(mode="json", exclude={"python", "setup", "test_command", "suite_command", "log_parser"})
    if not known.web:
        del plan["web"]
    # There is no tag in a tree without history.
    plan["env"] = {SCM: version or _made_up(record.version), **plan["env"]}
    plan["as_of"] = _no_earlier_than(known.as_of, python)
    if python and known.python and _numbers(known.python[0]) < _numbers(python):
        plan["like"] = known.python[0]
    return plan


def needs_isolation(folder: Path) -> bool:
    """Say whether a project is built with more than setuptools, so that what its environment has does not do."""
    texts = [path.read_text("utf-8", "replace") for name in _BUILD_FILES if (path := folder / name).is_file()]
    return any(_BUILT_WITH_MORE.search(text) for text in texts)


def environment_digest(plan: dict[str, Any], base: str, requirements: bytes) -> str:
    """Return the content hash of what tasks of one version share."""
    shared = {key: value for key, value in plan.items() if key not in ("env", "isolated")}
    return hashed([FORMAT, shared, base, requirements.hex()])


def of_recipe(tree: Tree, *, version: str | None, date: str) -> Installation:
    """Return what the project's own files say, for repositories that nobody has described.

    Args:
        tree: its files.
        version: by its tags; None: unknown.
        date: of the commit, YYYY-MM-DD.
    """
    recipe = make_recipe(tree.files, tree.paths, version=version)
    fitting = [v for v in OFFICIAL if admits(recipe.requires_python, (*_numbers(v), 99))]
    pinned = [".".join(map(str, recipe.pinned))] if recipe.pinned else []
    declared = [".".join(map(str, v)) for v in sorted(recipe.declared, reverse=True)]
    python = [v for v in (*pinned, *declared, *fitting) if v in fitting]
    return Installation(
        python=tuple(dict.fromkeys(python)),
        requirements=(
            *recipe.requirements,
            *recipe.dependencies,
            *([recipe.runner] if recipe.runner else []),
            *recipe.hints,
        ),
        extras=",".join(recipe.extras),
        install=() if recipe.installable else ("true",),
        env=recipe.version_env,
        test_command="pytest -rA",
        log_parser="parse_log_pytest",
        compiled=recipe.builds_extensions,
        as_of=date,
    )


def requirement_text(folder: Path, plan: dict[str, Any], *, whole: bool = True) -> bytes:
    """Return what decides in the tree what is installed for it; not `whole`: only the files that the plan names."""
    names = [*plan["requirement_files"], *(("setup.py", "setup.cfg", "pyproject.toml") if whole else ())]
    names += (
        []
        if not whole
        else [path.relative_to(folder).as_posix() for path in sorted(folder.glob("requirements*/*.txt"))]
    )
    found = ((folder / name) for name in names)
    return b"\0".join(path.read_bytes() for path in found if path.is_file())


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _made_up(version: str) -> str:
    numbers = ".".join(part for part in version.lstrip("v").split(".") if part.isdigit())
    return f"{numbers or '0'}.0"


def _no_earlier_than(date: str, python: str) -> str:
    """Releases of a date at which nobody knew the interpreter do not run on it: a year after its release they do."""
    if not date or python not in _RELEASED:
        return date
    return max(date, f"{_RELEASED[python] + 1}-12-31")

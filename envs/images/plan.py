"""What `inside/install.py` is told, and what it takes to recognise the result."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envs.images.hints import imported
from envs.images.recipe import METADATA, Recipe
from envs.images.request import ImageRequest
from envs.images.tree import Tree

FORMAT = 3
"""Raised when environments that were built before must not be taken any more."""


def make_plan(recipe: Recipe, request: ImageRequest, *, untracked: str = "", answer: str = "") -> dict[str, Any]:
    """Return the plan, ready for JSON.

    Args:
        recipe: of the project.
        request: has the user's own commands.
        untracked: where the installer packs what it left in the tree; a path inside. Empty: nowhere.
        answer: where it writes its answer, besides printing it. Empty: nowhere.
    """
    return {
        "project": recipe.installable,
        "name": recipe.name,
        "extras": recipe.extras,
        "dependencies": recipe.dependencies,
        "requirements": recipe.requirements,
        "hints": recipe.hints,
        "locked": dict(recipe.locked),
        "runner": [recipe.runner] if recipe.runner else [],
        "env": dict(recipe.version_env),
        "setup": request.setup,
        "untracked": untracked,
        "answer": answer,
    }


def digest_of(plan: Mapping[str, Any], recipe: Recipe, tree: Tree, request: ImageRequest, place: Sequence[str]) -> str:
    """Return the content hash of an environment: what was asked for, the files that decide it, and where it is made.

    Source code counts only where it is compiled: the installation is editable.

    Args:
        plan: of the installation.
        recipe: of the project.
        tree: has the files.
        request: has the variables for building.
        place: interpreter or base image, work tree and the like.
    """
    metadata = {path: text for path, text in tree.files.items() if METADATA.fullmatch(path)}
    parts = {
        "format": FORMAT,
        "plan": {key: value for key, value in plan.items() if key not in {"untracked", "answer"}},
        "files": metadata,
        "sources": tree.extension_digest if recipe.builds_extensions else "",
        "variables": dict(request.pass_env),
        "place": list(place),
    }
    return hashed(parts)


def hashed(parts: Any) -> str:
    """Return a short hash of anything that JSON can say."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def build_env(request: ImageRequest) -> dict[str, str]:
    """Return the variables of every build step."""
    quiet = {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_NO_WARN_SCRIPT_LOCATION": "1",
        "PIP_PROGRESS_BAR": "off",
        "PYTHONNOUSERSITE": "1",
        "LC_ALL": "C.UTF-8",
    }
    offline = {} if request.network else {"PIP_RETRIES": "0"}
    return {**quiet, **offline, **request.pass_env}


def named_files(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return host paths in the variables' values: certificates, configuration files, folders of wheels."""
    words = (word.removeprefix("file://") for value in env.values() for word in value.split())
    real = (word for word in words if word.startswith("/") and not word.startswith(("/dev/", "/proc/", "/sys/")))
    return tuple(dict.fromkeys(word for word in real if Path(word).exists()))


def first_imports(tree: Tree, recipe: Recipe) -> tuple[str, ...]:
    """Return the foreign modules without which pytest would not even start here: those that conftest files import."""
    own = {recipe.main, *recipe.modules, *(part.removesuffix(".py") for path in tree.paths for part in path.split("/"))}
    found: dict[str, None] = {}
    for path, text in tree.files.items():
        if path.rpartition("/")[2] == "conftest.py":
            for module in imported(text, indent=""):
                if module not in own:
                    found[module] = None
    return tuple(found)

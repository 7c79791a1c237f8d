"""Look from inside whether an environment can run a project's tests."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources

from envs.images.recipe import Recipe
from envs.values import Image
from sandbox.port import Sandbox
from sandbox.values import Value

CHECK_SECONDS = 120.0


class Import(Value):
    """What became of importing one module."""

    places: tuple[str, ...] = ()
    """Where it lies, with links resolved."""
    error: str = ""
    absent: bool = False
    """It, or something that it imports, is not there; otherwise `error` is of its own making."""


class Findings(Value):
    """What `inside/check.py` saw."""

    version: tuple[int, int, int]
    workdir: str
    path: str
    """PATH of commands."""
    modules: Mapping[str, Import]
    absent: tuple[str, ...]


def check(box: Sandbox, image: Image, modules: Sequence[str], names: Sequence[str]) -> Findings | None:
    """Return what the image's interpreter can import; None when it does not run.

    Args:
        box: has the tree.
        image: says which interpreter, and with which variables.
        modules: to import.
        names: modules of which only is asked whether they are there.
    """
    script = resources.files("envs.images.inside").joinpath("check.py").read_bytes()
    env = {name: value.replace(image.workdir, box.workdir) for name, value in image.env.items()}
    argv = (image.python, "-", json.dumps(list(modules)), json.dumps(list(names)))
    result = box.exec(argv, timeout=CHECK_SECONDS, stdin=script, env=env)
    return Findings.model_validate_json(result.stdout) if result.ok and result.stdout else None


def complain(findings: Findings, recipe: Recipe) -> str:
    """Return why these findings rule the environment out, empty when they do not.

    A project's module that raises an error of its own may do so only here, without what its tests prepare.
    """
    runner = findings.modules.get("pytest", Import())
    if runner.error:
        return f"pytest cannot be imported ({runner.error})"
    main = findings.modules.get(recipe.main or "", Import())
    if main.error and main.absent:
        return f"{recipe.main} cannot be imported ({main.error})"
    inside = [place for place in main.places if place.startswith(f"{findings.workdir}/")]
    if main.places and not inside:
        return f"{recipe.main} comes from {main.places[0]} and not from the work tree"
    return ""

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
    plugins: tuple[str, ...] = ()
    """Plugins of pytest that load by themselves, by the names under which they are registered."""


class Tried(Value):
    """What became of one test that fails."""

    culprits: tuple[str, ...] = ()
    """Plugins without which pytest reports it."""
    said: str = ""
    """What pytest printed, when it does not report it with or without plugins."""


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


def without_crashes(box: Sandbox, image: Image, findings: Findings) -> Image:
    """Return the image with those plugins of pytest switched off that hide a failing test, and a note of them.

    Some fail together with the first test that fails, and pytest with them: the suite passes as long as all of it does, and a
    failure looks like a broken runner. So one failing test is tried, which costs a start of pytest where there are plugins.
    """
    if not findings.plugins or "pytest" not in findings.modules:
        return image
    program = resources.files("envs.images.inside").joinpath("failing.py").read_bytes()
    env = {name: value.replace(image.workdir, box.workdir) for name, value in image.env.items()}
    argv = (image.python, "-", json.dumps(findings.plugins))
    result = box.exec(argv, timeout=CHECK_SECONDS * 5, stdin=program, env=env)
    tried = Tried.model_validate_json(result.stdout) if result.ok and result.stdout else Tried()
    if tried.culprits:
        options = " ".join(f"-p no:{name}" for name in tried.culprits)
        options = f"{image.env['PYTEST_ADDOPTS']} {options}" if image.env.get("PYTEST_ADDOPTS") else options
        note = f"{image.note}; pytest crashes at a failing test with {', '.join(tried.culprits)}: switched off"
        return image.model_copy(update={"env": {**image.env, "PYTEST_ADDOPTS": options}, "note": note})
    if tried.said:
        last = tried.said.strip().splitlines()[-1][:200]
        return image.model_copy(update={"note": f"{image.note}; pytest cannot report a failing test: {last}"})
    return image


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

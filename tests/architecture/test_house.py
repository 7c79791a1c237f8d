"""The house rules that a machine can check (docs/architecture.md)."""

import ast
import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("winnow", "selection", "agent", "envs", "sandbox")
OWNERS = {
    "docker": ("sandbox",),
    "git": ("envs",),
    "tree_sitter": ("envs",),
    "tree_sitter_python": ("envs",),
    "openai": ("agent/models",),
    "langgraph": ("agent", "winnow"),
    "typer": ("winnow",),
    "rich": ("winnow",),
    "virtualenv": ("envs",),
    "datasets": ("envs/datasets",),
    "pyarrow": ("envs/datasets",),
    "swebench": ("envs/grading",),
    "httpx": ("envs", "agent/models"),
    "httpx2": ("agent/models",),
    "ray": ("winnow/eval",),
    "resvg_py": ("winnow/eval/report",),
}
"""A third-party library has one owner, so that its replacement touches one place."""


def modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def names_of(path: Path) -> Iterator[str]:
    """Top-level names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_fits_in_a_head(path: Path) -> None:
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= 400, "split it: one module, one noun"
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno + 1 > 60
    ]
    # A command's signature is its documentation; its body is not counted against it.
    assert (path.parent == ROOT / "winnow" and path.name.startswith("cli")) or not long


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_library_has_one_owner(path: Path) -> None:
    place = str(path.relative_to(ROOT))
    strangers = [n for n in names_of(path) if n in OWNERS and not place.startswith(OWNERS[n])]
    assert strangers == []


def test_every_package_is_a_room() -> None:
    """A new top-level package must take its place on the staircase, or the import contract does not see it."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == set(ROOMS)


def test_arrows_point_down() -> None:
    done = subprocess.run([sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"],
                          cwd=ROOT, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_no_room_can_be_run_as_a_module() -> None:
    """`python -m agent` inside a foreign checkout would run that checkout's own `agent`."""
    assert [
        str(path) for room in ROOMS for path in (ROOT / room).rglob("__main__.py") if "engine" not in path.parts
    ] == []


def test_importing_does_nothing(tmp_path: Path) -> None:
    """No output, no files and no heavy library for the modules that every command loads."""
    code = (
        "import sys, winnow, winnow.cli, winnow.errors\n"
        "assert 'pydantic' not in sys.modules\n"
        "import sandbox.port\n"
        "heavy = {'langgraph', 'docker', 'git', 'openai', 'httpx', 'httpx2', 'tree_sitter', 'virtualenv'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["sandbox.errors", "envs.errors", "agent.models.errors", "selection.errors"])
def test_the_error_tree_is_the_docstring(name: str) -> None:
    module = importlib.import_module(name)
    own = [cls.__name__ for _, cls in inspect.getmembers(module, inspect.isclass) if cls.__module__ == name]
    documented = [
        line.strip(" │├└─").split()[0] for line in (module.__doc__ or "").splitlines() if "  " in line.strip(" │├└─")
    ]
    assert set(own) <= set(documented)


def test_every_error_has_an_exit_code() -> None:
    """A new error without a code of its own would leave as a defect of Winnow."""
    from sandbox.errors import SandboxError, WinnowError
    from winnow.errors import Exit, exit_code

    importlib.import_module("envs.errors")

    def below(kind: type[WinnowError]) -> Iterator[type[WinnowError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    coded = {kind: exit_code(kind.__new__(kind)) for kind in below(WinnowError)}
    assert all(code is not Exit.DEFECT for code in coded.values()), coded
    assert coded[SandboxError] is Exit.SANDBOX_LOST

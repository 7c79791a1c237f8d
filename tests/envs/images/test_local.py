"""Environments on machines without images: built, kept, adopted; with real installations."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envs.errors import ImageBuildFailed
from envs.images import ImageRequest, prepare_image
from envs.images.local import Local
from envs.images.recipe import make_recipe
from envs.images.tree import read_tree
from envs.suite import find_suite, run_suite
from envs.values import Image, Outcome, Snapshot
from envs.workspace import open_workspace
from sandbox.choose import choose
from sandbox.port import SandboxProvider
from sandbox.values import SandboxSpec

Make = Callable[..., Snapshot]

PROJECT = {
    "pyproject.toml": "[build-system]\nrequires=['setuptools']\nbuild-backend='setuptools.build_meta'\n"
    "[project]\nname='tiny-thing'\nversion='1'\noptional-dependencies={test=['pytest', 'iniconfig', 'there-is-no-such-thing-x']}\n"
    "scripts={tiny='tiny_thing:main'}\n[tool.setuptools.packages.find]\nwhere=['src']\n",
    "setup.py": "from setuptools import setup\nopen('src/tiny_thing/_generated.py', 'w').write('X = 1')\nsetup()\n",
    "src/tiny_thing/__init__.py": "from tiny_thing._generated import X\ndef main(): print('tiny', X)\n",
    "tests/test_tiny.py": "import iniconfig, subprocess, tiny_thing\ndef test_x(): assert tiny_thing.X == 1\n"
    "def test_place(): import os; assert tiny_thing.__file__.startswith(os.getcwd())\n"
    "def test_tool(): assert subprocess.check_output(['tiny'], cwd='/') == b'tiny 1\\n'\n",
}


def machine(kind: str) -> SandboxProvider:
    """Return the host, or the first confined machine that can be had."""
    providers = [choose("host")] if kind == "host" else [choose("bubblewrap"), choose("unshare")]
    found = next((provider for provider in providers if provider.check().available), None)
    if not found:
        pytest.skip(f"not run: {providers[-1].check().detail}")
    return found


@pytest.fixture(params=["host", pytest.param("confined", marks=pytest.mark.confined)])
def provider(request: pytest.FixtureRequest) -> SandboxProvider:
    return machine(request.param)


class Prepare:
    def __init__(self, provider: SandboxProvider, cache: Path, variables: dict[str, str]) -> None:
        self.provider, self.cache, self.variables = provider, cache, variables
        self.log: list[str] = []

    def __call__(self, snapshot: Snapshot, **wishes: object) -> Image:
        self.log.clear()
        request = ImageRequest.model_validate({"pass_env": self.variables, "network": False, **wishes})
        return prepare_image(
            request, snapshot, provider=self.provider, cache=self.cache, run_id="t", log=self.log.append
        )

    def local(self, snapshot: Snapshot) -> Local:
        tree = read_tree(Path(snapshot.archive))
        recipe = make_recipe(tree.files, tree.paths)
        more = {"provider": self.provider, "cache": self.cache, "run_id": "t", "log": self.log.append}
        return Local(ImageRequest(), recipe, tree, snapshot, **more)

    def run(self, image: Image, snapshot: Snapshot) -> dict[str, str]:
        with open_workspace(self.provider, image, snapshot, limits=SandboxSpec(), run_id="t") as workspace:
            suite = find_suite(workspace, image, command=None, failing=(), paths=())
            report = run_suite(workspace.box, suite)
            assert report.status == "ran", report.log_tail
            assert workspace.diff().is_empty
            return {name.rpartition("::")[2]: outcome.value for name, outcome in report.outcomes.items()}


@pytest.fixture
def prepare(provider: SandboxProvider, cache: Path, wheels: dict[str, str]) -> Prepare:
    return Prepare(provider, cache, wheels)


@pytest.fixture
def on_host(cache: Path, wheels: dict[str, str]) -> Prepare:
    return Prepare(choose("host"), cache, wheels)


@pytest.mark.slow
def test_an_environment_is_built_once(prepare: Prepare, make: Make) -> None:
    snapshot = make(PROJECT)
    image = prepare(snapshot)
    assert prepare.run(image, snapshot) == {"test_x": "passed", "test_place": "passed", "test_tool": "passed"}
    assert "there-is-no-such-thing-x" in image.note
    assert not Path(snapshot.origin, "src/tiny_thing/_generated.py").exists()

    assert prepare(snapshot) == image
    assert not prepare.log
    changed = make(
        {"src/tiny_thing/new.py": "", "tests/test_tiny.py": PROJECT["tests/test_tiny.py"] + "def test_y(): assert 0\n"}
    )
    assert prepare(changed) == image
    assert prepare.run(image, changed)["test_y"] == "failed"


@pytest.mark.slow
def test_plain_scripts_and_own_commands(on_host: Prepare, make: Make) -> None:
    files = {
        "main.py": "import iniconfig\nX = 1\n",
        "requirements.txt": "iniconfig\n",
        "test_main.py": "import main\ndef test_x(): assert main.X\n",
    }
    snapshot = make(files)
    image = on_host(snapshot)
    folder = on_host.cache / "envs" / image.digest
    (folder / ".complete").unlink()
    (folder / "venv/bin/python").unlink()
    assert on_host(snapshot) == image, "what a killed build left is built again"
    assert on_host.run(image, snapshot) == {"test_x": "passed"}
    built = on_host(snapshot, setup=("pip install iniconfig", "echo 'Y = 1' > made.py"))
    snapshot = make({"test_main.py": "import main, made\ndef test_x(): assert made.Y\n"})
    assert on_host.run(built, snapshot) == {"test_x": "passed"}
    with pytest.raises(ImageBuildFailed, match="exit 3") as caught:
        on_host(snapshot, setup=("echo so far && exit 3",))
    assert caught.value.hint
    assert "so far" in caught.value.log_tail


@pytest.mark.slow
def test_a_project_that_cannot_be_imported(on_host: Prepare, make: Make) -> None:
    broken = {**PROJECT, "src/tiny_thing/__init__.py": "import not_there_at_all\n"}
    with pytest.raises(ImageBuildFailed, match="not_there_at_all") as caught:
        on_host(make(broken))
    assert caught.value.hint


def test_without_an_index_the_reason_is_said_soon(cache: Path, make: Make) -> None:
    prepare = Prepare(
        choose("host"),
        cache,
        {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"},
    )
    with pytest.raises(ImageBuildFailed, match="no package index"):
        prepare(make({"test_main.py": "def test_x(): pass\n"}))


def environment(folder: Path, wheels: dict[str, str], *packages: str) -> None:
    """Make an environment like those that users have."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = (sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "-q", "--no-index")
    subprocess.run([*pip, "--find-links", wheels["PIP_FIND_LINKS"], "setuptools", *packages], check=True)


def test_the_users_own_environment_is_taken_when_it_can_run_the_tests(
    on_host: Prepare, make: Make, wheels: dict[str, str]
) -> None:
    files = {
        "tiny.py": "X = 1\n",
        "tests/test_tiny.py": "import tiny\ndef test_x(): assert tiny.X\n",
        "pyproject.toml": "[project]\nname='tiny'",
    }
    snapshot = make({**files, ".gitignore": ".venv\n"})
    environment(Path(snapshot.origin, ".venv"), wheels, "pytest")
    image = on_host(snapshot)
    assert image.python == f"{snapshot.origin}/.venv/bin/python"
    assert on_host.run(image, snapshot) == {"test_x": "passed"}
    active = Path(snapshot.origin).parent / "elsewhere"
    Path(snapshot.origin, ".venv").rename(active)
    assert on_host(snapshot, virtual_env=str(active)).python == f"{active}/bin/python"
    assert on_host(snapshot, python=str(active / "bin/python")).python == f"{active}/bin/python"


def test_why_an_environment_is_not_taken_is_said(on_host: Prepare, make: Make, wheels: dict[str, str]) -> None:
    files = {"tiny.py": "", "conftest.py": "import not_there", "test_tiny.py": "def test_x(): pass\n"}
    snapshot = make({**files, "env/pyvenv.cfg": "", "env/bin/python": "", "env/lib/x.py": ""})
    top = Path(snapshot.origin)
    environment(top / ".venv", wheels)
    environment(top / "venv", wheels, "pytest")
    local = on_host.local(snapshot)
    assert list(local.own_environments()) == [top / ".venv", top / "venv", top / "env"]
    assert [local.adopt(folder) for folder in local.own_environments()] == [None, None, None]
    reasons = [line.removeprefix(f"{top}/") for line in on_host.log]
    assert reasons[0].startswith(".venv is not used: pytest cannot be imported")
    assert reasons[1:] == [
        "venv is not used: it lacks not_there.",
        "env is not used: git does not ignore it, so it is part of the tree.",
    ]


@pytest.mark.confined
def test_the_users_own_environment_lies_in_the_confined_tree(cache: Path, make: Make, wheels: dict[str, str]) -> None:
    prepare = Prepare(machine("confined"), cache, {})
    files = {
        "tiny.py": "X = 1\n",
        "test_tiny.py": "import tiny\ndef test_x(): assert tiny.X\n",
        "pyproject.toml": "[project]\nname='tiny'",
        ".gitignore": ".venv\n",
    }
    snapshot = make(files)
    folder = Path(snapshot.origin, ".venv")
    environment(folder, wheels, "pytest")
    image = prepare(snapshot)
    assert image.python == f"{folder}/bin/python"
    assert prepare.run(image, snapshot) == {"test_x": "passed"}
    with open_workspace(prepare.provider, image, snapshot, limits=SandboxSpec(), run_id="t") as workspace:
        workspace.write("tiny.py", b"X = 0\n")
        suite = find_suite(workspace, image, command=None, failing=(), paths=())
        assert run_suite(workspace.box, suite).outcomes["test_tiny.py::test_x"] is Outcome.FAILED
        workspace.reset()
        assert workspace.diff().is_empty
        assert run_suite(workspace.box, suite).outcomes["test_tiny.py::test_x"] is Outcome.PASSED


def test_images_need_docker(on_host: Prepare, make: Make) -> None:
    with pytest.raises(ImageBuildFailed, match="Docker"):
        on_host(make({"a.py": ""}), image="x")


CRASHING = """\
import pytest


def pytest_runtest_logreport(report):
    if report.failed:
        raise RuntimeError("I cannot write my report")
"""


def test_a_plugin_that_crashes_at_the_first_failure_is_switched_off(
    make: Make, cache: Path, wheels: dict[str, str], tmp_path: Path
) -> None:
    """The suite passes with it as long as all of it passes; a failure would look like a broken runner."""
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin/pytest_crash.py").write_text(CRASHING)
    (tmp_path / "plugin/pyproject.toml").write_text(
        "[build-system]\nrequires=['setuptools']\nbuild-backend='setuptools.build_meta'\n[project]\nname='pytest-crash'\nversion='1'\n"
        "entry-points={pytest11={crash='pytest_crash'}}\n[tool.setuptools]\npy-modules=['pytest_crash']\n"
    )
    snapshot = make({"tests/test_a.py": "def test_a(): pass\ndef test_b(): assert 0\n", "thing.py": ""})
    setup = [f"python -m pip install -q pytest {tmp_path}/plugin"]
    image = Prepare(choose("host"), cache, wheels)(snapshot, setup=setup)
    assert "pytest crashes at a failing test with crash" in image.note
    assert image.env["PYTEST_ADDOPTS"] == "-p no:crash"
    with open_workspace(choose("host"), image, snapshot, limits=SandboxSpec(), run_id="t") as workspace:
        report = run_suite(workspace.box, find_suite(workspace, image, command=None, failing=(), paths=()))
    assert (report.status, report.having(Outcome.FAILED)) == ("ran", ("tests/test_a.py::test_b",))

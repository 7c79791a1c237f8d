"""Docker images, really built and run."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envs.errors import ImageBuildFailed
from envs.images import ImageRequest, prepare_image
from envs.suite import find_suite, run_suite
from envs.values import Image, Snapshot
from envs.workspace import open_workspace
from sandbox.engine.machine import DockerProvider
from sandbox.errors import ImageUnavailable
from sandbox.values import SandboxSpec

pytestmark = [pytest.mark.docker, pytest.mark.slow]

Make = Callable[..., Snapshot]
BASE = os.environ.get("WINNOW_TEST_IMAGE", "winnow-test-base:bookworm")

PROJECT = {
    "pyproject.toml": "[build-system]\nrequires=['setuptools']\nbuild-backend='setuptools.build_meta'\n"
    "[project]\nname='tiny-thing'\nversion='1'\nscripts={tiny='tiny_thing:main'}\n",
    "setup.py": "from setuptools import setup\nopen('src/tiny_thing/_generated.py', 'w').write('X = 1')\nsetup()\n",
    "src/tiny_thing/__init__.py": "from tiny_thing._generated import X\ndef main(): print('tiny', X)\n",
    "tests/test_tiny.py": "import os, subprocess, tiny_thing\ndef test_x(): assert tiny_thing.X == 1\n"
    "def test_place(): assert tiny_thing.__file__.startswith(os.getcwd())\n"
    "def test_tool(): assert subprocess.check_output(['tiny'], cwd='/') == b'tiny 1\\n'\n"
    "def test_rights(): assert os.getuid() and 'SECRET' not in os.environ\n",
}


class Prepare:
    def __init__(self, provider: DockerProvider, cache: Path) -> None:
        self.provider, self.cache = provider, cache
        self.log: list[str] = []

    def __call__(self, snapshot: Snapshot, **wishes: object) -> Image:
        self.log.clear()
        request = ImageRequest.model_validate({"base_image": BASE, "pass_env": {"SECRET": "x"}, **wishes})
        return prepare_image(
            request, snapshot, provider=self.provider, cache=self.cache, run_id="t", log=self.log.append
        )

    def run(self, image: Image, snapshot: Snapshot) -> dict[str, str]:
        with open_workspace(self.provider, image, snapshot, limits=SandboxSpec(), run_id="t") as workspace:
            suite = find_suite(workspace, image, command=None, failing=(), paths=())
            report = run_suite(workspace.box, suite)
            assert report.status == "ran", report.log_tail
            assert workspace.diff().is_empty
            return {name.rpartition("::")[2]: outcome.value for name, outcome in report.outcomes.items()}


ALL_PASS = {"test_x": "passed", "test_place": "passed", "test_tool": "passed", "test_rights": "passed"}


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepare]:
    provider = DockerProvider(pull=False)
    found = provider.check()
    if not found.available:
        pytest.skip(f"not run: {found.detail}")
    before = {tag for image in provider.images.list("winnow.image") for tag in image.tags}
    yield Prepare(provider, tmp_path_factory.mktemp("cache"))
    for image in provider.images.list("winnow.image"):
        for tag in set(image.tags) - before:
            provider.images.remove(tag)


def test_built_once_used_as_it_is_and_as_a_base(prepare: Prepare, make: Make) -> None:
    snapshot = make(PROJECT)
    image = prepare(snapshot)
    assert image.workdir == "/work"
    assert image.reference
    assert prepare.run(image, snapshot) == ALL_PASS
    changed = make({"tests/test_tiny.py": PROJECT["tests/test_tiny.py"] + "def test_y(): assert 0\n"})
    assert prepare(changed) == image
    assert not prepare.log
    assert prepare.run(image, changed)["test_y"] == "failed"

    snapshot = make({"src/tiny_thing/_generated.py": "X = 1\n"})
    named = prepare(snapshot, image=image.reference)
    assert (named.reference, named.python) == (image.reference, "/opt/venv/bin/python")
    assert prepare.run(named, snapshot)["test_x"] == "passed"


def test_the_repositorys_own_dockerfile_with_an_editable_installation_elsewhere(prepare: Prepare, make: Make) -> None:
    dockerfile = f"""
FROM {BASE}
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install -q pytest
COPY . /testbed
RUN echo 'X = 1' > /testbed/src/tiny_thing/_generated.py && echo /testbed/src > /opt/venv/lib/$(ls /opt/venv/lib)/site-packages/t.pth
"""
    snapshot = make({**PROJECT, "Dockerfile": dockerfile})
    own = prepare(snapshot, image="Dockerfile", base_image=None)
    assert own.workdir == "/testbed"
    assert own.extras
    with open_workspace(prepare.provider, own, snapshot, limits=SandboxSpec(), run_id="t") as workspace:
        assert b"X = 1" in workspace.read("src/tiny_thing/_generated.py")
        suite = find_suite(workspace, own, command=None, failing=(), paths=())
        report = run_suite(workspace.box, suite, ["tests/test_tiny.py::test_x", "tests/test_tiny.py::test_place"])
        assert [outcome.value for outcome in report.outcomes.values()] == ["passed", "passed"]


def test_what_cannot_be_had_is_said(prepare: Prepare, make: Make) -> None:
    snapshot = make(PROJECT)
    with pytest.raises(ImageUnavailable, match="no-such-base"):
        prepare(snapshot, base_image="no-such-base:1")
    with pytest.raises(ImageBuildFailed, match="cannot run the tests") as caught:
        prepare(snapshot, image=BASE)
    assert "pytest" in str(caught.value)
    with pytest.raises(ImageBuildFailed, match="setup command failed: exit 3"):
        prepare(snapshot, setup=("exit 3",))
    with pytest.raises(ImageBuildFailed, match="Dockerfile cannot be built") as caught:
        prepare(make({"Dockerfile": f"FROM {BASE}\nRUN echo before && exit 5\n"}, name="other"), image="Dockerfile")
    assert "before" in caught.value.log_tail

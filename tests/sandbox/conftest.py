"""Machines of every kind for the tests, and what to do where a kind cannot be had."""

import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from sandbox.choose import check_all, choose
from sandbox.port import Sandbox, SandboxProvider
from sandbox.values import SandboxSpec

IMAGE = os.environ.get("WINNOW_TEST_IMAGE", "winnow-test-base:bookworm")
ROOT = Path(__file__).parents[2]

DOCKER = pytest.param("docker", marks=pytest.mark.docker)
CONFINED = [pytest.param(kind, marks=pytest.mark.confined) for kind in ("bubblewrap", "unshare")]
WALLED = [DOCKER, *CONFINED]
"""Kinds that hold hostile commands."""
REAL = [*WALLED, "host"]


@dataclass(frozen=True)
class Kind:
    """Opens machines of one kind with the small limits that tests want."""

    name: str
    provider: SandboxProvider

    def spec(self, **changes: object) -> SandboxSpec:
        base: dict[str, object] = {"memory_mb": 512, "disk_mb": 128, "pids": 128, "lifetime_s": 300.0}
        if self.name == "docker":
            base["image"] = IMAGE
        return SandboxSpec.model_validate({**base, **changes})

    def open(self, **changes: object) -> AbstractContextManager[Sandbox]:
        return self.provider.open(self.spec(**changes))


@cache
def missing(name: str) -> str:
    """Why machines of a kind cannot be had here; empty when they can."""
    found = next(kind for kind in check_all() if kind.kind == name)
    if not found.available:
        return f"{found.detail} {found.hint}"
    if (
        name == "docker"
        and subprocess.run(["docker", "image", "inspect", IMAGE], check=False, capture_output=True).returncode
    ):
        return f"no image {IMAGE}: run scripts/base-image {IMAGE}"
    return ""


RAW = {
    "bubblewrap": ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"],
    "unshare": ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "true"],
}


@cache
def kernel_permits(name: str) -> bool:
    """Whether the bare tool works, so that a skip cannot hide a machine that we broke."""
    try:
        return name == "host" or subprocess.run(RAW[name], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def find_kind(name: str) -> Kind:
    """Return a kind, or skip; a missing Docker is a failure where WINNOW_REQUIRE_DOCKER=1 says that it must be there."""
    reason = missing(name)
    if reason and name == "docker" and os.environ.get("WINNOW_REQUIRE_DOCKER") == "1":
        pytest.fail(f"Docker is required: {reason}")
    if reason and name != "docker" and kernel_permits(name):
        pytest.fail(f"{name} works by itself, but not here: {reason}")
    if reason:
        pytest.skip(f"{name}: {reason}")
    return Kind(name, choose(name, host_path=os.defpath))


@pytest.fixture(scope="module", params=REAL)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each real kind of machine."""
    return find_kind(request.param)


@pytest.fixture(scope="module")
def machine(kind: Kind) -> Iterator[Sandbox]:
    """One open machine for all tests of a module that leave it usable."""
    with kind.open() as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=WALLED)
def walled(request: pytest.FixtureRequest) -> Kind:
    """Each kind that holds hostile commands."""
    return find_kind(request.param)


@pytest.fixture
def docker_kind() -> Kind:
    """Docker, for tests of what only it has."""
    return find_kind("docker")


@pytest.fixture
def in_a_process(tmp_path: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Runs Python source in a process of its own, with the test's folder for temporary files; killed at the end."""
    started = []

    def start(source: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", source],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def private_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder that only this test uses."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def get_kind() -> Callable[[str], Kind]:
    """Returns a kind by name, or skips."""
    return find_kind


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture
def make_tar(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tar file: members by name (None: a folder), then links: name -> (tar type, target)."""

    def make(members: Mapping[str, bytes | None], links: Mapping[str, tuple[bytes, str]] | None = None) -> Path:
        path = tmp_path / f"{time.monotonic_ns()}.tar"
        with tarfile.open(path, "w", encoding="utf-8", errors="surrogateescape") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                if content is None:
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                else:
                    info.size = len(content)
                tar.addfile(info, io.BytesIO(content or b""))
            for name, (kind, target) in (links or {}).items():
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, target
                tar.addfile(info)
        return path

    return make

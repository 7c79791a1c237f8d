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
from pathlib import Path

import pytest

from sandbox.choose import choose
from sandbox.port import Sandbox, SandboxProvider
from sandbox.values import SandboxSpec

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
    image: str
    """What containers are made of."""

    def spec(self, **changes: object) -> SandboxSpec:
        base: dict[str, object] = {"memory_mb": 512, "disk_mb": 128, "pids": 128, "lifetime_s": 300.0}
        if self.name == "docker":
            base["image"] = self.image
        return SandboxSpec.model_validate({**base, **changes})

    def open(self, **changes: object) -> AbstractContextManager[Sandbox]:
        return self.provider.open(self.spec(**changes))


@pytest.fixture(scope="module", params=REAL)
def kind(request: pytest.FixtureRequest, get_kind: Callable[[str], Kind]) -> Kind:
    """Each real kind of machine."""
    return get_kind(request.param)


@pytest.fixture(scope="module")
def machine(kind: Kind) -> Iterator[Sandbox]:
    """One open machine for all tests of a module that leave it usable."""
    with kind.open() as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=WALLED)
def walled(request: pytest.FixtureRequest, get_kind: Callable[[str], Kind]) -> Kind:
    """Each kind that holds hostile commands."""
    return get_kind(request.param)


@pytest.fixture
def docker_kind(get_kind: Callable[[str], Kind]) -> Kind:
    """Docker, for tests of what only it has."""
    return get_kind("docker")


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
def get_kind(needed: Callable[[str], None], image_name: str) -> Callable[[str], Kind]:
    """Returns a kind by name, or skips."""

    def get(name: str) -> Kind:
        needed(name)
        return Kind(name, choose(name, host_path=os.defpath), image_name)

    return get


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

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from envs.snapshot import take_snapshot
from envs.values import Image, Snapshot
from envs.workspace import Workspace, open_workspace
from sandbox.choose import choose
from sandbox.port import SandboxProvider
from sandbox.values import SandboxSpec

Make = Callable[[Mapping[str, bytes]], Snapshot]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a repository of one commit and take its snapshot."""

    def snapshot(files: Mapping[str, bytes]) -> Snapshot:
        top = tmp_path / "repo"
        for path, data in files.items():
            file = top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(top))
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
        (tmp_path / "into").mkdir()
        return take_snapshot(top, tmp_path / "into")

    return snapshot


def machine(kind: str) -> SandboxProvider:
    """Return a machine of this kind; `confined` is the first that can be had."""
    names = ("bubblewrap", "unshare") if kind == "confined" else (kind,)
    providers = [choose(name) for name in names]
    found = next((provider for provider in providers if provider.check().available), None)
    if not found:
        pytest.skip(f"not run: {providers[-1].check().detail}")
    return found


@pytest.fixture(
    params=[
        "host",
        pytest.param("confined", marks=pytest.mark.confined),
        pytest.param("docker", marks=pytest.mark.docker),
    ]
)
def provider(request: pytest.FixtureRequest) -> SandboxProvider:
    return machine(request.param)


@pytest.fixture
def image(tmp_path: Path, provider: SandboxProvider) -> Image:
    if provider.kind == "docker":
        base = os.environ.get("WINNOW_TEST_IMAGE", "winnow-test-base:bookworm")
        return Image(reference=base, python="python3", workdir="/work", digest="0")
    return Image(reference=None, python=sys.executable, workdir=str(tmp_path / "repo"), digest="0")


@pytest.fixture
def opened(provider: SandboxProvider) -> Callable[..., AbstractContextManager[Workspace]]:
    return partial(open_workspace, provider, limits=SandboxSpec(), run_id="t")


@pytest.fixture
def host_image(tmp_path: Path) -> Image:
    return Image(reference=None, python=sys.executable, workdir=str(tmp_path / "repo"), digest="0")

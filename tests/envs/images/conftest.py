import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from envs.snapshot import take_snapshot
from envs.values import Snapshot

Make = Callable[..., Snapshot]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that let pip work without an index, from a folder of a few wheels."""
    folder = tmp_path_factory.mktemp("wheels")
    pip = (sys.executable, "-m", "pip", "download", "-q", "-d", str(folder), "--prefer-binary")
    subprocess.run([*pip, "pytest<9", "setuptools<81", "wheel", "iniconfig"], check=True, stdin=subprocess.DEVNULL)
    folder.chmod(0o755)
    # The machine's own settings may name other places.
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a repository and take its snapshot; again to change it."""

    def snapshot(files: Mapping[str, str], name: str = "repo") -> Snapshot:
        top = tmp_path / name
        for path, text in files.items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text(text)
        git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(top))
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
        into = tmp_path / f"{name}-snapshot"
        into.mkdir(exist_ok=True)
        return take_snapshot(top, into)

    return snapshot

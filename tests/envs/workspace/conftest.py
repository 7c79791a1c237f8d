import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from envs.snapshot import take_snapshot
from envs.values import Image, Snapshot

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


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(reference=None, python=sys.executable, workdir=str(tmp_path / "repo"), digest="0")

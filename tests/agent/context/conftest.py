"""Bases made of files, with a history where one is wanted."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from envs.patches import BaseTree
from envs.snapshot import take_snapshot

Files = dict[str, str | bytes]
_ENV = {
    **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


class Project(NamedTuple):
    """A repository and its base."""

    top: Path
    base: BaseTree
    head: str


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """`project(files, earlier)`: commits `earlier` one after another, then all of `files`, and opens the base."""
    with ExitStack() as stack:

        def make(files: Files, earlier: tuple[tuple[str, Files], ...] = ()) -> Project:
            top = tmp_path / f"project{len(list(tmp_path.iterdir()))}"
            top.mkdir()
            into = tmp_path / f"{top.name}-run"
            into.mkdir()

            def git(*words: str) -> str:
                return subprocess.run(
                    ["git", *words], cwd=top, env=_ENV, check=True, capture_output=True, text=True
                ).stdout

            git("init", "-q", "-b", "main")
            for subject, written in (*earlier, ("all", files)):
                for name, content in written.items():
                    path = top / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.encode() if isinstance(content, str) else content)
                git("add", "-A")
                git("commit", "-q", "--allow-empty", "-m", subject)
            snapshot = take_snapshot(top, into)
            return Project(top, stack.enter_context(BaseTree(snapshot, folder=into)), git("rev-parse", "HEAD").strip())

        yield make

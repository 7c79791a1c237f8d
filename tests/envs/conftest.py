"""Real git repositories to work on, each in a folder of its own."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_ENV = {
    **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
    },
}


_NOBODY = 65534


class Repo:
    """A work tree on disk."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def git(self, *words: str, stdin: bytes = b"", check: bool = True) -> bytes:
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *words],
            cwd=self.top,
            env=_ENV,
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.stdout

    def write(self, files: dict[str, str | bytes]) -> "Repo":
        for name, content in files.items():
            path = self.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def commit(self, files: dict[str, str | bytes] | None = None, message: str = "change") -> str:
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").decode().strip()


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[..., Repo]:
    def make(name: str = "repo", files: dict[str, str | bytes] | None = None, *, commit: bool = True) -> Repo:
        top = tmp_path / name
        top.mkdir(parents=True)
        repo = Repo(top)
        repo.git("init", "-q", "-b", "main")
        if commit:
            repo.commit(files if files is not None else {"a.py": "x = 1\n", "pkg/b.py": "def f():\n    return 2\n"})
        elif files:
            repo.write(files)
        return repo

    return make


@pytest.fixture
def repo(make_repo: Callable[..., Repo]) -> Repo:
    return make_repo()


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's git configuration is part of what is tested, so nobody's real one may leak in."""
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


@pytest.fixture
def home(_own_home: Path) -> Path:
    return _own_home


@pytest.fixture
def unprivileged(make_repo: Callable[..., Repo]) -> Iterator[Repo]:
    """A repository, while this process may not read what its permissions forbid: root may read everything."""
    if os.geteuid() != 0:
        yield make_repo()
        return
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="winnow-tests-") as folder:
        top = Path(folder) / "repo"
        top.mkdir()
        repo = Repo(top)
        repo.git("init", "-q", "-b", "main")
        repo.commit({"a.py": "x = 1\n"})
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
        try:
            yield repo
        finally:
            os.seteuid(0)


@pytest.fixture
def into_for_anyone(unprivileged: Repo) -> Path:
    folder = unprivileged.top.parent / "into"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that holds one megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)

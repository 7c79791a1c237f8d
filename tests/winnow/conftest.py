"""Repositories with a bug, and a user with a home of their own."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SOURCE = '''"""Prices."""


def discount(price, percent):
    """Return the price less a percentage, never below zero."""
    reduced = price - price * percent / 100
    return max(reduced, 0)


def total(prices, percent=0):
    # The sum before tax.
    result = 0
    for price in prices:
        result -= discount(price, percent)
    return result


def cheapest(prices):
    return min(prices) if prices else None
'''
TESTS = """from shop.prices import cheapest, discount, total


def test_discount():
    assert discount(200, 25) == 150


def test_discount_stays_positive():
    assert discount(10, 200) == 0


def test_total():
    assert total([1, 2, 3]) == 6


def test_total_with_discount():
    assert total([100, 300], 50) == 200


def test_cheapest():
    assert cheapest([3, 1, 2]) == 1
    assert cheapest([]) is None
"""
"""`total` subtracts where it should add: two tests fail."""


def run_git(repository: Path, *argv: str) -> str:
    """As a user would, with an identity but without the developer's own configuration."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    return subprocess.run(
        ["git", *identity, *argv], cwd=repository, env=env, check=True, capture_output=True, text=True
    ).stdout


def write(repository: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.fixture
def git() -> Callable[..., str]:
    """`git(repository, *argv)`, with an identity."""
    return run_git


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home, so that no test sees the developer's settings, runs or environments."""
    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(("WINNOW_", "XDG_", "GITHUB_")) and not name.startswith("WINNOW_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built environments, shared by the tests: each costs seconds."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with one bug that two tests show."""
    repository = tmp_path / "shop"
    files = {
        "shop/__init__.py": "",
        "shop/prices.py": SOURCE,
        "tests/test_prices.py": TESTS,
        "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0"\n[tool.setuptools]\npackages = ["shop"]\n',
    }
    write(repository, files)
    run_git(repository.parent, "init", "-q", "-b", "main", str(repository))
    run_git(repository, "add", "-A")
    run_git(repository, "commit", "-qm", "The shop")
    return repository


@pytest.fixture
def winnow(user: Path, environments: Path, confined: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The console script, as a user runs it; keyword arguments are those of `subprocess.run`."""

    def run(*argv: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "WINNOW_RUN_CACHE_DIR": str(environments),
            "WINNOW_SANDBOX_KIND": confined,
            **options.pop("env", {}),
        }  # type: ignore[dict-item]
        command = [str(Path(sys.executable).with_name("winnow")), *map(str, argv)]
        options = {"capture_output": not {"stdout", "stderr"} & options.keys(), **options}
        return subprocess.run(command, env=env, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]

    return run


@pytest.fixture
def digest() -> Callable[[Path], str]:
    """Of every file and folder below a path, `.git` included: names, modes, times, contents."""

    def of(folder: Path) -> str:
        total = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            stat = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            total.update(f"{path}|{stat.st_mode}|{stat.st_mtime_ns}|".encode("utf-8", "surrogateescape") + content)
        return total.hexdigest()

    return of

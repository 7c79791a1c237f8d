"""Real packages: fetched as source distributions with their tests, each in an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

PLUGINS = Path(__file__).parent / "plugins"


@dataclass(frozen=True)
class Package:
    """One release on the package index and how its tests run."""

    name: str
    version: str
    code: str
    """Folder of the code, relative to the tree; bugs go into the files below it."""
    root: str = "."
    """What goes on PYTHONPATH, relative to the tree."""
    tests: tuple[str, ...] = ("tests",)
    """Runner arguments that name the tests."""
    kind: str = "pytest"
    needs: tuple[str, ...] = ()
    """Further requirements of the tests."""


DEVELOPMENT = (
    Package("toolz", "1.0.0", "toolz", tests=("toolz",)),
    Package("boltons", "24.1.0", "boltons", needs=("pytest<8",)),
    Package("more-itertools", "10.5.0", "more_itertools"),
    Package("cachetools", "5.5.0", "src/cachetools", root="src"),
    Package(
        "cachetools-unittest",
        "5.5.0",
        "src/cachetools",
        root="src",
        kind="unittest",
        tests=("discover", "-s", "tests", "-t", "."),
    ),
    Package("inflection", "0.5.1", "inflection", tests=("test_inflection.py",)),
    Package("semver", "3.0.2", "src/semver", root="src", needs=("pytest-cov",)),
    Package("tabulate", "0.9.0", "tabulate", tests=("test",)),
    Package("wcwidth", "0.2.13", "wcwidth", needs=("pytest-cov",)),
    Package("humanize", "4.10.0", "src/humanize", root="src", needs=("freezegun", "pytest-cov")),
    Package("parse", "1.20.2", "parse.py"),
    Package("jmespath", "1.0.1", "jmespath"),
    Package("natsort", "8.4.0", "natsort", needs=("hypothesis", "pytest-mock")),
    Package(
        "isodate",
        "0.6.1",
        "src/isodate",
        root="src",
        kind="unittest",
        tests=("discover", "-s", "src/isodate/tests", "-t", "src"),
        needs=("six",),
    ),
    Package("tinydb", "4.8.2", "tinydb", needs=("pyyaml",)),
    Package("click", "8.1.7", "src/click", root="src", needs=("pytest<9",)),
    Package("packaging", "24.1", "src/packaging", root="src", needs=("pretend",)),
)

HELD_BACK = (
    Package("sqlparse", "0.5.1", "sqlparse"),
    Package("mistune", "3.0.2", "src/mistune", root="src"),
    Package("bidict", "0.23.1", "bidict"),
    Package("pathspec", "0.12.1", "pathspec", kind="unittest", tests=("discover", "-s", "tests", "-t", ".")),
    Package("simpleeval", "1.0.3", "simpleeval.py", kind="unittest", tests=("test_simpleeval",)),
    Package("voluptuous", "0.15.2", "voluptuous", tests=("voluptuous/tests",)),
    Package("xmltodict", "0.13.0", "xmltodict.py"),
    Package("itsdangerous", "2.2.0", "src/itsdangerous", root="src", needs=("freezegun",)),
    Package("tomlkit", "0.13.2", "tomlkit", needs=("pyyaml",)),
)
"""Not looked at while the engine was made."""


@dataclass(frozen=True)
class Project:
    """A package unpacked, with an interpreter that can run its tests."""

    package: Package
    tree: Path
    python: Path

    def command(self, *more: str) -> list[str]:
        """The suite's command, with outcomes written to BENCH_OUT."""
        if self.package.kind == "pytest":
            return [str(self.python), "-m", "pytest", "-q", "-p", "winnow_bench", "-p", "no:cacheprovider", *more]
        return [str(self.python), "-m", "winnow_bench_unittest", *more]

    def environment(self, tree: Path, **extra: str) -> dict[str, str]:
        """Variables for a run in a copy of the tree."""
        path = os.pathsep.join([str(tree / self.package.root), str(PLUGINS)])
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "TZ": "UTC", **extra}

    def outcomes(self, tree: Path, tests: tuple[str, ...], scratch: Path, timeout: float = 300.0) -> dict[str, str]:
        """Run tests in a copy of the tree; empty when the runner broke or overran."""
        out = scratch / "outcomes.json"
        out.unlink(missing_ok=True)
        try:
            subprocess.run(
                self.command(*tests),
                cwd=tree,
                env=self.environment(tree, BENCH_OUT=str(out)),
                timeout=timeout,
                capture_output=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {}
        return json.loads(out.read_text()) if out.exists() else {}


def prepare(package: Package, home: Path) -> Project:
    """Download, unpack and install, once; later calls reuse what is there."""
    name = package.name.removesuffix("-unittest")
    base = home / f"{name}-{package.version}"
    python = base / "venv/bin/python"
    sources = base / "source"
    if not (base / "ready").exists():
        shutil.rmtree(base, ignore_errors=True)
        sources.mkdir(parents=True)
        pip = [sys.executable, "-m", "pip", "-q"]
        subprocess.run(
            [*pip, "download", "--no-deps", "--no-binary", name, "-d", str(base), f"{name}=={package.version}"],
            check=True,
        )
        (archive,) = base.glob("*.tar.gz")
        with tarfile.open(archive) as file:
            file.extractall(sources, filter="data")
        subprocess.run([sys.executable, "-m", "venv", str(base / "venv")], check=True)
        (tree,) = sources.iterdir()
        subprocess.run([str(python), "-m", "pip", "-q", "install", "pytest", *package.needs, str(archive)], check=True)
        (base / "ready").touch()
    (tree,) = sources.iterdir()
    return Project(package, tree, python)

"""What users type, and what projects configure, as options of our runs."""

import pytest

from envs.suite.command import RunnerCommand, read_command
from envs.suite.options import fit, read_config, split_options

ENTRIES = {"tests", "src", "pkg"}


def is_path(word: str) -> bool:
    return word.split("/", maxsplit=1)[0] in ENTRIES


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pytest -q tests", ("pytest", (), (), ("-q", "tests"))),
        ("python -W error -m pytest", None),
        ("python3.11 -Wd -m pytest tests/x.py", ("pytest", (), ("-Wd",), ("tests/x.py",))),
        ("PYTHONPATH=src FOO='a b' pytest", ("pytest", ("PYTHONPATH=src", "FOO=a b"), (), ())),
        ("poetry run pytest -x", ("pytest", (), (), ("-x",))),
        ("uv run -q python -m pytest", ("pytest", (), (), ())),
        ("coverage run -m pytest tests", ("pytest", (), (), ("tests",))),
        ("coverage run --branch -m unittest discover", ("unittest", (), (), ("discover",))),
        (".venv/bin/pytest 'tests/a.py::t[x|y]'", ("pytest", (), (), ("tests/a.py::t[x|y]",))),
        ("pytest -k 'a and (b or c)'", ("pytest", (), (), ("-k", "a and (b or c)"))),
        ("cd sub && pytest", None),
        ("pytest | tee log", None),
        ("make test", None),
        ("tox -e py311", None),
        ("python runtests.py", None),
        ("pytest 'unclosed", None),
    ],
)
def test_commands(command: str, expected: tuple[object, ...] | None) -> None:
    assert read_command(command) == (None if expected is None else RunnerCommand(*expected))


@pytest.mark.parametrize(
    ("words", "kept", "paths"),
    [
        ("-q tests", ["-q"], ["tests"]),
        ("--cov pkg --cov-report term-missing -ra", ["-ra"], []),
        ("--cov=pkg tests --maxfail=3", [], ["tests"]),
        ("-n4 -k foo", ["-k foo"], []),
        ("-n auto --dist loadfile tests", [], ["tests"]),
        ("-xvs tests/a.py::b", ["-v", "-s"], ["tests/a.py::b"]),
        ("--unknown value pkg", ["--unknown value"], ["pkg"]),
        ("--unknown tests", ["--unknown"], ["tests"]),
        ("-p no:warnings --strict-markers src -- --odd", ["-p no:warnings", "--strict-markers"], ["src", "--odd"]),
    ],
)
def test_options(words: str, kept: list[str], paths: list[str]) -> None:
    groups, found = split_options(words.split(), is_path)
    assert ([" ".join(group) for group in fit(groups)], found) == (kept, paths)


def test_configuration_is_found_in_pytests_own_order() -> None:
    configs = {
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['-q', '-k', 'a b']\npython_files = 't_*.py check.py'\n",
        "tox.ini": "[pytest]\naddopts =\n  -x\n  --cov=a\n",
        "setup.cfg": "[tool:pytest]\naddopts = %(odd)s\n",
    }
    config = read_config(configs)
    assert config is not None
    assert (config.file, config.addopts, config.python_files) == (
        "pyproject.toml",
        ("-q", "-k", "a b"),
        ("t_*.py", "check.py"),
    )
    assert read_config({**configs, "pytest.ini": ""}).file == "pytest.ini"  # type: ignore[union-attr]
    assert read_config({"pyproject.toml": "[tool.black]\n", "tox.ini": configs["tox.ini"]}).addopts == ("-x", "--cov=a")  # type: ignore[union-attr]
    assert read_config({"setup.cfg": configs["setup.cfg"]}).addopts == ("%(odd)s",)  # type: ignore[union-attr]
    assert read_config({"pyproject.toml": "not toml ["}) is None

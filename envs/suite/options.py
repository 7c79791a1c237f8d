"""pytest's command line and configuration: read, and freed of what does not fit our runs. Pure."""

import configparser
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

SHORT_FLAGS = frozenset("xvsqlfhV")
VALUED = frozenset(
    """
    -k -m -c -p -o -W -r -n -d --config-file --maxfail --tb --rootdir --ignore --ignore-glob --deselect --junitxml
    --junit-xml --junitprefix --junit-prefix --durations --durations-min --confcutdir --basetemp --import-mode
    --override-ini --capture --timeout --timeout-method --dist --numprocesses --maxprocesses --tx --reruns
    --reruns-delay --only-rerun --color --log-level --log-cli-level --log-file --log-format --show-capture
    --verbosity --pythonwarnings --doctest-glob --doctest-report --cov --cov-report --cov-config --cov-context
    --cov-fail-under --html --asyncio-mode --ds --pdbcls --randomly-seed --code-highlight --last-failed-no-failures
    --lfnf --cache-show --benchmark-columns --hypothesis-profile --hypothesis-seed --splits --group --rsyncdir
    --max-worker-restart --strict-parametrization-ids --markers-file
    """.split()  # noqa: SIM905  (one word per line would be a page)
)
FLAGS = frozenset(
    """
    --pyargs --strict --strict-markers --strict-config --doctest-modules --doctest-continue-on-failure --runxfail
    --verbose --quiet --showlocals --no-header --no-summary --exitfirst --lf --ff --nf --sw --last-failed
    --failed-first --new-first --stepwise --stepwise-skip --pdb --trace --no-cov --cov-append --cov-branch
    --collect-only --co --cache-clear --forked --boxed --looponfail --runslow --run-slow --full-trace
    --keep-duplicates --noconftest --setup-show --setup-only --setup-plan --self-contained-html --disable-warnings
    --disable-pytest-warnings --continue-on-collection-errors
    """.split()  # noqa: SIM905  (one word per line would be a page)
)
UNFIT = re.compile(
    # Stops early, so that the report has holes.
    r"-x|--exitfirst|--maxfail|--sw.*|--stepwise.*|--pdb|--pdbcls|--trace|--collect-only|--co|--setup-only|--setup-plan|-h|--help|"
    # Remembers other runs.
    r"--lf.*|--last-failed.*|--ff|--failed-first|--nf|--new-first|--cache-.*|"
    # Spreads over processes: each of our sandboxes has about one core, and reports would come second hand.
    r"-n|-d|-f|--numprocesses|--dist|--tx|--maxprocesses|--max-worker-restart|--looponfail|--rsyncdir|"
    # Writes into the tree, costs time, and has an opinion on the exit code.
    r"--cov|--cov-.*|--no-cov.*|--junit-?xml|--junit-?prefix|--html|--self-contained-html|--benchmark-(json|save|autosave).*"
)
"""Options that our runs leave out, whoever asked for them."""


class PytestConfig(NamedTuple):
    """What the project's configuration file says."""

    file: str
    """Relative to the tree."""
    addopts: tuple[str, ...]
    python_files: tuple[str, ...]
    """Empty: pytest's own patterns."""


def split_options(words: Sequence[str], is_path: Callable[[str], bool]) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return options, each with its value, and paths.

    Args:
        words: arguments of pytest.
        is_path: whether a word names something in the tree; it decides for the values of options that nobody here knows.
    """
    groups: list[tuple[str, ...]] = []
    paths: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            paths += rest
            break
        if not word.startswith("-") or word == "-":
            paths.append(word)
        elif re.fullmatch(r"-[a-zA-Z]{2,}", word) and set(word[1:]) <= SHORT_FLAGS:
            groups += [(f"-{letter}",) for letter in word[1:]]
        elif _takes_next(word, rest, is_path):
            groups.append((word, rest.pop(0)))
        else:
            groups.append((word,))
    return groups, paths


def _takes_next(word: str, rest: Sequence[str], is_path: Callable[[str], bool]) -> bool:
    if not rest or "=" in word or word in FLAGS or (word[:2] in SHORT_TAKING and len(word) > 2):
        return False
    if not word.startswith("--") and word[1:] in SHORT_FLAGS:
        return False
    if rest[0].startswith("-"):
        return False
    return word in VALUED or not is_path(rest[0])


SHORT_TAKING = frozenset(option for option in VALUED if not option.startswith("--"))


def name_of(group: Sequence[str]) -> str:
    """Return an option's name: `--cov=src` is `--cov`, `-n4` is `-n`."""
    word = group[0]
    if word.startswith("--"):
        return word.partition("=")[0]
    return word[:2]


def fit(groups: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the options without those that do not fit our runs."""
    return [group for group in groups if not UNFIT.fullmatch(name_of(group))]


def read_config(configs: Mapping[str, str], folder: str = "") -> PytestConfig | None:
    """Return the configuration that pytest would use in a folder of the tree, or None.

    Args:
        configs: text by path, of the files that may hold one.
        folder: relative to the tree, with a slash at the end; empty for the tree itself.
    """
    readers: tuple[tuple[str, Callable[[str], Mapping[str, object] | None]], ...] = (
        ("pytest.toml", lambda text: _toml(text, "pytest") or {}),
        (".pytest.toml", lambda text: _toml(text, "pytest") or {}),
        ("pytest.ini", lambda text: _ini(text, "pytest") or {}),
        (".pytest.ini", lambda text: _ini(text, "pytest") or {}),
        ("pyproject.toml", lambda text: _toml(text, "tool", "pytest", "ini_options") or _toml(text, "tool", "pytest")),
        ("tox.ini", lambda text: _ini(text, "pytest")),
        ("setup.cfg", lambda text: _ini(text, "tool:pytest")),
    )
    for name, reader in readers:
        text = configs.get(folder + name)
        found = None if text is None else reader(text)
        if found is not None:
            return PytestConfig(
                folder + name,
                _words(found.get("addopts")),
                _words(found.get("python_files")),
            )
    return None


def _toml(text: str, *keys: str) -> Mapping[str, object] | None:
    try:
        table: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else None


def _ini(text: str, section: str) -> Mapping[str, object] | None:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return dict(parser[section]) if parser.has_section(section) else None


def _words(value: object) -> tuple[str, ...]:
    """Return a setting as words; a list has them apart already."""
    if isinstance(value, list):
        return tuple(str(word) for word in value)
    if not isinstance(value, str):
        return ()
    try:
        return tuple(shlex.split(value, comments=False))
    except ValueError:
        return tuple(value.split())

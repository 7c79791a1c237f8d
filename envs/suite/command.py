"""Read the test command that a user gave. Pure."""

import re
import shlex
from typing import NamedTuple

SHELL = re.compile(r"[|&;<>()$`\n*?~#]")
"""With one of these unquoted, only a shell can say what the command means."""
WRAPPERS = (
    ("poetry", "run"), ("uv", "run"), ("pdm", "run"), ("hatch", "run"), ("rye", "run"), ("pipenv", "run"),
    ("coverage", "run"), ("xvfb-run",),
)  # fmt: skip
"""They choose an environment or measure; the prepared environment stands in for both."""
PYTHON = re.compile(r"(python|pypy)(\d+(\.\d+)*)?")


class RunnerCommand(NamedTuple):
    """A command of pytest or unittest, in parts."""

    kind: str
    """`pytest` or `unittest`."""
    env: tuple[str, ...]
    """Assignments before the command, as `NAME=value`."""
    flags: tuple[str, ...]
    """The interpreter's own options. Which interpreter it is, the prepared environment says."""
    arguments: tuple[str, ...]
    """The runner's options and paths."""


def read_command(command: str) -> RunnerCommand | None:
    """Return the parts of a pytest or unittest command; None for any other, and for what needs a shell."""
    if SHELL.search(re.sub(r"'[^']*'|\"[^\"$`]*\"|\[[^\]]*\]", "", command)):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    env: list[str] = []
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        env.append(words.pop(0))
    words = _unwrapped(words)
    program = words[0].rpartition("/")[2] if words else ""
    if program in {"pytest", "py.test"}:
        return RunnerCommand("pytest", tuple(env), (), tuple(words[1:]))
    if program == "-m":
        words.insert(0, "python")
    elif not PYTHON.fullmatch(program):
        return None
    at = words.index("-m") if "-m" in words[:-1] else 0
    if not at or words[at + 1] not in {"pytest", "unittest"} or not all(word.startswith("-") for word in words[1:at]):
        return None
    return RunnerCommand(words[at + 1], tuple(env), tuple(words[1:at]), tuple(words[at + 2 :]))


def _unwrapped(words: list[str]) -> list[str]:
    for wrapper in WRAPPERS:
        if tuple(words[: len(wrapper)]) == wrapper:
            rest = words[len(wrapper) :]
            # Options of the wrapper itself; `-m` after `coverage run` is the program's.
            while rest and rest[0].startswith("-") and rest[0] != "-m":
                rest.pop(0)
            return _unwrapped(rest)
    return words

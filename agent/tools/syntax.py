"""Whether changed files can still be read by what reads them: Python by the project's own interpreter, JSON and TOML."""

import base64
import json
import tomllib
from collections.abc import Mapping
from typing import NamedTuple

from envs.grammar import parse_python
from sandbox.port import Sandbox

SECONDS = 20.0
_PYTHON = (".py", ".pyi")

# For any Python from 2.7 on. What it prints: for each file null, or line and message.
_CHECK = r"""
import base64, json, sys
found = []
for name, data in json.loads(sys.stdin.read()):
    try:
        compile(base64.b64decode(data) + b"\n", name, "exec", 0, True)
        found.append(None)
    except (SyntaxError, ValueError) as error:
        kind = type(error).__name__
        found.append([getattr(error, "lineno", 0) or 0, "%s: %s" % (kind, getattr(error, "msg", error))])
print(json.dumps(found))
"""


class SyntaxProblem(NamedTuple):
    """Why a file cannot be read."""

    line: int
    """From 1; 0: unknown."""
    message: str


def check_syntax(box: Sandbox, python: str, files: Mapping[str, bytes]) -> dict[str, SyntaxProblem]:
    """Return what is wrong, by path; files in other languages count as right.

    Python is compiled, not run, by the project's interpreter, since its version decides; where that cannot be started,
    the grammar of the newest one is looked at instead, which sees less.

    Args:
        box: has the interpreter.
        python: the interpreter, a path or a name.
        files: content by path.
    """
    problems = {}
    for path, data in files.items():
        problem = _check_data(path, data)
        if problem:
            problems[path] = problem
    sources = {path: data for path, data in files.items() if path.endswith(_PYTHON)}
    return problems | _check_python(box, python, sources) if sources else problems


def _check_data(path: str, data: bytes) -> SyntaxProblem | None:
    try:
        if path.endswith((".json", ".ipynb")):
            json.loads(data)
        elif path.endswith(".toml"):
            tomllib.loads(data.decode())
    except json.JSONDecodeError as error:
        return SyntaxProblem(error.lineno, f"JSON: {error.msg}")
    except tomllib.TOMLDecodeError as error:
        _, _, place = str(error).rpartition("(at line ")
        line = place.partition(",")[0]
        return SyntaxProblem(int(line) if line.isdigit() else 0, f"TOML: {error}")
    except UnicodeDecodeError:
        return SyntaxProblem(0, "it is not UTF-8")
    except (RecursionError, ValueError):
        return None  # beyond what this parser takes, which says nothing of others
    return None


def _check_python(box: Sandbox, python: str, sources: Mapping[str, bytes]) -> dict[str, SyntaxProblem]:
    request = json.dumps([[path, base64.b64encode(data).decode()] for path, data in sources.items()])
    argv = (python, "-W", "ignore", "-E", "-s", "-S", "-c", _CHECK)
    # Started at the top of the file system, so that nothing in the tree stands in for a module.
    result = box.exec(argv, timeout=SECONDS, cwd="/", stdin=request.encode())
    try:
        found = json.loads(result.stdout) if result.ok else None
    except ValueError:
        found = None
    if isinstance(found, list) and len(found) == len(sources):
        pairs = zip(sources, found, strict=True)
        return {path: SyntaxProblem(int(what[0]), str(what[1])) for path, what in pairs if what}
    broken = (path for path, data in sources.items() if parse_python(data).has_error)
    return {path: SyntaxProblem(0, "it does not parse") for path in broken}

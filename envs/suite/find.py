"""Find out how a repository's own tests are run."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Protocol

from pydantic import Field

from envs.errors import SuiteUnusable
from envs.suite.command import RunnerCommand, read_command
from envs.suite.options import PytestConfig, fit, read_config, split_options
from envs.suite.probe import settle
from envs.values import Image, Suite
from sandbox.port import Sandbox
from sandbox.values import Value

SCOUT_SECONDS = 120.0
DEFAULT_PYTHON_FILES = re.compile(r"(test_.*|.*_test)\.py")
HINT = "Say how the tests are run with --test-command."


class HasBox(Protocol):
    """A workspace, as far as finding a suite needs one: the tree is in the work tree of its sandbox."""

    @property
    def box(self) -> Sandbox:
        """The open sandbox."""


class Findings(Value):
    """What `inside/scout.py` saw in the tree."""

    configs: Mapping[str, str] = Field(default_factory=dict)
    """Text by path, of files that may configure pytest."""
    tests: tuple[str, ...] = ()
    """Python files that define tests."""
    packages: tuple[str, ...] = ()
    """Folders with an `__init__.py`; the empty name is the tree itself."""
    entries: tuple[str, ...] = ()
    """Names at the top of the tree."""
    pytest: str = ""
    """Version; empty where it cannot be imported."""

    def is_path(self, word: str) -> bool:
        """True when a word of a command line names something in the tree."""
        return word.partition("::")[0].removeprefix("./").partition("/")[0] in self.entries


def find_suite(
    workspace: HasBox, image: Image, *, command: str | None, failing: Sequence[str], paths: Sequence[str]
) -> Suite:
    """Return how to run the tests of the tree in the workspace.

    Args:
        workspace: has the tree at its base.
        image: where its dependencies are.
        command: the user's own; of pytest and unittest the options are kept, as far as they fit, and any other is judged
            by its exit code. None: find out.
        failing: ids that the user named; they must exist, as far as a look at files can tell.
        paths: what to run when no tests are named; empty: what the command or the configuration says.

    Raises:
        SuiteUnusable: no runner or no tests found, an unknown test is named, or the runner does not start.
    """
    box = workspace.box
    parsed = read_command(command) if command else None
    if command and parsed is None:
        return Suite(kind="command", argv=("sh", "-c", command))
    findings = scout(box, image)
    _check_exist(box, failing)
    kind = parsed.kind if parsed else _choose(findings, failing)
    if kind == "pytest":
        if not findings.pytest:
            raise SuiteUnusable("pytest cannot be imported in the prepared environment.", hint="Add it with --setup.")
        return _pytest(box, image, findings, parsed, paths)
    return _unittest(image, findings, parsed, paths)


def scout(box: Sandbox, image: Image) -> Findings:
    """Look through the tree, from inside."""
    script = resources.files("envs.suite.inside").joinpath("scout.py").read_bytes()
    result = box.exec((image.python, "-"), timeout=SCOUT_SECONDS, stdin=script, max_bytes=64 << 20)
    try:
        found = json.loads(result.stdout.decode("ascii", "replace").rpartition("\n")[2])
    except ValueError:
        message = f"the interpreter {image.python} does not run: {(result.err or result.out).strip()[-500:]}"
        raise SuiteUnusable(message, hint="Choose another one with --python.") from None
    return Findings.model_validate(_utf8(found))


def _utf8(value: object) -> object:
    """Return the value without names that are not UTF-8: no test can be asked for by them."""
    if isinstance(value, list):
        return [item for item in value if not isinstance(item, str) or item.isprintable()]
    return {key: _utf8(item) for key, item in value.items()} if isinstance(value, dict) else value


def _choose(findings: Findings, failing: Sequence[str]) -> str:
    """Return the runner: pytest runs unittest's tests too, so it is taken wherever it can be."""
    if not findings.tests and not failing:
        raise SuiteUnusable("no tests were found in the repository.", hint=HINT)
    return "pytest" if findings.pytest else "unittest"


def _check_exist(box: Sandbox, failing: Sequence[str]) -> None:
    files = list(dict.fromkeys(test.partition("::")[0] for test in failing if ".py" in test))
    if files:
        script = 'for file; do [ -e "$file" ] || printf "%s\\n" "$file"; done'
        absent = box.exec(("sh", "-c", script, "sh", *files), timeout=SCOUT_SECONDS).out.splitlines()
        unknown = [test for test in failing if test.partition("::")[0] in absent]
        if unknown:
            raise SuiteUnusable(
                f"no such test: {', '.join(unknown)}", hint="Test ids are paths from the repository's root."
            )


def _pytest(
    box: Sandbox, image: Image, findings: Findings, parsed: RunnerCommand | None, paths: Sequence[str]
) -> Suite:
    given, named = split_options(parsed.arguments if parsed else (), findings.is_path)
    explicit = next((group[1] for group in given if group[0] in {"-c", "--config-file"} and len(group) == 2), None)
    config = read_config(findings.configs)
    folder = ""
    if config is None and explicit is None:
        folder = next(
            (f for f in sorted({_folder(c) for c in findings.configs} - {""}) if read_config(findings.configs, f)), ""
        )
        config = read_config(findings.configs, folder)
    wanted, _ = split_options(config.addopts if config else (), findings.is_path)
    options: list[tuple[str, ...]] = [
        ("-p", "no:cacheprovider"),
        ("-p", "no:randomly"),
        ("--rootdir=.",),
    ]
    if config and explicit is None and (not config.file.endswith(".toml") or findings.pytest.split(".")[0] >= "6"):
        # Without it pytest takes another file when the named tests lie in a folder that has one of its own.
        options.append(("-c", config.file))
    options.append(("--continue-on-collection-errors",))
    if not any(group[0].startswith("--tb") for group in (*wanted, *given)):
        options.append(("--tb=short",))
    options += _python_files(config, findings)
    kept = fit(wanted)
    if kept != wanted:
        options.append(("-o", "addopts="))
        options += kept
    options += fit(given)
    prefix = (*(("env", *parsed.env) if parsed and parsed.env else ()), image.python, *(parsed.flags if parsed else ()))
    argv = settle(box, (*prefix, "-m", "pytest"), options, wanted)
    return Suite(
        kind="pytest", argv=argv, paths=tuple(paths) or tuple(named) or ((folder.rstrip("/"),) if folder else ())
    )


def _folder(path: str) -> str:
    return path[: path.rfind("/") + 1]


def _python_files(config: PytestConfig | None, findings: Findings) -> list[tuple[str, ...]]:
    """Widen pytest's file patterns where the tests have other names and nobody told pytest."""
    names = [test.rpartition("/")[2] for test in findings.tests]
    if (config and config.python_files) or not names or any(DEFAULT_PYTHON_FILES.fullmatch(name) for name in names):
        return []
    return [("-o", f"python_files={' '.join(sorted(set(names)))}")]


def _unittest(image: Image, findings: Findings, parsed: RunnerCommand | None, paths: Sequence[str]) -> Suite:
    if parsed:
        prefix = (*(("env", *parsed.env) if parsed.env else ()), image.python, *parsed.flags)
        options, named = _unittest_options(parsed.arguments)
        return Suite(kind="unittest", argv=(*prefix, "-m", "unittest", *options), paths=tuple(paths) or tuple(named))
    options = ["discover"]
    files = [test for test in findings.tests if re.fullmatch(r"test.*\.py", test.rpartition("/")[2])]
    folders = sorted({test.partition("/")[0] for test in files if "/" in test})
    outside = [folder for folder in folders if folder not in findings.packages]
    if outside and not any("/" not in test for test in files):
        # Discovery from the top does not enter folders that are no packages.
        options += ["-s", outside[0]]
    return Suite(kind="unittest", argv=(image.python, "-m", "unittest", *options), paths=tuple(paths))


def _unittest_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return options and names; what follows `discover` are options, also where they have no dash."""
    if not arguments or arguments[0] == "discover":
        return [*(arguments or ("discover",))], []
    options: list[str] = []
    names: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in {"-k", "--durations"} and rest:
            options += [word, rest.pop(0)]
        elif word.startswith("-"):
            options.append(word)
        else:
            names.append(word)
    return options, names

"""How hidden tests are run: from the published script of a task, else from what is known of its project. Pure."""

import re
import shlex
from collections.abc import Sequence

from envs.datasets.values import Installation, Record
from envs.diff_names import is_unicode, unquoted
from envs.errors import PatchRejected
from envs.grading.values import Gold
from envs.values import Patch
from sandbox.values import Value

START, END, EXIT = ">>>>> Start Test Output", ">>>>> End Test Output", ">>>>> Test Exit Code"
"""Marks in official logs."""
_NO_TESTS = (".json", ".png", "csv", ".txt", ".md", ".jpg", ".jpeg", ".pkl", ".yml", ".yaml", ".toml")
_OURS = re.compile(
    r"#!|set -|source \S*activate|conda activate|cd /testbed$|git (config|status|show|checkout|apply|-c core\.fileMode)\b|: '>>>>>|EOF_"
)
"""Lines of a published script that are done in another way here."""
_INSTALL = re.compile(r"(python\S* -m )?pip3? install|python\S* setup\.py|make\b|pre-commit\b")
ACTIVATE = """\
if [ -f /opt/miniconda3/bin/activate ]; then source /opt/miniconda3/bin/activate && conda activate testbed
elif [ -f /testbed/.venv/bin/activate ]; then source /testbed/.venv/bin/activate
fi"""


class TestRun(Value):
    """How the hidden tests of a task are run."""

    __test__ = False

    setup: tuple[str, ...]
    """Shell commands before the tests, in the same shell; their failures do not matter."""
    command: str
    """Shell command; its exit code is that of the tests."""
    parser: str
    """Of the log."""
    whole: bool = False
    """The command puts the hidden tests in place itself: a published script of a shape that is not known."""

    def script(self) -> str:
        """The text for bash; standard error goes with standard output, as in official logs."""
        prepared = "\n".join(f"{{ {line}\n}} >/dev/null 2>&1" for line in (ACTIVATE, *self.setup))
        return f"exec 2>&1\n{prepared}\ncd /testbed\n{self.command}\n"


def test_run(record: Record, gold: Gold, known: Installation | None) -> TestRun:
    """Return how a task's hidden tests are run.

    Args:
        record: of the task.
        gold: its script, or else its tests.
        known: about the project; needed where no script is published.
    """
    known = known or Installation()
    parser = gold.log_parser or known.log_parser or "parse_log_pytest"
    if gold.eval_script:
        return _published(gold.eval_script, parser)
    command = known.test_command or "pytest -rA"
    return TestRun(setup=known.setup, command=f"{command} {' '.join(_targets(record, gold))}".strip(), parser=parser)


def touched(patch: Patch) -> tuple[str, ...]:
    """Return every path that a patch touches, old names too, in its order. Reads what is malformed as far as it goes."""
    found: list[str] = []
    for line in patch.diff.replace("\r\n", "\n").split("\n"):
        if match := re.match(r"diff --git a/(.*) b/(.*)$", line):
            found += match.groups()
        elif match := re.match(r'(?:--- |\+\+\+ |rename from |rename to )("(?:[^"\\]|\\.)*"|[^\t]+)', line):
            found += _named(match[1], whole=line.startswith("rename"))
        elif (
            line.startswith("diff --git ") and '"' in line
        ):  # git puts unusual names in quotes, and reads usual ones in them
            found += [path for name in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', line[11:]) for path in _named(name)]
    return tuple(path for path in dict.fromkeys(found) if is_unicode(path))


def _named(name: str, *, whole: bool = False) -> list[str]:
    """The path that a name in a diff stands for, without `a/` or `b/` but for a `whole` one; of what is no path nothing."""
    try:
        path = unquoted(name)
    except PatchRejected:
        return []
    return [path] if whole else [path[2:]] if path.startswith(("a/", "b/")) else []


def _published(script: str, parser: str) -> TestRun:
    lines = script.strip("\n").split("\n")
    marks = [[i for i, line in enumerate(lines) if mark in line] for mark in (START, END)]
    if not all(len(found) == 1 for found in marks):
        return TestRun(setup=(), command=script, parser=parser, whole=True)
    (start,), (end,) = marks
    setup = [line for line in _without_documents(lines[:start]) if line.strip() and not _OURS.match(line.strip())]
    return TestRun(
        setup=tuple(line for line in setup if not _INSTALL.match(line.strip())),
        command="\n".join(lines[start + 1 : end]),
        parser=parser,
    )


def _without_documents(lines: Sequence[str]) -> list[str]:
    """Leave out here-documents with the commands that read them."""
    kept: list[str] = []
    until = None
    for line in lines:
        if until is not None:
            until = None if line == until else until
        elif match := re.search(r"<<-?\s*['\"]?(\w+)['\"]?", line):
            until = match[1]
        else:
            kept.append(line)
    return kept


def _targets(record: Record, gold: Gold) -> list[str]:
    """The files that the test patch touches, else those of the listed tests."""
    files = [path for path in touched(gold.test_patch) if not path.endswith(_NO_TESTS)]
    if not files:
        files = [test.partition("::")[0] for test in (*gold.fail_to_pass, *gold.pass_to_pass) if "::" in test]
    if record.repository == "django/django":
        files = [path.removesuffix(".py").removeprefix("tests/").replace("/", ".") for path in files]
    return [shlex.quote(path) for path in dict.fromkeys(files)]

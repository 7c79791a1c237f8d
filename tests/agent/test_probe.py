from typing import Any

import pytest

from agent.probe import Probe, run_probe
from agent.tools.values import ToolLimits
from tests.agent.conftest import FILES

LIMITS = ToolLimits(command_s=2, tests_s=20, observation_bytes=1000)
SCRIPT = "import sys\nfrom pkg.core import Box\nprint('size', Box().size())\nsys.exit(2 if Box().size() != 2 else 0)\n"
TEST = "from pkg.core import Box\n\ndef test_size():\n    assert Box().size() == 2\n"


def script(content: str) -> Probe:
    return Probe(kind="script", path=".winnow/probe.py", content=content)


def run(bench: Any, probe: Probe) -> Any:
    return run_probe(bench.workspace, probe, bench.brief, LIMITS)


def test_a_script_on_both_trees(any_bench: Any) -> None:
    before = run(any_bench, script(SCRIPT))
    assert (before.verdict, before.exit_code, before.output) == ("present", 2, "size 1")
    any_bench.replace("pkg/core.py", "return 1", "return 2")
    assert run(any_bench, script(SCRIPT)).verdict == "fixed"


@pytest.mark.parametrize(
    ("content", "verdict", "exit_code", "output"),
    [
        ("import not_there", "broken", 1, "ModuleNotFoundError"),
        ("def f(:", "broken", 1, "SyntaxError"),
        ("import sys; print('half', flush=True); sys.exit(3)", "broken", 3, "half"),
        ("import os; os.kill(os.getpid(), 9)", "broken", -9, ""),
        ("import time; print('begun', flush=True); time.sleep(60)", "timed_out", None, "begun"),
        ("import sys; print('x' * 100000); sys.exit(2)", "present", 2, "bytes"),
    ],
)
def test_what_a_script_can_do(bench: Any, content: str, verdict: str, exit_code: int | None, output: str) -> None:
    result = run(bench, script(content))
    assert (result.verdict, result.exit_code) == (verdict, exit_code)
    assert output in result.output
    assert len(result.output.encode()) <= 1000
    assert result.seconds < 10


def test_a_test_file_on_both_trees(bench: Any) -> None:
    probe = Probe(kind="test", path="tests/test_probe.py", content=TEST)
    before = run(bench, probe)
    assert before.verdict == "present"
    assert "assert 1 == 2" in before.output
    assert bench.diff() == ""
    bench.replace("pkg/core.py", "return 1", "return 2")
    assert run(bench, probe).verdict == "fixed"


@pytest.mark.parametrize(
    "content",
    [
        "import not_there",
        "def f(): pass",
        "import pytest\n@pytest.mark.skip\ndef test_a(): pass",
        "def test_a(missing): pass",
    ],
)
def test_a_test_file_that_shows_nothing(bench: Any, content: str) -> None:
    assert run(bench, Probe(kind="test", path="tests/test_probe.py", content=content)).verdict == "broken"


def test_the_tree_stays_as_it_was(bench: Any) -> None:
    bench.workspace.write("tests/test_probe.py", b"# mine\n")
    run(bench, Probe(kind="test", path="tests/test_probe.py", content=TEST))
    assert bench.read("tests/test_probe.py") == b"# mine\n"
    bench.call("shell", command="chmod 755 tests/test_core.py; git add -A; rm tests/test_probe.py")
    before = bench.diff()
    assert run(bench, Probe(kind="test", path="tests/test_core.py", content=TEST)).verdict == "present"
    assert bench.diff() == before
    assert run(bench, Probe(kind="test", path="pkg", content=TEST)).verdict == "broken"


def test_a_command_cannot_run_a_test_file(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, kind_of_suite="command")
    result = run(bench, Probe(kind="test", path="tests/test_probe.py", content=TEST))
    assert result.verdict == "broken"
    assert "as a script" in result.output


@pytest.mark.parametrize(
    ("kind", "test"), [("pytest", "tests/test_core.py::test_two"), ("unittest", "tests.test_core.TestIt.test_two")]
)
def test_a_test_added_to_a_file_of_the_repository(open_bench: Any, confined: str, kind: str, test: str) -> None:
    """The other tests of the file say nothing; the file goes along to trees that do not have it."""
    files = {
        "pkg/__init__.py": b"",
        "pkg/core.py": FILES["pkg/core.py"],
        "tests/__init__.py": b"",
        "tests/test_core.py": b"import unittest\nfrom pkg.core import Box\n\n\nclass TestIt(unittest.TestCase):\n    def test_one(self):\n"
        b"        assert Box().size() == 1\n",
    }
    bench = open_bench(confined, files, kind_of_suite=kind)
    new = "\n    def test_two(self):\n        assert Box().size() == 2\n"
    if kind == "pytest":
        new = "\n\ndef test_two():\n    assert Box().size() == 2\n"
    bench.replace(
        "tests/test_core.py", "        assert Box().size() == 1\n", f"        assert Box().size() == 1\n{new}"
    )
    done = bench.call("write_probe", test=test)
    assert done.ok, done.text
    probe = Probe.model_validate(done.data["probe"])
    assert (probe.kind, probe.path, probe.test) == ("test", "tests/test_core.py", test)
    assert run(bench, probe).verdict == "present"
    bench.workspace.reset()
    assert run(bench, probe).verdict == "present", "on base, which does not have it"
    assert bench.diff() == ""
    bench.replace("pkg/core.py", "return 1", "return 2")
    assert run(bench, probe).verdict == "fixed", "although test_one fails now"


def test_a_test_that_is_not_there_is_no_probe(bench: Any) -> None:
    for wrong in ({"test": "tests/test_nowhere.py::test_a"}, {"test": "/etc/hostname::test_a"}, {"test": "../a.py::t"}):
        assert not bench.call("write_probe", **wrong).ok
    assert not bench.call("write_probe", test="tests/test_core.py::test_size", content=TEST).ok
    known = bench.call("write_probe", test="tests/test_core.py::test_unknown")
    assert run(bench, Probe.model_validate(known.data["probe"])).verdict == "broken"

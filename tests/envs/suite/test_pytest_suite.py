"""pytest suites, really run."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest

from envs.errors import SuiteUnusable
from envs.suite import find_suite, run_suite
from envs.values import Image, Outcome, SuiteReport
from sandbox.port import Sandbox

Tree = Callable[[Mapping[str, str]], SimpleNamespace]

EVERYTHING = r"""
import os, unittest
import pytest

def test_ok(): pass
def test_bad(): assert 1 == 2, "what went wrong"
@pytest.mark.parametrize("x", ["a::b", "[x]", "é\n", "a/b", " ", "\x00", "-k"])
def test_odd(x): pass
@pytest.fixture
def broken(): raise ValueError
def test_setup(broken): pass
@pytest.fixture
def breaking():
    yield
    raise ValueError
def test_teardown(breaking): pass
@pytest.mark.xfail
def test_xfail(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_xpass_strict(): pass
@pytest.mark.skip
def test_skip(): pass
class TestClass(unittest.TestCase):
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i):
                self.assertNotEqual(i, 1)
    def test_fine(self):
        with self.subTest(i=0):
            self.skipTest("only this part")
def test_subtests(subtests):
    with subtests.test("a"):
        assert 0
def test_fork():
    if os.fork() == 0:
        raise RuntimeError("in the child")
    os.wait()
def test_exits():
    raise SystemExit(0)
"""


def run(tree: Tree, image: Image, files: Mapping[str, str], *tests: str, command: str | None = None) -> SuiteReport:
    workspace = tree(files)
    suite = find_suite(workspace, image, command=command, failing=(), paths=())
    return run_suite(workspace.box, suite, tests, timeout_s=60)


def test_every_kind_of_outcome(tree: Tree, image: Image) -> None:
    report = run(
        tree,
        image,
        {
            "tests/test_all.py": EVERYTHING,
            "tests/test_import.py": "import not_there",
            "tests/test_skip.py": "import pytest\npytest.importorskip('nope')",
        },
    )
    assert report.status == "ran", report.log_tail
    outcomes = {name.removeprefix("tests/test_all.py::"): outcome.value for name, outcome in report.outcomes.items()}
    assert {name: value for name, value in outcomes.items() if value != "passed"} == {
        "tests/test_import.py": "error",
        "tests/test_skip.py": "skipped",
        "test_bad": "failed",
        "test_setup": "error",
        "test_teardown": "error",
        "test_xfail": "xfailed",
        "test_xpass_strict": "failed",
        "test_skip": "skipped",
        "TestClass::test_sub": "failed",
        "test_subtests": "failed",
        "test_exits": "failed",
    }
    assert {"test_ok", "test_xpass", "test_fork", "test_odd[a::b]", "test_odd[[x]]", "TestClass::test_fine"} < set(
        outcomes
    )
    assert "what went wrong" in report.messages["tests/test_all.py::test_bad"]
    assert report.durations["tests/test_all.py::test_ok"] < 1
    assert (report.exit_code, report.cpu_seconds > 0) == (1, True)


def test_selected_tests_run_and_nothing_else(tree: Tree, image: Image) -> None:
    workspace = tree(
        {
            "tests/test_all.py": EVERYTHING,
            "tests/test_import.py": "import not_there",
            "test_top.py": "def test_t(): pass",
        }
    )
    suite = find_suite(workspace, image, command=None, failing=(), paths=())
    odd = [f"tests/test_all.py::test_odd[{value}]" for value in ("a::b", "[x]", r"\xe9\n", " ", "-k")]
    assert list(run_suite(workspace.box, suite, odd).outcomes) == odd
    assert len(run_suite(workspace.box, suite, ["tests/test_all.py::test_odd"]).outcomes) == 7
    report = run_suite(
        workspace.box, suite, ["tests/test_all.py::TestClass", "test_top.py", "tests/test_import.py::test_z"]
    )
    assert {name: outcome.value for name, outcome in report.outcomes.items()} == {
        "tests/test_import.py": "error",
        "tests/test_all.py::TestClass::test_sub": "failed",
        "tests/test_all.py::TestClass::test_fine": "passed",
        "test_top.py::test_t": "passed",
    }
    for unknown in ("tests/test_all.py::test_no", "tests/no.py::test_ok"):
        report = run_suite(workspace.box, suite, [odd[0], unknown])
        assert (report.status, unknown in report.log_tail, dict(report.outcomes)) == ("unusable", True, {})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("os._exit(0)", "crashed"),
        ("pytest.exit('x', returncode=0)", "crashed"),
        ("os.kill(os.getpid(), 9)", "crashed"),
        ("time.sleep(60)", "timed_out"),
    ],
)
def test_a_test_that_ends_the_runner_is_no_pass(tree: Tree, image: Image, body: str, status: str) -> None:
    workspace = tree(
        {"test_x.py": f"import os, time, pytest\ndef test_a(): pass\ndef test_b(): {body}\ndef test_c(): pass"}
    )
    suite = find_suite(workspace, image, command=None, failing=(), paths=())
    report = run_suite(workspace.box, suite, timeout_s=5)
    assert (report.status, dict(report.outcomes)) == (status, {"test_x.py::test_a": Outcome.PASSED})
    assert "test_x.py::test_b" in report.log_tail


def test_a_test_that_hangs_fails_alone(tree: Tree, image: Image) -> None:
    body = "import time\ndef test_a():\n  try: time.sleep(60)\n  except Exception: pass\ndef test_b(): pass"
    workspace = tree({"test_x.py": body})
    suite = find_suite(workspace, image, command=None, failing=(), paths=()).model_copy(update={"test_timeout_s": 1})
    report = run_suite(workspace.box, suite)
    assert (report.status, [outcome.value for outcome in report.outcomes.values()]) == ("ran", ["failed", "passed"])
    assert "took too long" in report.messages["test_x.py::test_a"]


def test_options_for_plugins_that_are_not_there_are_left_out_and_the_others_kept(tree: Tree, image: Image) -> None:
    addopts = "--cov=a --cov-report term -n 4 -x --nope -p nope.plugin -m 'not slow' --strict-config"
    config = f"[pytest]\nrequired_plugins = pytest-nope\nmarkers = slow\naddopts = {addopts}\nnope_key = 1\n"
    tests = "import pytest\ndef test_a(): assert 0\n@pytest.mark.slow\ndef test_b(): pass\ndef test_c(): pass\n"
    report = run(tree, image, {"pytest.ini": config, "test_x.py": tests})
    assert report.status == "ran", report.log_tail
    assert {name: outcome.value for name, outcome in report.outcomes.items()} == {
        "test_x.py::test_a": "failed",
        "test_x.py::test_c": "passed",
    }


def test_the_users_command_keeps_its_options(tree: Tree, image: Image) -> None:
    files = {
        "a/test_a.py": "import os\ndef test_env(): assert os.environ['FOO'] == 'bar'\ndef test_not(): assert 0",
        "b/test_b.py": "def test_b(): assert 0",
    }
    report = run(tree, image, files, command="FOO=bar poetry run pytest -x -q --cov=a a -k env")
    assert {name: outcome.value for name, outcome in report.outcomes.items()} == {"a/test_a.py::test_env": "passed"}


def test_nothing_is_left_behind(tree: Tree, image: Image) -> None:
    workspace = tree({"test_x.py": "def test_a(): pass"})
    run_suite(workspace.box, find_suite(workspace, image, command=None, failing=(), paths=()))
    left = workspace.box.exec(("sh", "-c", 'find . "$TMPDIR" -type f'), timeout=5)
    assert left.out.split() == ["./test_x.py"]


def test_odd_file_names_are_found(tree: Tree, image: Image) -> None:
    report = run(
        tree,
        image,
        {
            "proj/tests.py": "import unittest\nclass T(unittest.TestCase):\n  def test_a(self): pass",
            "proj/__init__.py": "",
        },
    )
    assert list(report.outcomes) == ["proj/tests.py::T::test_a"]


def test_a_configuration_below_the_tree_counts_for_all_runs(tree: Tree, image: Image) -> None:
    files = {
        "tests/pytest.ini": "[pytest]\npython_functions = check_*\n",
        "tests/test_x.py": "def check_a(): pass\ndef test_b(): pass",
    }
    workspace = tree(files)
    suite = find_suite(workspace, image, command=None, failing=(), paths=())
    for selection in ((), ("tests/test_x.py",)):
        assert list(run_suite(workspace.box, suite, selection).outcomes) == ["tests/test_x.py::check_a"]


@pytest.mark.parametrize(
    ("files", "options", "words"),
    [
        ({"README": ""}, {}, "no tests"),
        ({"test_a.py": "def test_a(): pass"}, {"failing": ["test_b.py::test_b"]}, "test_b.py::test_b"),
        ({"conftest.py": "import not_there", "test_a.py": "def test_a(): pass"}, {}, "not_there"),
    ],
)
def test_what_cannot_run_says_why(
    tree: Tree, image: Image, files: dict[str, str], options: dict[str, list[str]], words: str
) -> None:
    with pytest.raises(SuiteUnusable, match=words) as caught:
        find_suite(tree(files), image, **{"command": None, "failing": (), "paths": (), **options})
    assert caught.value.hint


def test_an_interpreter_that_does_not_run(box: Sandbox, image: Image) -> None:
    with pytest.raises(SuiteUnusable, match="nopython"):
        find_suite(
            SimpleNamespace(box=box),
            image.model_copy(update={"python": "nopython"}),
            command=None,
            failing=(),
            paths=(),
        )

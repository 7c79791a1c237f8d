"""unittest suites and plain commands, really run."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest

from envs.suite import find_suite, run_suite
from envs.values import Image, Outcome

Tree = Callable[[Mapping[str, str]], SimpleNamespace]

FILES = {
    "tests/__init__.py": "",
    "tests/test_all.py": """
import doctest, unittest
class T(unittest.TestCase):
    def test_ok(self): pass
    def test_bad(self): self.assertEqual(1, 2)
    def test_error(self): raise ValueError("boom")
    @unittest.skip("x")
    def test_skip(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
    def test_exits(self): raise SystemExit(0)
class Broken(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise ValueError("no class")
    def test_a(self): pass
    def test_b(self): pass
class Skipped(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("no class")
    def test_a(self): pass
def doc():
    '''
    >>> 1 + 1
    2
    '''
def load_tests(loader, tests, pattern):
    tests.addTests(doctest.DocTestSuite("tests.test_all"))
    return tests
""",
    "tests/test_import.py": "import not_there",
    "tests/test_skip.py": "import unittest\nraise unittest.SkipTest('x')",
}
COMMAND = "python -m unittest discover"


def values(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    return {name: outcome.value for name, outcome in outcomes.items()}


def test_every_kind_of_outcome(tree: Tree, image: Image) -> None:
    workspace = tree(FILES)
    report = run_suite(workspace.box, find_suite(workspace, image, command=COMMAND, failing=(), paths=()))
    assert report.status == "ran", report.log_tail
    assert values(report.outcomes) == {
        "tests.test_all.T.test_ok": "passed",
        "tests.test_all.T.test_bad": "failed",
        "tests.test_all.T.test_error": "error",
        "tests.test_all.T.test_skip": "skipped",
        "tests.test_all.T.test_expected": "xfailed",
        "tests.test_all.T.test_unexpected": "failed",
        "tests.test_all.T.test_sub": "failed",
        "tests.test_all.T.test_exits": "error",
        "tests.test_all.Broken.test_a": "error",
        "tests.test_all.Broken.test_b": "error",
        "tests.test_all.Skipped.test_a": "skipped",
        "tests.test_all.doc": "passed",
        "tests.test_import": "error",
        "tests.test_skip": "skipped",
    }
    assert "boom" in report.messages["tests.test_all.T.test_error"]


def test_selected_tests(tree: Tree, image: Image) -> None:
    workspace = tree(FILES)
    suite = find_suite(workspace, image, command=COMMAND, failing=(), paths=())

    def run(*tests: str) -> dict[str, str]:
        return values(run_suite(workspace.box, suite, tests).outcomes)

    assert run("tests.test_all.T.test_ok") == {"tests.test_all.T.test_ok": "passed"}
    assert run("tests/test_all.py::T::test_ok") == {"tests.test_all.T.test_ok": "passed"}
    assert len(run("tests/test_all.py")) == 12
    assert run("tests.test_all.doc", "tests.test_import.T.test_x") == {
        "tests.test_all.doc": "passed",
        "tests.test_import": "error",
    }
    report = run_suite(workspace.box, suite, ["tests.test_all.T.test_ok", "tests.test_all.T.test_no"])
    assert (report.status, "tests.test_all.T.test_no" in report.log_tail, dict(report.outcomes)) == (
        "unusable",
        True,
        {},
    )


@pytest.mark.parametrize(
    "command", ["python -m unittest discover -s tests -p 'check*.py'", "python -m unittest tests.check_x"]
)
def test_ways_to_say_it(tree: Tree, image: Image, command: str) -> None:
    workspace = tree(
        {
            "tests/__init__.py": "",
            "tests/check_x.py": "import unittest\nclass T(unittest.TestCase):\n def test_a(self): pass",
        }
    )
    report = run_suite(workspace.box, find_suite(workspace, image, command=command, failing=(), paths=()))
    assert (report.status, [name.rpartition("check_x.")[2] for name in report.outcomes]) == ("ran", ["T.test_a"])


def test_a_test_that_ends_the_interpreter_is_no_pass(tree: Tree, image: Image) -> None:
    body = "import os, unittest\nclass T(unittest.TestCase):\n def test_a(self): pass\n def test_b(self): os._exit(0)"
    workspace = tree({"test_x.py": body})
    report = run_suite(workspace.box, find_suite(workspace, image, command=COMMAND, failing=(), paths=()))
    assert (report.status, values(report.outcomes)) == ("crashed", {"test_x.T.test_a": "passed"})


def test_a_test_that_hangs_fails_alone(tree: Tree, image: Image) -> None:
    body = (
        "import time, unittest\nclass T(unittest.TestCase):\n def test_a(self): time.sleep(60)\n def test_b(self): pass"
    )
    workspace = tree({"test_x.py": body})
    suite = find_suite(workspace, image, command=COMMAND, failing=(), paths=())
    report = run_suite(workspace.box, suite.model_copy(update={"test_timeout_s": 1}))
    assert (report.status, list(values(report.outcomes).values())) == ("ran", ["error", "passed"])


def test_no_tests_at_all(tree: Tree, image: Image) -> None:
    workspace = tree({"README": ""})
    assert (
        run_suite(workspace.box, find_suite(workspace, image, command=COMMAND, failing=(), paths=())).status
        == "nothing_collected"
    )


def test_commands(tree: Tree, image: Image) -> None:
    workspace = tree({"check.sh": "grep -q fine state", "state": "fine"})
    suite = find_suite(workspace, image, command="cd . && sh check.sh", failing=(), paths=())
    assert values(run_suite(workspace.box, suite).outcomes) == {"command": "passed"}
    workspace.box.write("state", b"bad")
    assert values(run_suite(workspace.box, suite).outcomes) == {"command": "failed"}
    absent = find_suite(workspace, image, command="not-there --x", failing=(), paths=())
    assert run_suite(workspace.box, absent).status == "unusable"

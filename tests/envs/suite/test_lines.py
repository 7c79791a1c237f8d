"""Commands that name tests and print what each did."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest

from envs.suite import run_suite
from envs.suite.lines import read_outcomes
from envs.values import Outcome, Suite
from sandbox.port import Sandbox

Tree = Callable[[Mapping[str, str]], SimpleNamespace]

VERBOSE = """
test_ok (pkg.test_x.X) ... ok
test_new_python (pkg.test_x.X.test_new_python) ... ok
test_bad (pkg.test_x.X) ... FAIL
test_broken (pkg.test_x.X)
What it is about. ... ERROR
test_skip (pkg.test_x.X) ... skipped 'why ... ok'
test_x (pkg.test_x.X) ... expected failure
test_noisy (pkg.test_x.X) ... something is printed
and more
ok
test_torn (pkg.test_x.X) ... torn
test_cut (pkg.test_x.X) ...
======
FAIL: test_torn (pkg.test_x.X)
tests/test_y.py::test_a[x y] PASSED   [ 50%]
tests/test_y.py::test_b FAILED
"""


def test_verbose_lines() -> None:
    found = {test.removeprefix("pkg.test_x.X."): outcome.value for test, outcome in read_outcomes(VERBOSE).items()}
    assert found == {
        "test_ok": "passed",
        "test_new_python": "passed",
        "test_bad": "failed",
        "test_broken": "error",
        "test_skip": "skipped",
        "test_x": "xfailed",
        "test_noisy": "passed",
        "test_torn": "failed",
        "tests/test_y.py::test_a[x y]": "passed",
        "tests/test_y.py::test_b": "failed",
    }
    assert read_outcomes("all is well, ok\n") == {}


TESTS = """import unittest


class A(unittest.TestCase):
    def test_a(self):
        pass

    def test_b(self):
        self.fail()
"""


@pytest.mark.parametrize("place", ["{modules}", "{tests}"])
def test_a_command_is_told_which_tests_and_is_read_test_by_test(tree: Tree, box: Sandbox, place: str) -> None:
    tree({"suite/pkg/__init__.py": "", "suite/pkg/test_a.py": TESTS, "suite/pkg/test_c.py": TESTS})
    command = (
        "cd suite && python3 -m unittest -v {modules}" if place == "{modules}" else "python3 -m unittest -v {tests}"
    )
    suite = Suite(kind="command", argv=("sh", "-c", command))
    report = run_suite(box, suite, ["suite/pkg/test_a.py"])
    assert report.status == "ran"
    prefix = "pkg." if place == "{modules}" else "suite.pkg."
    assert dict(report.outcomes) == {
        f"{prefix}test_a.A.test_a": Outcome.PASSED,
        f"{prefix}test_a.A.test_b": Outcome.FAILED,
    }
    if place == "{modules}":
        alone = run_suite(box, suite, ["pkg.test_c.A.test_a"])
        assert (alone.status, list(alone.outcomes)) == ("ran", ["pkg.test_c.A.test_a"])


def test_more_tests_than_one_command_can_name_run_in_turns(tree: Tree, box: Sandbox) -> None:
    # Linux refuses an argument of 131,072 bytes; the names below have 270,000.
    printer = 'for name; do echo "test ($name) ... ok"; done; case $* in *n01999*) exit 1;; esac'
    tree({"runner.sh": printer})
    names = [f"n{at:05}{'x' * 80}.{'y' * 45}" for at in range(2000)]
    suite = Suite(kind="command", argv=("sh", "-c", "sh runner.sh {modules}"))
    report = run_suite(box, suite, names[:-1])
    assert (report.status, len(report.outcomes), report.seconds > 0) == ("ran", 1999, True)
    assert list(report.outcomes) == [f"{name}.test" for name in names[:-1]]
    # The last batch ends in a way that its outcomes do not explain.
    report = run_suite(box, suite, names)
    assert (report.status, report.exit_code, len(report.outcomes)) == ("crashed", 1, 2000)


def test_turns_share_the_time(tree: Tree, box: Sandbox) -> None:
    tree({"runner.sh": 'sleep 2; for name; do echo "test ($name) ... ok"; done'})
    suite = Suite(kind="command", argv=("sh", "-c", "sh runner.sh {tests}"))
    report = run_suite(box, suite, [f"n{at:05}{'x' * 130}" for at in range(2400)], timeout_s=5)
    assert report.status == "timed_out"
    assert 0 < len(report.outcomes) < 2400


def test_a_command_without_a_place_is_judged_by_its_end(box: Sandbox) -> None:
    suite = Suite(kind="command", argv=("sh", "-c", "echo 'test_x (a.B) ... ok'"))
    assert dict(run_suite(box, suite, ["anything"]).outcomes) == {"command": Outcome.PASSED}


def test_names_of_tests_that_are_not_there_are_passed_over_when_asked(tree: Tree, box: Sandbox) -> None:
    import sys

    tree({"test_p.py": "def test_p(): pass\n", "helpers.py": "", "test_u.py": TESTS})
    names = ["test_p.py", "helpers.py", "test_none.py", "test_p.py::test_gone"]
    pytest_suite = Suite(kind="pytest", argv=(sys.executable, "-m", "pytest"))
    assert run_suite(box, pytest_suite, names).status == "unusable"
    found = run_suite(box, pytest_suite, names, lenient=True)
    assert (found.status, list(found.outcomes)) == ("ran", ["test_p.py::test_p"])
    assert run_suite(box, pytest_suite, ["test_none.py"], lenient=True).status == "nothing_collected"
    unittest_suite = Suite(kind="unittest", argv=(sys.executable, "-m", "unittest", "discover"))
    found = run_suite(box, unittest_suite, ["test_u.py", "test_none.py"], lenient=True)
    assert (found.status, len(found.outcomes)) == ("ran", 2)

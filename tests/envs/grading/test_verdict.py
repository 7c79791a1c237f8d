"""What logs and exit codes come to."""

import pytest

from envs.grading.parsers import Reading, read_by_own, read_log
from envs.grading.values import Gold
from envs.grading.verdict import Verdict, judge
from envs.values import Patch

GOLD = Gold(
    task_id="t", patch=Patch(diff="x"), test_patch=Patch(diff="x"), fail_to_pass=("t.py::a",), pass_to_pass=("t.py::b",)
)
END = "=== 2 passed in 0.1s ==="
RIGHT = f"PASSED t.py::a\nPASSED t.py::b\n{END}"


def said(
    log: str, code: int | None = 0, *, gold: Gold = GOLD, parser: str = "parse_log_pytest", clipped: bool = False
) -> Verdict:
    return judge(gold, read_log(parser, log), parser=parser, log=log, exit_code=code, clipped=clipped)


@pytest.mark.parametrize(
    ("log", "code", "status"),
    [
        (RIGHT, 0, "resolved"),
        ("", 0, "unknown"),
        ("nothing of use", 0, "unknown"),
        (RIGHT, None, "unknown"),
        (RIGHT, -9, "unknown"),
        (RIGHT, 1, "unknown"),  # nothing failed, and yet
        (f"FAILED t.py::other - boo\n{RIGHT}", 1, "resolved"),  # what fails is not listed
        (RIGHT.removesuffix(END), 0, "unknown"),  # printed by the patch, which ended the runner
        (f"FAILED t.py::a - x\n{RIGHT}", 1, "unresolved"),  # says both
        (f"FAILED t.py::a - x\nPASSED t.py::b\n{END}", 1, "unresolved"),
        (f"PASSED t.py::b\n{END}", 0, "unresolved"),  # a missing test has failed
        (f"SKIPPED t.py::a\nPASSED t.py::b\n{END}", 0, "unresolved"),  # nothing is repaired by skipping it
        (f"PASSED t.py::a\nSKIPPED t.py::b\n{END}", 0, "resolved"),  # but what passed may be skipped
        (f"XFAIL t.py::a\nPASSED t.py::b\n{END}", 0, "resolved"),
        (f"ERROR t.py::a\nPASSED t.py::b\n{END}", 1, "unresolved"),
    ],
)
def test_a_patch_is_right_only_when_all_agrees(log: str, code: int | None, status: str) -> None:
    assert said(log, code).status == status, said(log, code).reason


def test_a_clipped_log_without_a_listed_test_says_nothing() -> None:
    assert said(f"PASSED t.py::b\n{END}", clipped=True).status == "unknown"


def test_ids_that_were_cut_off_match_what_begins_so() -> None:
    gold = GOLD.model_copy(update={"fail_to_pass": ("t.py::a[log(photon",)})
    assert said(f"PASSED t.py::a[log(photon /x)]\nPASSED t.py::b\n{END}", gold=gold).status == "resolved"
    both = f"PASSED t.py::a[log(photon1]\nFAILED t.py::a[log(photon2]\nPASSED t.py::b\n{END}"
    assert said(both, 1, gold=gold).status == "unresolved"


def test_lists_of_failures_alone() -> None:
    gold = GOLD.model_copy(update={"fail_only": True})
    assert said(END, gold=gold).status == "resolved"
    assert said("", gold=gold).status == "unknown"
    assert said(f"FAILED t.py::b\n{END}", 1, gold=gold).status == "unresolved"


LOGS = {
    "parse_log_pytest": "PASSED a.py::x\nFAILED a.py::y - AssertionError: 1 - 2\nSKIPPED [2] a.py:3: why\nERROR a.py\nPASSED\n",
    "parse_log_requests": "PASSED a.py::x[/home/me/file]\nPASSED a.py::x[//net]\nFAILED a.py::y[1] - no\n",
    "parse_log_astropy": "\x1b[32mPASSED\x1b[0m a.py::x[a b]\na.py::y PASSED\nFAILED a.py::z - x - y\nSKIPPED [1] a.py:1: z\n",
    "parse_log_matplotlib": "PASSED a.py::x[MouseButton.LEFT]\nPASSED a.py::x[MouseButton.RIGHT]\n",
    "parse_log_seaborn": "a.py::x PASSED [1%]\nPASSED a.py::y\nFAILED a.py::z - no\nx PASSED\n",
    "parse_log_sympy": "test_a ok\ntest_b F\ntest_c E\n________ sympy/a.py:test_b ________\n tests finished: 1 passed\n",
    "parse_log_django": "test_a (m.T) ... ok\ntest_b (m.T) ... FAIL\ntest_c (m.T) ... skipped 'why'\ntest_d (m.T) ... ERROR\n"
    "test_e (m.T) ... Testing against Django installed in x silenced).\nok\nFAIL: test_b (m.T)\nERROR: test_d (m.T)\nFAIL:\n"
    "test_f (m.T) ...  OK\nRan 5 tests in 0.1s\n",
}  # fmt: skip


@pytest.mark.parametrize("parser", LOGS)
def test_own_parsers_read_what_the_package_reads(parser: str) -> None:
    registry = pytest.importorskip("swebench.harness.log_parsers").PARSER_REGISTRY
    log = LOGS[parser].replace("FAIL:\n", "")  # which it cannot read
    assert read_by_own(parser, log) == registry[parser](log, None)


def test_own_parsers() -> None:
    assert read_by_own("parse_log_pytest", LOGS["parse_log_pytest"]) == {
        "a.py::x": "PASSED",
        "a.py::y": "FAILED",
        "a.py": "ERROR",
    }
    assert read_by_own("parse_log_sympy", LOGS["parse_log_sympy"])["test_c"] == "ERROR"
    django = read_by_own("parse_log_django", LOGS["parse_log_django"])
    assert (django["test_a (m.T)"], django["test_b (m.T)"], django["test_c (m.T)"]) == ("PASSED", "FAILED", "SKIPPED")
    assert (django["test_e (m.T)"], django["test_f (m.T)"]) == ("PASSED", "PASSED")
    assert read_by_own("parse_log_requests", LOGS["parse_log_requests"])["a.py::x[/file]"] == "PASSED"
    assert read_by_own("r2e", "PASSED r2e_tests/test_1.py::T::a") == {"T.a": "PASSED"}


def test_a_reading_keeps_what_was_said_before() -> None:
    reading: Reading = read_log("parse_log_pytest", "FAILED t::a - x\nPASSED t::a")
    assert reading.statuses == {"t::a": "PASSED"}
    assert reading.seen == (("t::a", "FAILED"), ("t::a", "PASSED"))


def test_a_task_that_lists_no_test_has_no_right_patch() -> None:
    assert said(RIGHT, gold=GOLD.model_copy(update={"fail_to_pass": (), "pass_to_pass": ()})).status == "unknown"

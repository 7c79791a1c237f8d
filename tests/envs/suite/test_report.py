"""A report must never say more than the runner proved."""

import json

import pytest

from envs.suite.compare import compare
from envs.suite.report import command_report, read_report
from envs.values import Outcome, SuiteReport
from sandbox.values import ExecResult


def lines(*events: dict[str, object]) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def passed(name: str) -> dict[str, object]:
    return {"event": "test", "id": name, "outcome": "passed", "seconds": 0.5}


END = {"event": "end", "exit": 0, "complete": True}


@pytest.mark.parametrize(
    ("events", "result", "status"),
    [
        ([passed("a"), END], {"exit_code": 0}, "ran"),
        ([passed("a")], {"exit_code": 0}, "crashed"),
        ([passed("a"), END], {"exit_code": 1}, "crashed"),
        ([passed("a"), {**END, "complete": False}], {"exit_code": 0}, "crashed"),
        ([{"event": "test", "id": "a", "outcome": "failed"}, END], {"exit_code": 0}, "crashed"),
        ([passed("a"), {**END, "exit": 1}], {"exit_code": 1}, "crashed"),
        ([passed("a")], {"exit_code": -9}, "crashed"),
        ([passed("a")], {"exit_code": None, "timed_out": True}, "timed_out"),
        ([{**END, "exit": 5}], {"exit_code": 5}, "nothing_collected"),
        ([{**END, "exit": 4}], {"exit_code": 4}, "unusable"),
        ([{**END}], {"exit_code": 0}, "crashed"),
        ([], {"exit_code": 127}, "unusable"),
        ([], {"exit_code": 0}, "crashed"),
        ([{"event": "unknown", "ids": ["x"]}], {"exit_code": 4}, "unusable"),
    ],
)
def test_status(events: list[dict[str, object]], result: dict[str, object], status: str) -> None:
    assert read_report(lines(*events), ExecResult.model_validate(result)).status == status


def test_a_torn_line_keeps_what_came_before() -> None:
    report = read_report(lines(passed("a")) + b'{"event": "te', ExecResult(exit_code=-9))
    assert (report.status, dict(report.outcomes), dict(report.durations)) == (
        "crashed",
        {"a": Outcome.PASSED},
        {"a": 0.5},
    )


def test_the_worse_of_two_outcomes_stays() -> None:
    failed = {"event": "test", "id": "a", "outcome": "failed", "message": "boom"}
    report = read_report(lines(passed("a"), failed, passed("a"), {**END, "exit": 1}), ExecResult(exit_code=1))
    assert (report.outcomes["a"], report.messages["a"]) == (Outcome.FAILED, "boom")


def test_names_that_are_not_utf8_become_text() -> None:
    report = read_report(lines(passed("t\udcff.py::x"), END), ExecResult(exit_code=0))
    assert list(report.outcomes) == ["t\\udcff.py::x"]


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [(0, "ran", Outcome.PASSED), (3, "ran", Outcome.FAILED), (127, "unusable", None), (-11, "crashed", None)],
)
def test_commands_are_judged_by_exit_code(code: int, status: str, outcome: Outcome | None) -> None:
    report = command_report(ExecResult(exit_code=code))
    assert (report.status, report.outcomes.get("command")) == (status, outcome)


def report_of(**outcomes: str) -> SuiteReport:
    return SuiteReport(
        status="ran", outcomes={name.replace("_", "::"): Outcome(value) for name, value in outcomes.items()}
    )


def test_compare_sorts_tests_by_what_became_of_them() -> None:
    before = report_of(f_a="passed", f_b="passed", f_c="failed", f_d="error", f_e="passed", f_g="xfailed")
    after = report_of(f_a="failed", f_c="passed", f_d="failed", f_e="skipped", f_g="failed")
    result = compare(before, after)
    assert result.regressions == ("f::a",)
    assert result.missing == ("f::b", "f::e")
    assert result.fixed == ("f::c",)
    assert result.still_failing == ("f::d",)


def test_a_file_that_breaks_takes_its_tests_with_it_and_one_that_is_mended_counts_as_fixed() -> None:
    broken, whole = report_of(f="error"), report_of(f_a="passed", f_b="skipped")
    assert compare(whole, broken).regressions == ("f::a",)
    assert compare(broken, whole).fixed == ("f",)
    assert compare(broken, report_of(f_a="passed", f_b="failed")).still_failing == ("f",)

"""What of a suite is run with every change: all of it where it is cheap, else what is near and fits into the time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from envs.values import Outcome, Patch, Suite, SuiteReport
from selection.execution.impact import NearTests
from selection.execution.ledger import Ledger
from selection.execution.runs import Runs
from selection.execution.suite import SuiteLimits, known_suite, run_suite_on_base
from selection.gate import BaseSuite, GateResult, Stage, judge_patch, without_contested
from selection.values import Verdict
from tests.selection.bench_kit import ScriptedBench

P, F = Outcome.PASSED, Outcome.FAILED
PYTEST = Suite(kind="pytest", argv=("python", "-m", "pytest"))
TESTS = NearTests(("tests/test_a.py", "tests/test_b.py"), {f"tests/test_{n}.py": 100 for n in "abcd"})
ALL = {f"tests/test_{n}.py::test_{n}": P for n in "abcd"}
LIMITS = SuiteLimits(seconds=60.0)


def ran(outcomes: Mapping[str, Outcome], cpu: float, status: str = "ran", **durations: float) -> SuiteReport:
    values = {"status": status, "outcomes": outcomes, "cpu_seconds": cpu, "seconds": cpu, "durations": durations}
    return SuiteReport.model_validate(values)


def each(seconds: float) -> dict[str, float]:
    return dict.fromkeys(ALL, seconds)


def parts(stages: Sequence[Stage]) -> list[tuple[str, ...]]:
    return [stage.tests for stage in stages]


def test_a_short_suite_that_is_known_is_run_whole_at_once() -> None:
    assert parts(known_suite(PYTEST, ran(ALL, 5), TESTS, LIMITS).stages) == [()]


def test_of_a_longer_one_what_is_near_goes_first() -> None:
    suite = known_suite(PYTEST, ran(ALL, 40, **each(4)), TESTS, LIMITS)
    assert parts(suite.stages) == [("tests/test_a.py::test_a", "tests/test_b.py::test_b"), ()]


def test_of_one_that_is_too_long_only_what_fits() -> None:
    suite = known_suite(PYTEST, ran(ALL, 400, **each(40)), TESTS, LIMITS)
    assert parts(suite.stages) == [("tests/test_a.py::test_a",)]
    assert suite.part == "1 of 4 tests, those nearest to the changes"


def test_a_suite_that_cannot_be_run_has_no_stages() -> None:
    for report in (ran({}, 1, "unusable"), ran(dict.fromkeys(ALL, F), 1)):
        suite = known_suite(PYTEST, report, TESTS, LIMITS)
        assert (suite.stages, suite.why_none != "") == ((), True)


class Timed(ScriptedBench):
    """A bench on which base costs what the test says."""

    def __init__(self, near: SuiteReport, whole: SuiteReport) -> None:
        super().__init__({"": []})
        self._reports = {True: near, False: whole}
        self.asked: list[tuple[str, ...]] = []

    @contextmanager
    def open(self, patch: Patch) -> Iterator["Timed"]:  # type: ignore[override]
        yield self

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None) -> SuiteReport:
        self.asked.append(tuple(tests))
        return self._reports[bool(tests)]


NEAR = {test: P for test in ALL if test[11] in "ab"}


def test_base_runs_the_near_files_and_then_all_where_that_seems_affordable() -> None:
    bench = Timed(ran(NEAR, 6), ran(ALL, 12))
    suite = run_suite_on_base(Runs(bench, Ledger()), PYTEST, TESTS, LIMITS)
    assert bench.asked == [TESTS.ranked, ()]
    assert parts(suite.stages) == [TESTS.ranked, ()]


def test_a_huge_suite_is_never_run_whole() -> None:
    bench = Timed(ran(NEAR, 50), ran(ALL, 100))
    suite = run_suite_on_base(Runs(bench, Ledger()), PYTEST, TESTS, LIMITS)
    assert bench.asked == [TESTS.ranked]
    assert suite.part == "2 of 4 test files, those nearest to the changes"


def test_what_base_did_not_come_to_is_not_asked_of_changes() -> None:
    reached = {"tests/test_a.py::test_a": P, "tests/test_b.py::test_b": F}
    suite = run_suite_on_base(Runs(Timed(ran(reached, 60, "timed_out"), ran({}, 0)), Ledger()), PYTEST, TESTS, LIMITS)
    (stage,) = suite.stages
    assert stage.tests == ("tests/test_a.py::test_a",)
    assert judge_patch(Always(reached), Always(reached), suite).verdict is Verdict.PASS
    broken = {"tests/test_a.py::test_a": F}
    assert judge_patch(Always(broken), Always(reached), suite).verdict is Verdict.FAIL


class Always:
    """A tree on which tests always do the same."""

    def __init__(self, outcomes: Mapping[str, Outcome]) -> None:
        self._outcomes = outcomes
        self.asked: list[tuple[str, ...]] = []

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None, turn: int = 0) -> SuiteReport:
        self.asked.append(tuple(tests))
        wanted = {t: o for t, o in self._outcomes.items() if not tests or t in tests or t.partition("::")[0] in tests}
        return SuiteReport(status="ran", outcomes=wanted)


def test_what_breaks_the_nearest_tests_falls_before_the_rest_is_run() -> None:
    files = tuple(f"tests/test_{n:02}.py" for n in range(20))
    outcomes = {f"{file}::test": P for file in files}
    near = NearTests(files, dict.fromkeys(files, 100))
    bench = Timed(ran(outcomes, 50), ran(outcomes, 100))
    suite = run_suite_on_base(Runs(bench, Ledger()), PYTEST, near, SuiteLimits(seconds=40))
    patched = Always({**outcomes, f"{files[0]}::test": F})
    assert judge_patch(patched, Always(outcomes), suite).verdict is Verdict.FAIL
    assert patched.asked == [files[:8], (f"{files[0]}::test",)]
    patched = Always(outcomes)
    assert judge_patch(patched, Always(outcomes), suite).verdict is Verdict.PASS
    assert patched.asked == [files[:8], files[8:]]


class Stuck(Always):
    """A tree on which the first run of anything does not come to an end, and the next ones do or do not."""

    def __init__(self, outcomes: Mapping[str, Outcome], stuck: int) -> None:
        super().__init__(outcomes)
        self._stuck = stuck

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None, turn: int = 0) -> SuiteReport:
        report = super().suite(tests, timeout_s=timeout_s, turn=turn)
        return report if turn >= self._stuck else SuiteReport(status="timed_out")


def test_targets_that_do_not_end_get_a_second_run() -> None:
    target, failing = "tests/test_a.py::test_a", ran({"tests/test_a.py::test_a": F}, 1)
    suite = known_suite(PYTEST, ran(ALL, 5), TESTS, LIMITS)
    known = {"targets": (target,), "failing": failing}
    assert judge_patch(Stuck(ALL, 1), Always(ALL), suite, **known).verdict is not Verdict.FAIL  # type: ignore[arg-type]
    twice = judge_patch(Stuck(ALL, 2), Always(ALL), suite, **known)  # type: ignore[arg-type]
    assert (twice.verdict, "timed out" in twice.reason) == (Verdict.FAIL, True)


def fell(*tests: str) -> GateResult:
    return GateResult(verdict=Verdict.FAIL, reason="breaks it", suite=SuiteReport(status="ran"), regressions=tests)


VOICES = {"one": {"family a"}, "two": {"family b", "family c"}, "three": {"family d"}}


def test_what_every_change_breaks_may_be_what_the_issue_is_about() -> None:
    results = {"one": fell("x", "y"), "two": fell("x", "y"), "three": fell("x", "y", "z")}
    found = without_contested(results, VOICES)
    assert {name: result.verdict for name, result in found.items()} == {
        "one": Verdict.UNKNOWN,
        "two": Verdict.UNKNOWN,
        "three": Verdict.FAIL,
    }
    assert found["one"].regressions == ("x", "y")


def test_nobody_is_given_back_where_one_came_through_or_few_agree() -> None:
    results = {"one": fell("x"), "two": fell("x"), "three": fell("x")}
    passed = GateResult(verdict=Verdict.PASS, reason="", suite=SuiteReport(status="ran"))
    hangs = GateResult(verdict=Verdict.FAIL, reason="", suite=SuiteReport(status="timed_out"))
    unmet = GateResult(verdict=Verdict.FAIL, reason="")
    for other in (passed, hangs, fell("y")):
        assert without_contested({**results, "three": other}, VOICES) == {**results, "three": other}
    assert without_contested(results, {key: {"family a"} for key in results}) == results
    assert without_contested({}, {}) == {}
    # What fell before the suite says nothing about it.
    found = without_contested({**results, "four": unmet}, VOICES)
    assert [found[name].verdict for name in ("one", "four")] == [Verdict.UNKNOWN, Verdict.FAIL]


class Shaky(Always):
    """A tree on which one test, alone among the first run's, has another outcome when it is run again."""

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None, turn: int = 0) -> SuiteReport:
        report = super().suite(tests, timeout_s=timeout_s, turn=turn)
        return report.model_copy(update={"outcomes": {**report.outcomes, "tests/test_d.py::test_d": P if turn else F}})


def test_what_fails_on_base_and_passes_is_confirmed_before_it_counts() -> None:
    before = {**ALL, "tests/test_c.py::test_c": F, "tests/test_d.py::test_d": F}
    suite = known_suite(PYTEST, ran(before, 5), TESTS, LIMITS)
    result = judge_patch(Always(ALL), Always(before), suite)
    assert (result.verdict, len(result.repaired)) == (Verdict.PASS, 2)
    # On base the last one passes as well when it is run again.
    result = judge_patch(Always(ALL), Shaky(before), suite)
    assert result.repaired == ("tests/test_c.py::test_c",)
    assert judge_patch(Always(before), Always(before), suite).repaired == ()
    # Where something is demanded, that counts and nothing else.
    demanded = {"targets": ("tests/test_c.py::test_c",), "failing": ran(before, 5)}
    assert judge_patch(Always(ALL), Always(before), suite, **demanded).repaired == ()  # type: ignore[arg-type]


class Ending(Always):
    """A tree on which runs of a turn, or all, end in a way of their own and reach nothing."""

    def __init__(self, outcomes: Mapping[str, Outcome], end: SuiteReport, turn: int | None = None) -> None:
        super().__init__(outcomes)
        self._end, self._turn = end, turn

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None, turn: int = 0) -> SuiteReport:
        return self._end if self._turn in (None, turn) else super().suite(tests, timeout_s=timeout_s, turn=turn)


@pytest.mark.parametrize(("code", "verdict"), [(126, Verdict.UNKNOWN), (127, Verdict.UNKNOWN), (4, Verdict.FAIL)])
def test_a_command_that_no_shell_can_start_says_nothing_of_a_change(code: int, verdict: Verdict) -> None:
    suite = known_suite(PYTEST, ran(ALL, 5), TESTS, LIMITS)
    ending = Ending(ALL, SuiteReport(status="unusable", exit_code=code))
    assert judge_patch(ending, Always(ALL), suite).verdict is verdict
    target, failing = "tests/test_a.py::test_a", ran({"tests/test_a.py::test_a": F}, 1)
    assert judge_patch(ending, Always(ALL), suite, targets=(target,), failing=failing).verdict is verdict


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("timed_out", Verdict.UNKNOWN), ("crashed", Verdict.UNKNOWN), ("nothing_collected", Verdict.PASS)],
)
def test_what_a_second_run_on_base_does_not_reach_is_not_called_flaky(status: str, verdict: Verdict) -> None:
    suite = known_suite(PYTEST, ran(ALL, 5), TESTS, LIMITS)
    broken = {**ALL, next(iter(ALL)): F}
    base = Ending(ALL, SuiteReport.model_validate({"status": status}), turn=2)
    result = judge_patch(Always(broken), base, suite)
    # Tests whose names differ from run to run are not found again: those are no regressions.
    assert (result.verdict, bool(result.flaky)) == (verdict, verdict is Verdict.PASS)


def test_a_repaired_test_does_not_stand_for_those_that_were_not_reached() -> None:
    failing, reached = "tests/test_e.py::test_e", ran({**ALL, "tests/test_e.py::test_e": F}, 5, "timed_out")
    suite = BaseSuite(stages=(Stage(report=reached),))

    class Late(Always):
        def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None, turn: int = 0) -> SuiteReport:
            return ran({failing: P}, 5, "timed_out")

    assert judge_patch(Late({}), Always(reached.outcomes), suite).verdict is Verdict.UNKNOWN

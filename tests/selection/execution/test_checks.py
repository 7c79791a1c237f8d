"""What checks mean: only what fails on base for the reason that it states may judge."""

import pytest

from agent.probe import Probe, ProbeResult
from agent.values import Candidate
from envs.values import Outcome, Patch, SuiteReport
from selection.evidence import Verdict
from selection.execution.checks import Check, CheckRun, Script, read_base, signature, verdict_on
from selection.execution.gather import MOST, gather
from selection.lifted import Parts
from selection.port import WrittenProbe
from selection.values import Origin

P, F, U = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
TRACE = 'Traceback (most recent call last):\n  File "{where}", line {line}, in f\n    x()\n'


def program(expects: str = "") -> Check:
    return Check(id="s", origin=Origin.TRAJECTORY, body=Script(path="s.py", content="x"), expects=expects)


def ended(code: int | None, output: str = "") -> CheckRun:
    verdict = "timed_out" if code is None else {0: "fixed", 2: "present"}.get(code, "broken")
    return CheckRun(script=ProbeResult.model_validate({"verdict": verdict, "exit_code": code, "output": output}))


def raised(last: str, where: str = "m.py", line: int = 1) -> CheckRun:
    return ended(1, TRACE.format(where=where, line=line) + last)


@pytest.mark.parametrize(
    "run, expects, votes",
    [
        (raised("AssertionError: 1 != 2"), "", True),
        (raised("ValueError: no"), "ValueError", True),
        (raised("pkg.errors.ValueError: no"), "ValueError", True),
        (raised("ValueError: no"), "", False),
        (raised("ModuleNotFoundError: No module named 'm'"), "ValueError", False),
        (ended(1, "still broken"), "", True),
        (ended(2), "", True),
        (ended(0), "", False),
        (ended(3, "usage"), "", False),
        (ended(-9), "", False),
        (ended(None), "", False),
    ],
)
def test_a_program_votes_when_it_complains_of_the_issue(run: CheckRun, expects: str, votes: bool) -> None:
    assert read_base(program(expects), (run, run)).votes is votes


def test_a_program_that_does_not_fail_twice_alike_has_no_vote() -> None:
    assert not read_base(program(), (raised("AssertionError: 1"), raised("AssertionError: 2"))).votes


def test_a_program_with_a_change() -> None:
    run = raised("AssertionError: 1")
    base = read_base(program(), (run, run))
    assert verdict_on(program(), base, ended(0, "fine"))[0] is P
    assert verdict_on(program(), base, raised("AssertionError: 1", "elsewhere.py", 99))[0] is F
    assert verdict_on(program(), base, raised("NameError: x"))[0] is U
    assert verdict_on(program(), base, ended(None))[0] is U


def test_behaviour_does_not_depend_on_places_and_addresses() -> None:
    one = raised("E: at 0x7f001234", "a.py", 1)
    assert signature(one) == signature(raised("E: at  0x7f00abcd", "b.py", 7))
    assert signature(one) != signature(
        raised("E: at 0x7f001234\n", "a.py").model_copy(update={"script": ended(2).script})
    )
    assert signature(ended(None)) is None


def report(**outcomes: str) -> CheckRun:
    values = {f"t.py::{name}": Outcome(value) for name, value in outcomes.items()}
    return CheckRun(tests=SuiteReport(status="ran", outcomes=values))


TEST = Check(id="t", origin=Origin.TRAJECTORY, body=Probe(kind="test", path="t.py", content="x"))


def test_of_a_test_file_only_what_it_adds_may_judge() -> None:
    """`old` fails on base with or without it, `flaky` not always, `setup` for another reason."""
    runs = (
        report(new="failed", old="failed", flaky="failed", setup="error", ok="passed"),
        report(new="failed", old="failed", flaky="passed", setup="error", ok="passed"),
    )
    base = read_base(TEST, runs, report(old="failed", ok="passed").tests)
    assert (base.shown, base.votes) == (("t.py::new",), True)
    assert verdict_on(TEST, base, report(new="passed", old="failed"))[0] is P
    assert verdict_on(TEST, base, report(new="failed", old="passed"))[0] is F
    assert verdict_on(TEST, base, report(new="error"))[0] is U
    assert verdict_on(TEST, base, report(old="passed"))[0] is U


def test_a_test_file_that_passes_on_base_shows_nothing() -> None:
    run = report(new="passed")
    assert read_base(TEST, (run, run)).verdicts == (P, P)
    run = report(new="error")
    assert read_base(TEST, (run, run)).verdicts == (U, U)


def parts(**scripts: str) -> Parts:
    empty = Patch(diff="")
    return Parts(empty, empty, (), {}, {f"{name}.py": text for name, text in scripts.items()}, ())


def test_checks_are_gathered_in_turns_and_each_once() -> None:
    candidates = {
        name: Candidate(id=name, trajectory_id=f"of {name}", patch=Patch(diff=""), proposer="p")
        for name in ("a", "b", "c")
    }
    written = [
        WrittenProbe(id=f"w{n}", probe=Probe(kind="script", path="p.py", content=f"{n}"), origin=Origin.WRITER)
        for n in (2, 1)
    ]
    carried = {
        "a": parts(one="x", two="y", three="z", four="more than three"),
        "b": parts(one="x", again="x  \n# said once more\n"),
        "c": parts(),
    }
    found = gather(issue="```python\nf(1)\n```", packages=(), written=written, candidates=candidates, parts=carried)
    names = [check.id for check in found]
    assert names[:3] == ["issue-1", "w1", "w2"]
    assert names[3:] == ["a:four.py", "b:again.py", "a:one.py", "a:three.py"]
    assert {check.author for check in found} == {None, "of a", "of b"}
    many = [
        written[0].model_copy(update={"id": f"w{n}", "probe": Probe(kind="script", path="p.py", content=f"{n}")})
        for n in range(99)
    ]
    assert len(gather(issue="", packages=(), written=many, candidates=candidates, parts=carried)) == MOST


TWO_TESTS = Probe(kind="test", path="test_a.py", content="def test_old(): ...\n\n\ndef test_new(): ...\n")
CARRIED = Check(id="carried", origin=Origin.TRAJECTORY, body=TWO_TESTS)
OLD, NEW = "test_a.py::test_old", "test_a.py::test_new"
BOTH_FAIL = tuple(
    CheckRun(tests=SuiteReport(status="ran", outcomes={OLD: Outcome.FAILED, NEW: Outcome.FAILED})) for _ in range(2)
)


def test_what_fails_without_it_too_says_nothing() -> None:
    before = SuiteReport(status="ran", outcomes={OLD: Outcome.FAILED})
    assert read_base(CARRIED, BOTH_FAIL, before).shown == (NEW,)


@pytest.mark.parametrize("status", ["timed_out", "unusable"])
def test_where_nobody_knows_what_fails_without_it_nothing_may_judge(status: str) -> None:
    before = SuiteReport.model_validate({"status": status})
    found = read_base(CARRIED, BOTH_FAIL, before)
    assert (found.shown, found.votes) == ((), False)

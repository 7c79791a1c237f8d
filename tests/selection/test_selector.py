"""The selector decides by execution, then by what policies compare, and never by the order in which candidates come."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.probe import Probe, ProbeResult
from agent.values import Candidate
from envs.snippets import SnippetRun
from envs.values import Issue, Outcome, Patch, Task
from sandbox.errors import SandboxLost
from selection.choose import SelectionLog, replay
from selection.evidence import BEHAVIOUR, COMPARISON, JUDGE, LEARNED, Verdict
from selection.execution.ledger import Ledger
from selection.port import WrittenProbe
from selection.selector import Choice
from selection.values import Origin, Score
from tests.selection.bench_kit import Outcomes, Program, ScriptedBench, Table, make_base, report

TARGET = "test_m.py::test_target"
OTHER = "test_m.py::test_other"
BASE = {TARGET: Outcome.FAILED, OTHER: Outcome.PASSED}
GOOD = {TARGET: Outcome.PASSED, OTHER: Outcome.PASSED}
BREAKS = {TARGET: Outcome.PASSED, OTHER: Outcome.FAILED}
SOURCE = "def f(x):\n    y = x - 1\n    return y\n"
SMALL, LARGE = SOURCE.replace("- 1", "+ 1"), SOURCE.replace("y = x - 1", "y = x + 1 + 0 * len(str(x))")
IN_SMALL, IN_LARGE = "+    y = x + 1\n", "len(str"


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    base, brief = make_base(tmp_path, {"m.py": SOURCE, "test_m.py": "import m\n\ndef test_other(): pass\n"})
    with base:
        yield Table(base, brief)


def choose(
    table: Table, bench: ScriptedBench, candidates: Sequence[Candidate], on_base: Outcomes = BASE, **options: object
) -> Choice:
    """As in `winnow fix`: the suite was run on base, and its failing test is the target."""
    options = {"targets": [TARGET], "task": Task(id="t"), "on_base": report(on_base), **options}
    return table.select(bench, candidates, **options)[0]  # type: ignore[arg-type]


def test_a_regression_outweighs_size(table: Table) -> None:
    bench = ScriptedBench({IN_SMALL: [BREAKS], IN_LARGE: [GOOD], "": [{OTHER: Outcome.PASSED}]})
    large, small = table.candidate(LARGE), table.candidate(SMALL)
    choice = choose(table, bench, [small, large])
    assert choice.selection.chosen == large.id
    assert choice.selection.regressions[small.id] == (OTHER,)
    assert choice.gates[small.id].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "again, before", [(GOOD, GOOD), (BREAKS, BREAKS)], ids=["passes on repetition", "fails on base too"]
)
def test_a_flaky_test_disqualifies_nobody(table: Table, again: Outcomes, before: Outcomes) -> None:
    bench = ScriptedBench({IN_SMALL: [GOOD, BREAKS, again], "": [before]})
    assert choose(table, bench, [table.candidate(SMALL)]).selection.verdict == "chosen"


@pytest.mark.parametrize(
    "outcomes",
    [
        {OTHER: Outcome.PASSED},
        {TARGET: Outcome.SKIPPED, OTHER: Outcome.PASSED},
        {"crash": Outcome.PASSED, **GOOD},
        {"rejected": Outcome.PASSED},
    ],
    ids=["target missing", "target skipped", "runner crashed", "does not apply"],
)
def test_what_is_not_seen_is_not_a_pass(table: Table, outcomes: Outcomes) -> None:
    selection = choose(table, ScriptedBench({IN_SMALL: [outcomes]}), [table.candidate(SMALL)]).selection
    assert (selection.verdict, selection.chosen, selection.settled) == ("abstained", None, False)


def test_tests_that_vanish_do_not_get_through(table: Table) -> None:
    bench = ScriptedBench({IN_SMALL: [GOOD, {TARGET: Outcome.PASSED}, {}], "": [{OTHER: Outcome.PASSED}]})
    assert choose(table, bench, [table.candidate(SMALL)]).selection.verdict == "abstained"


def test_equal_changes_are_one_cluster_and_one_run(table: Table) -> None:
    bench = ScriptedBench({"x + 1": [GOOD], "(x+1)": [GOOD]})
    same = [table.candidate(SMALL), table.candidate(SMALL.replace("x + 1", "(x+1)  # as it should be"))]
    choice = choose(table, bench, same)
    assert [cluster.members for cluster in choice.selection.clusters] == [("c0", "c1")]
    assert len(bench.runs) == 2  # the targets, then the suite


def test_votes_of_different_trajectories_go_before_size(table: Table) -> None:
    lone = table.candidate(SMALL)
    voted = [table.candidate(SOURCE.replace("- 1", "* (1 + 0 * x)")) for _ in range(2)]
    bench = ScriptedBench({"x * (1": [GOOD], IN_SMALL: [GOOD]})
    assert choose(table, bench, [lone, *voted]).selection.chosen == voted[0].id


def test_a_trajectorys_own_order_decides_among_its_changes_and_the_rest_is_not_run(table: Table) -> None:
    small = table.candidate(SMALL, trajectory_id="a", order=1)
    large = table.candidate(LARGE, trajectory_id="a", order=0)
    bench = ScriptedBench({IN_LARGE: [GOOD], IN_SMALL: [GOOD]})
    choice = choose(table, bench, [small, large])
    assert choice.selection.chosen == large.id
    assert {marker for marker, _ in bench.runs} == {IN_LARGE}
    assert small.id not in choice.gates


def test_what_a_trajectory_ranks_next_comes_in_when_its_first_falls(table: Table) -> None:
    texts = {order: SOURCE.replace("- 1", f"+ {order + 2}") for order in range(4)}
    candidates = [table.candidate(text, trajectory_id="a", order=order) for order, text in texts.items()]
    scripts = {f"x + {order + 2}": [GOOD if order == 2 else BASE] for order in texts}
    choice = choose(table, ScriptedBench(scripts), candidates)
    assert choice.selection.chosen == candidates[2].id
    assert sorted(choice.gates) == [c.id for c in candidates[:3]]


def test_what_changes_nothing_that_counts_is_dropped_with_its_reason(table: Table) -> None:
    empty = Candidate(id="e", trajectory_id="a", patch=Patch(diff=""), proposer="scripted")
    nowhere = Patch(diff="--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-nope\n+x\n")
    broken = Candidate(id="b", trajectory_id="a", patch=nowhere, proposer="scripted")
    only_tests = table.candidate("def test_x(): pass\n", path="test_m.py")
    comment = table.candidate(SOURCE + "# a comment\n")
    selection = choose(table, ScriptedBench({}), [empty, broken, only_tests, comment]).selection
    reasons = {d.candidate_id: d.reason for d in selection.dropped}
    assert reasons["e"] == "empty patch"
    assert "does not apply" in reasons["b"]
    assert "tests" in reasons[only_tests.id]
    assert "comments" in reasons[comment.id]
    assert selection.verdict == "abstained"


def test_no_candidates_is_an_abstention(table: Table) -> None:
    selection = choose(table, ScriptedBench({}), []).selection
    assert (selection.verdict, selection.reason) == ("abstained", "there is no candidate")


SECOND = "test_m.py::test_second"
TWO = {TARGET: Outcome.FAILED, SECOND: Outcome.FAILED, OTHER: Outcome.PASSED}
ONE_PASSES = {**TWO, TARGET: Outcome.PASSED}
BOTH_PASS = {**ONE_PASSES, SECOND: Outcome.PASSED}


def of_two(table: Table, bench: ScriptedBench, candidates: Sequence[Candidate], **options: object) -> Choice:
    return choose(table, bench, candidates, TWO, **{"targets": [TARGET, SECOND], **options})


def with_issue() -> Task:
    return Task(id="t", issue=Issue(title="f is wrong", source="text"))


def test_of_unnamed_targets_a_candidate_must_pass_what_it_claims(table: Table) -> None:
    bench = ScriptedBench({"x + 1": [ONE_PASSES]})
    part = table.candidate(SMALL, repairs=(TARGET,))
    assert of_two(table, bench, [part]).selection.chosen == part.id
    assert bench.runs[0][1] == ("suite", TARGET)


@pytest.mark.parametrize("claim", [(), (TARGET, SECOND), (SECOND,), ("test_m.py::test_other_than_targets",)])
def test_a_claim_that_is_not_true_falls(table: Table, claim: tuple[str, ...]) -> None:
    bench = ScriptedBench({"x + 1": [ONE_PASSES]})
    assert of_two(table, bench, [table.candidate(SMALL, repairs=claim)]).selection.verdict == "abstained"


def test_named_targets_must_all_pass_whatever_is_claimed(table: Table) -> None:
    bench = ScriptedBench({"x + 1": [ONE_PASSES]})
    named = Task(id="t", failing_tests=(TARGET, SECOND))
    part = table.candidate(SMALL, repairs=(TARGET,))
    assert of_two(table, bench, [part], task=named).selection.verdict == "abstained"


def test_what_repairs_more_goes_before_what_is_smaller(table: Table) -> None:
    bench = ScriptedBench({IN_SMALL: [ONE_PASSES], IN_LARGE: [BOTH_PASS]})
    small, large = table.candidate(SMALL, repairs=(TARGET,)), table.candidate(LARGE, repairs=(TARGET, SECOND))
    assert of_two(table, bench, [small, large]).selection.chosen == large.id


def test_the_order_of_candidates_never_matters(table: Table) -> None:
    texts = [SMALL, LARGE, SOURCE.replace("- 1", "* 1"), SOURCE.replace("- 1", "// 1")]
    candidates = [table.candidate(text, trajectory_id=t) for text, t in zip(texts, "abca", strict=True)]
    scripts = {IN_SMALL: [BREAKS], "": [{OTHER: Outcome.PASSED}], IN_LARGE: [GOOD], "x * 1": [GOOD], "x // 1": [GOOD]}
    decisions = {
        choose(table, ScriptedBench(scripts), order, workers=3).model_dump_json()
        for order in itertools.permutations(candidates)
    }
    assert len(decisions) == 1


def test_a_selection_that_was_made_is_not_run_again(table: Table, tmp_path: Path) -> None:
    small = table.candidate(SMALL)
    first = choose(table, ScriptedBench({"x + 1": [GOOD]}), [small], ledger=Ledger(tmp_path / "ledger.jsonl"))
    idle = ScriptedBench({})
    again = choose(table, idle, [small], ledger=Ledger(tmp_path / "ledger.jsonl"))
    assert (again, idle.opened) == (first, [])


def test_it_gives_up_after_so_many_changes(table: Table) -> None:
    candidates = [table.candidate(SOURCE.replace("- 1", f"+ {n}")) for n in range(2, 8)]
    choice = choose(table, ScriptedBench({"x": [BASE]}), candidates, max_changes=2)
    assert len(choice.gates) == 2


def test_a_change_is_not_judged_by_its_own_version_of_a_test(table: Table) -> None:
    """It breaks a test and rewrites it so that it passes: nobody knows whether that is right, so what breaks nothing goes first."""
    rewritten = table.candidate(SMALL, files={"test_m.py": "import m\n\ndef test_other(): assert True\n"})
    modest = table.candidate(LARGE)
    bench = ScriptedBench(
        {IN_SMALL: [BREAKS], IN_LARGE: [GOOD], "": [GOOD]}, overlays={IN_SMALL: GOOD, IN_LARGE: GOOD, "": GOOD}
    )
    choice = choose(table, bench, [rewritten, modest])
    assert choice.gates[rewritten.id].verdict is Verdict.UNKNOWN
    assert "which it rewrites" in choice.gates[rewritten.id].reason
    assert choice.selection.chosen == modest.id


def test_what_is_delivered_has_no_scratch_files(table: Table) -> None:
    tried = table.candidate(SMALL, files={"reproduce_issue.py": "import m\nprint(m.f(1))\n"})
    said = ProbeResult(verdict="broken", exit_code=0, output="2")
    bench = ScriptedBench({"x + 1": [GOOD], "": [GOOD]}, programs={"print": lambda _: said})
    choice = choose(table, bench, [tried])
    assert "reproduce_issue" not in choice.patches[tried.id].diff
    assert IN_SMALL in choice.patches[tried.id].diff


# Without a run of the suite beforehand, as in `winnow select`.

PASSES = {OTHER: Outcome.PASSED}
FALLS = {OTHER: Outcome.FAILED}


def script(name: str, author: str | None = None) -> WrittenProbe:
    probe = Probe(kind="script", path=".winnow/probe.py", content=f"print({name!r})\n")
    return WrittenProbe(id=name, probe=probe, origin=Origin.WRITER, author=author)


def says(**verdicts: str) -> Program:
    """A script's verdict by what the change is: `base`, `small` or `large`."""
    names = {"": "base", IN_SMALL: "small", IN_LARGE: "large"}

    def run(marker: str) -> ProbeResult:
        verdict = verdicts[names[marker]]
        code = {"present": 2, "fixed": 0}.get(verdict, 1)
        return ProbeResult.model_validate({"verdict": verdict, "exit_code": code, "output": verdict})

    return run


def both_pass(**options: object) -> ScriptedBench:
    return ScriptedBench({"": [PASSES], IN_SMALL: [PASSES], IN_LARGE: [PASSES]}, **options)  # type: ignore[arg-type]


def test_a_probe_that_tells_changes_apart_outweighs_size(table: Table) -> None:
    bench = both_pass(programs={"p": says(base="present", small="present", large="fixed")})
    small, large = table.candidate(SMALL), table.candidate(LARGE)
    choice, log = table.select(bench, [small, large], written=[script("p")])
    assert choice.selection.chosen == large.id
    assert replay(log) == choice.selection


def test_an_executed_change_beats_one_that_talks(table: Table) -> None:
    """Claims and summaries are no evidence."""
    talker = table.candidate(SMALL, summary="Definitely right, all tests pass.", claims={"proven": "true"})
    quiet = table.candidate(LARGE)
    bench = ScriptedBench({"": [PASSES], IN_SMALL: [FALLS], IN_LARGE: [PASSES]})
    assert table.select(bench, [talker, quiet])[0].selection.chosen == quiet.id
    bench = both_pass(programs={"p": says(base="present", small="present", large="fixed")})
    assert table.select(bench, [talker, quiet], written=[script("p")])[0].selection.chosen == quiet.id


@pytest.mark.parametrize(
    "useless",
    [
        says(base="fixed", small="fixed", large="fixed"),
        says(base="present", small="present", large="present"),
        says(base="present", small="broken", large="timed_out"),
        says(base="broken", small="fixed", large="present"),
    ],
    ids=["always passes", "always fails", "never works", "broken on base"],
)
def test_probes_that_say_nothing_change_no_ranking(table: Table, useless: Program) -> None:
    candidates = [table.candidate(LARGE), table.candidate(SMALL)]
    plain = table.select(both_pass(), candidates)[0].selection.ranking
    bench = both_pass(programs={"useless": useless})
    assert table.select(bench, candidates, written=[script("useless")])[0].selection.ranking == plain


def test_flaky_and_self_serving_probes_change_no_ranking(table: Table) -> None:
    large, small = table.candidate(LARGE), table.candidate(SMALL)
    plain = table.select(both_pass(), [large, small])[0].selection.ranking
    last = plain[-1]
    own = says(
        base="present", **{"small": "present", "large": "present", ("large" if last == large.id else "small"): "fixed"}
    )
    turns = iter(["present", "fixed"] * 3)

    def flaky(_marker: str) -> ProbeResult:
        verdict = next(turns)
        return ProbeResult.model_validate({"verdict": verdict, "exit_code": 0})

    author = {large.id: large.trajectory_id, small.id: small.trajectory_id}[last]
    bench = both_pass(programs={"own": own, "flaky": flaky})
    written = [script("own", author), script("flaky")]
    assert table.select(bench, [large, small], written=written)[0].selection.ranking == plain


def test_duplicates_of_a_probe_count_once(table: Table) -> None:
    """Two that favour the large one, one of them five times over, against two that favour the small one."""
    programs = {
        "for-large": says(base="present", small="present", large="fixed"),
        "for-small": says(base="present", small="fixed", large="present"),
    }
    candidates = [table.candidate(LARGE), table.candidate(SMALL)]

    def ranking(*names: str) -> tuple[str, ...]:
        written = [script(name).model_copy(update={"id": f"{name} {at}"}) for at, name in enumerate(names)]
        return table.select(both_pass(programs=programs), candidates, written=written)[0].selection.ranking

    assert ranking("for-large", "for-small") == ranking(*["for-large"] * 5, "for-small")


def test_tests_that_a_candidate_carries_are_put_to_everybody(table: Table) -> None:
    new = "test_new.py::test_new"
    bench = ScriptedBench(
        {"": [PASSES], IN_SMALL: [PASSES], IN_LARGE: [PASSES]},
        overlays={"": {new: Outcome.FAILED}, IN_SMALL: {new: Outcome.PASSED}, IN_LARGE: {new: Outcome.FAILED}},
    )
    author = table.candidate(SMALL, files={"test_new.py": "def test_new(): assert m.f(1) == 2\n"})
    rival = table.candidate(LARGE)
    _, log = table.select(bench, [author, rival])
    (probe,) = log.evidence.probes
    assert (probe.author, probe.base) == (author.trajectory_id, (Verdict.FAIL, Verdict.FAIL))
    assert {cell.leader: cell.verdict for cell in log.evidence.cells} == {
        author.id: Verdict.PASS,
        rival.id: Verdict.FAIL,
    }


def test_code_of_the_issue_is_a_check_without_a_model(table: Table) -> None:
    issue = Issue(
        body="```python\nimport m\nm.f(None)\n```\nraises\n```\nTraceback (most recent call last):\nTypeError: no\n```\n",
        source="text",
    )
    raised = SnippetRun(status="raised", exception="TypeError", message="no")

    def run(marker: str) -> SnippetRun:
        return SnippetRun(status="ended", outputs=("",)) if marker == IN_LARGE else raised

    small, large = table.candidate(SMALL), table.candidate(LARGE)
    choice, log = table.select(both_pass(programs={"m.f": run}), [small, large], task=Task(id="t", issue=issue))
    assert [probe.origin for probe in log.evidence.probes] == [Origin.ISSUE]
    assert choice.selection.chosen == large.id


def test_behaviour_is_compared_where_nobody_knows_what_is_right(table: Table) -> None:
    issue = Issue(body="Look:\n```python\nimport m\nprint(m.f(1))\n```\n", source="text")
    said = {"": "0", IN_SMALL: "2", IN_LARGE: "2", "x * 1": "1"}
    bench = ScriptedBench(
        {marker: [PASSES] for marker in said},
        programs={"m.f": lambda marker: SnippetRun(status="ended", outputs=(said[marker],))},
    )
    alike = [table.candidate(SMALL), table.candidate(LARGE)]
    alone = table.candidate(SOURCE.replace("- 1", "* 1"))
    _, log = table.select(bench, [*alike, alone], task=Task(id="t", issue=issue))
    scores = {s.candidate_id: s.value for s in log.evidence.scores if s.verifier == BEHAVIOUR}
    assert scores == {alike[0].id: 0.5, alike[1].id: 0.5, alone.id: 0.0}
    family = {candidate.id: "one" for candidate in alike}
    _, log = table.select(bench, [*alike, alone], task=Task(id="t", issue=issue), families=family)
    scores = {s.candidate_id: s.value for s in log.evidence.scores if s.verifier == BEHAVIOUR}
    assert scores == {alike[0].id: 0.0, alike[1].id: 0.0, alone.id: 0.0}  # a family does not agree with itself


# What may be missing, and what may fail.


def test_all_identical_is_one_change_that_is_chosen(table: Table) -> None:
    candidates = [table.candidate(SMALL) for _ in range(3)]
    choice, _ = table.select(both_pass(), candidates)
    assert (choice.selection.chosen, len(choice.selection.clusters)) == ("c0", 1)


def test_all_broken_is_an_abstention_and_no_probe_is_run(table: Table) -> None:
    bench = ScriptedBench({"": [PASSES], IN_SMALL: [FALLS], IN_LARGE: [FALLS]})
    candidates = [table.candidate(SMALL), table.candidate(LARGE)]
    choice, _ = table.select(bench, candidates, written=[script("p")])
    assert (choice.selection.verdict, choice.selection.chosen) == ("abstained", None)
    assert "fell at the gate" in choice.selection.reason
    assert not [what for _, what in bench.runs if what[0] == "script"]


def test_without_tests_probes_and_texts_decide(table: Table) -> None:
    bench = ScriptedBench(
        {"": [], IN_SMALL: [], IN_LARGE: []}, programs={"p": says(base="present", small="present", large="fixed")}
    )
    candidates = [table.candidate(SMALL), table.candidate(LARGE)]
    choice, _ = table.select(bench, candidates, written=[script("p")], why_no_suite="no tests were found")
    assert choice.selection.chosen == candidates[1].id
    assert {gate.verdict for gate in choice.gates.values()} == {Verdict.UNKNOWN}


def test_without_execution_texts_decide(table: Table) -> None:
    candidates = [table.candidate(LARGE), table.candidate(SMALL), table.candidate(SMALL)]
    choice, log = table.select(None, candidates)
    assert (choice.selection.verdict, choice.selection.chosen, choice.gates) == ("chosen", "c1", {})
    assert {score.verifier for score in log.evidence.scores} == {"learned", "agreement"}


class HalfAJudge:
    """Knows a word on the first, and then its endpoint is gone."""

    def scores(self, survivors: Sequence[Candidate]) -> tuple[Score, ...]:
        return tuple(
            Score(
                verifier=JUDGE,
                candidate_id=one.id,
                value=0.9 if at == 0 else None,
                reason="" if at == 0 else "no answer",
            )
            for at, one in enumerate(survivors)
        )


def test_a_judge_that_fails_half_way_leaves_the_rest_unknown(table: Table) -> None:
    candidates = [table.candidate(SMALL), table.candidate(LARGE)]
    choice, log = table.select(both_pass(), candidates, judge=HalfAJudge())
    assert choice.selection.verdict == "chosen"
    assert [score.value for score in log.evidence.scores if score.verifier == JUDGE] == [0.9, None]


class Prefers:
    """A comparer that always prefers one, and keeps whom it was asked about."""

    def __init__(self, favourite: str) -> None:
        self.favourite = favourite
        self.asked: list[tuple[str, ...]] = []

    def scores(self, finalists: Sequence[Candidate]) -> tuple[Score, ...]:
        self.asked.append(tuple(one.id for one in finalists))
        assert not any("reproduce_issue" in one.patch.diff for one in finalists), "scratch files are not delivered"
        return tuple(
            Score(verifier=COMPARISON, candidate_id=one.id, value=float(one.id == self.favourite)) for one in finalists
        )


class Balances:
    """A judge that takes back what the learned verifier says, so that the verifiers together hold all to be alike."""

    def __init__(self, log: SelectionLog) -> None:
        self.said = {s.candidate_id: s.value or 0.0 for s in log.evidence.scores if s.verifier == LEARNED}

    def scores(self, survivors: Sequence[Candidate]) -> tuple[Score, ...]:
        return tuple(Score(verifier=JUDGE, candidate_id=one.id, value=1 - self.said[one.id]) for one in survivors)


def test_close_calls_are_compared_and_others_are_not(table: Table) -> None:
    small, large = table.candidate(SMALL, files={"reproduce_issue.txt": "seen\n"}), table.candidate(LARGE)
    judge, comparer = Balances(table.select(both_pass(), [small, large])[1]), Prefers(large.id)
    choice, log = table.select(both_pass(), [small, large], judge=judge, comparer=comparer)
    assert (choice.selection.chosen, [sorted(asked) for asked in comparer.asked]) == (large.id, [[small.id, large.id]])
    assert {score.value for score in log.evidence.scores if score.verifier == COMPARISON} == {0.0, 1.0}
    assert replay(log) == choice.selection
    comparer = Prefers(small.id)
    for options in ({"judge": HalfAJudge()}, {"judge": judge, "compared": 1}):
        table.select(both_pass(), [small, large], comparer=comparer, **options)
    bench = ScriptedBench({"": [PASSES], IN_SMALL: [BREAKS], IN_LARGE: [PASSES]})
    choice, _ = table.select(bench, [small, large], judge=judge, comparer=comparer)
    assert (choice.selection.chosen, comparer.asked) == (large.id, [])


class Writes:
    """A writer of one test, that counts."""

    def __init__(self) -> None:
        self.asked = 0

    def write(self) -> tuple[WrittenProbe, ...]:
        self.asked += 1
        return (script("w"),)


def test_tests_are_written_where_there_are_changes_to_tell_apart(table: Table) -> None:
    writer, programs = Writes(), {"w": says(base="present", small="fixed", large="present")}
    choice, log = table.select(
        both_pass(programs=programs), [table.candidate(SMALL), table.candidate(LARGE)], writer=writer
    )
    assert (writer.asked, choice.selection.chosen) == (1, "c0")
    assert [probe.origin for probe in log.evidence.probes] == [Origin.WRITER]
    table.select(both_pass(), [table.candidate(SMALL), table.candidate(SMALL)], writer=writer)
    assert writer.asked == 1


def test_a_lost_sandbox_is_opened_once_more(table: Table) -> None:
    bench = ScriptedBench({"": [PASSES], IN_SMALL: [PASSES]}, losses={IN_SMALL: 1})
    choice, _ = table.select(bench, [table.candidate(SMALL)])
    assert (choice.selection.chosen, bench.opened.count(IN_SMALL)) == ("c0", 2)


def test_a_change_whose_sandboxes_are_lost_is_unknown_and_others_are_not(table: Table) -> None:
    small, large = table.candidate(SMALL), table.candidate(LARGE)
    bench = ScriptedBench({"": [PASSES], IN_SMALL: [PASSES], IN_LARGE: [PASSES]}, losses={IN_SMALL: 99})
    choice, log = table.select(bench, [small, large])
    assert choice.selection.chosen == large.id
    assert small.id not in {gate.leader for gate in log.evidence.gates}


def test_nothing_is_decided_when_every_sandbox_is_lost(table: Table) -> None:
    bench = ScriptedBench({"": [PASSES], IN_SMALL: [PASSES]}, losses={IN_SMALL: 99})
    with pytest.raises(SandboxLost):
        table.select(bench, [table.candidate(SMALL)])

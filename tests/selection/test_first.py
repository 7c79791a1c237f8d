"""The first selector decides by execution, then by size, and never by the order in which candidates come."""

import itertools
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from agent.values import Candidate
from envs.errors import PatchRejected
from envs.patches import BaseTree, make_patch
from envs.snapshot import take_snapshot
from envs.values import Outcome, Patch, SuiteReport, Task
from selection.first import FirstSelector
from selection.values import Selection

TASK = Task(id="t")
TARGET = "test_m.py::test_target"
OTHER = "test_m.py::test_other"
BASE = {TARGET: Outcome.FAILED, OTHER: Outcome.PASSED}
SOURCE = "def f(x):\n    y = x - 1\n    return y\n"


class ScriptedBench:
    """A bench whose reports follow from what the patch puts into the file; asked for anything else, it fails."""

    def __init__(self, outcomes: Mapping[str, Sequence[Mapping[str, Outcome]]]) -> None:
        self._outcomes = {key: list(value) for key, value in outcomes.items()}
        self.runs: list[tuple[str, tuple[str, ...]]] = []

    def run(self, patch: Patch, tests: Sequence[str] = ()) -> SuiteReport:
        key = next((k for k in self._outcomes if k and k in patch.diff), "")
        self.runs.append((key, tuple(tests)))
        script = self._outcomes[key]
        outcomes = script.pop(0) if len(script) > 1 else script[0]
        if "rejected" in outcomes:
            raise PatchRejected("it does not apply inside")
        kept = {test: outcome for test, outcome in outcomes.items() if not tests or test in tests}
        return SuiteReport(status="crashed" if "crash" in outcomes else "ran", outcomes=kept, exit_code=0)


def report(outcomes: Mapping[str, Outcome]) -> SuiteReport:
    return SuiteReport(status="ran", outcomes=outcomes, exit_code=1)


@pytest.fixture
def base(tmp_path: Path) -> BaseTree:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "m.py").write_text(SOURCE)
    (repository / "test_m.py").write_text("import m\n")
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    (tmp_path / "into").mkdir()
    with BaseTree(take_snapshot(repository, tmp_path / "into")) as tree:
        yield tree


@pytest.fixture
def candidate(base: BaseTree) -> Callable[..., Candidate]:
    count = itertools.count()

    def make(
        text: str, *, path: str = "m.py", trajectory: str = "a", order: int = 0, repairs: tuple[str, ...] = ()
    ) -> Candidate:
        patch = make_patch(base, {path: text.encode()})
        return Candidate(
            id=f"c{next(count)}",
            trajectory_id=trajectory,
            patch=patch,
            proposer="scripted",
            order=order,
            repairs=repairs,
        )

    return make


GOOD = {TARGET: Outcome.PASSED, OTHER: Outcome.PASSED}
BREAKS = {TARGET: Outcome.PASSED, OTHER: Outcome.FAILED}
SMALL, LARGE = SOURCE.replace("- 1", "+ 1"), SOURCE.replace("y = x - 1", "y = x + 1 + 0 * len(str(x))")


def choose(base: BaseTree, bench: ScriptedBench, candidates: Sequence[Candidate], **options: object) -> Selection:
    options = {"base_report": report(BASE), "targets": [TARGET], **options}
    return FirstSelector(base, bench, **options).select(TASK, candidates)  # type: ignore[arg-type]


def test_the_smallest_that_gets_through_is_chosen_and_the_rest_is_not_run(
    base: BaseTree, candidate: Callable[..., Candidate]
) -> None:
    bench = ScriptedBench({"+    y = x + 1\n": [GOOD]})
    large, small = candidate(LARGE), candidate(SMALL)
    selection = choose(base, bench, [large, small])
    assert (selection.verdict, selection.chosen, selection.settled) == ("chosen", small.id, True)
    assert selection.ranking == (small.id, large.id)
    assert [s.value for s in selection.scores if s.candidate_id == large.id] == [None]
    assert len(bench.runs) == 2  # the targets, then the suite


def test_a_regression_outweighs_size(base: BaseTree, candidate: Callable[..., Candidate]) -> None:
    bench = ScriptedBench({"+    y = x + 1\n": [BREAKS], "len(str": [GOOD], "": [{OTHER: Outcome.PASSED}]})
    large, small = candidate(LARGE), candidate(SMALL)
    selection = choose(base, bench, [small, large])
    assert selection.chosen == large.id
    assert selection.regressions[small.id] == (OTHER,)
    assert "fell at the gate" in selection.reason


@pytest.mark.parametrize(
    "again, before", [(GOOD, GOOD), (BREAKS, BREAKS)], ids=["passes on repetition", "fails on base too"]
)
def test_a_flaky_test_disqualifies_nobody(
    base: BaseTree, candidate: Callable[..., Candidate], again: Mapping[str, Outcome], before: Mapping[str, Outcome]
) -> None:
    bench = ScriptedBench({"+    y = x + 1\n": [GOOD, BREAKS, again], "": [before]})
    assert choose(base, bench, [candidate(SMALL)]).verdict == "chosen"


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
def test_what_is_not_seen_is_not_a_pass(
    base: BaseTree, candidate: Callable[..., Candidate], outcomes: Mapping[str, Outcome]
) -> None:
    selection = choose(base, ScriptedBench({"+    y = x + 1\n": [outcomes]}), [candidate(SMALL)])
    assert (selection.verdict, selection.chosen, selection.settled) == ("abstained", None, False)


def test_tests_that_vanish_do_not_get_through(base: BaseTree, candidate: Callable[..., Candidate]) -> None:
    bench = ScriptedBench({"+    y = x + 1\n": [GOOD, {TARGET: Outcome.PASSED}, {}], "": [{OTHER: Outcome.PASSED}]})
    assert choose(base, bench, [candidate(SMALL)]).verdict == "abstained"


def test_equal_changes_are_one_cluster_and_one_run(base: BaseTree, candidate: Callable[..., Candidate]) -> None:
    bench = ScriptedBench({"x + 1": [GOOD]})
    same = [candidate(SMALL), candidate(SMALL.replace("x + 1", "(x+1)  # as it should be"), trajectory="b")]
    selection = choose(base, bench, same)
    assert [cluster.members for cluster in selection.clusters] == [("c0", "c1")]
    assert len(bench.runs) == 2


def test_votes_of_different_trajectories_break_a_tie_of_size(
    base: BaseTree, candidate: Callable[..., Candidate]
) -> None:
    lone = candidate(SOURCE.replace("- 1", "+ 1"))
    voted = [candidate(SOURCE.replace("- 1", "* 1"), trajectory=t) for t in "ab"]
    bench = ScriptedBench({"x * 1": [GOOD]})
    assert choose(base, bench, [lone, *voted]).chosen == voted[0].id


def test_the_proposers_order_goes_before_votes_and_size(base: BaseTree, candidate: Callable[..., Candidate]) -> None:
    small = [candidate(SMALL, trajectory=t, order=1) for t in "ab"]
    large = candidate(LARGE, order=0)
    assert choose(base, ScriptedBench({"len(str": [GOOD]}), [*small, large]).chosen == large.id
    again = candidate(SMALL.replace("x + 1", "(x + 1)  # as somebody else ranks it"), trajectory="c", order=0)
    assert (
        choose(base, ScriptedBench({"x + 1": [GOOD], "(x + 1)": [GOOD]}), [*small, large, again]).chosen == small[0].id
    )


def test_what_changes_nothing_that_counts_is_dropped_with_its_reason(
    base: BaseTree, candidate: Callable[..., Candidate]
) -> None:
    empty = Candidate(id="e", trajectory_id="a", patch=Patch(diff=""), proposer="scripted")
    broken = Candidate(
        id="b",
        trajectory_id="a",
        patch=Patch(diff="--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-nope\n+x\n"),
        proposer="scripted",
    )
    only_tests = candidate("assert True\n", path="test_m.py")
    comment = candidate(SOURCE + "# a comment\n")
    selection = choose(base, ScriptedBench({}), [empty, broken, only_tests, comment])
    reasons = {d.candidate_id: d.reason for d in selection.dropped}
    assert reasons["e"] == "empty patch"
    assert "does not apply" in reasons["b"]
    assert "tests" in reasons[only_tests.id]
    assert "comments" in reasons[comment.id]
    assert selection.verdict == "abstained"


def test_no_candidates_is_an_abstention(base: BaseTree) -> None:
    assert choose(base, ScriptedBench({}), []).reason == "no candidate was proposed"


SECOND = "test_m.py::test_second"
TWO = {TARGET: Outcome.FAILED, SECOND: Outcome.FAILED, OTHER: Outcome.PASSED}
ONE_PASSES = {TARGET: Outcome.PASSED, SECOND: Outcome.FAILED, OTHER: Outcome.PASSED}
BOTH_PASS = {TARGET: Outcome.PASSED, SECOND: Outcome.PASSED, OTHER: Outcome.PASSED}


def of_two(base: BaseTree, bench: ScriptedBench, candidates: Sequence[Candidate], task: Task = TASK) -> Selection:
    selector = FirstSelector(base, bench, base_report=report(TWO), targets=[TARGET, SECOND])
    return selector.select(task, candidates)


def test_of_unnamed_targets_a_candidate_must_pass_what_it_claims(
    base: BaseTree, candidate: Callable[..., Candidate]
) -> None:
    bench = ScriptedBench({"x + 1": [ONE_PASSES]})
    part = candidate(SMALL, repairs=(TARGET,))
    assert of_two(base, bench, [part]).chosen == part.id
    assert bench.runs[0][1] == (TARGET,)


@pytest.mark.parametrize("claim", [(), (TARGET, SECOND), (SECOND,), ("test_m.py::test_other_than_targets",)])
def test_a_claim_that_is_not_true_falls(
    base: BaseTree, candidate: Callable[..., Candidate], claim: tuple[str, ...]
) -> None:
    selection = of_two(base, ScriptedBench({"x + 1": [ONE_PASSES]}), [candidate(SMALL, repairs=claim)])
    assert selection.verdict == "abstained"


def test_named_targets_must_all_pass_whatever_is_claimed(base: BaseTree, candidate: Callable[..., Candidate]) -> None:
    bench = ScriptedBench({"x + 1": [ONE_PASSES]})
    named = Task(id="t", failing_tests=(TARGET, SECOND))
    assert of_two(base, bench, [candidate(SMALL, repairs=(TARGET,))], named).verdict == "abstained"


def test_what_repairs_more_goes_before_what_is_smaller(base: BaseTree, candidate: Callable[..., Candidate]) -> None:
    bench = ScriptedBench({"+    y = x + 1\n": [ONE_PASSES], "len(str": [BOTH_PASS]})
    small, large = candidate(SMALL, repairs=(TARGET,)), candidate(LARGE, repairs=(TARGET, SECOND))
    assert of_two(base, bench, [small, large]).chosen == large.id


def test_the_order_of_candidates_never_matters(base: BaseTree, candidate: Callable[..., Candidate]) -> None:
    texts = [SMALL, LARGE, SOURCE.replace("- 1", "* 1"), SOURCE.replace("- 1", "// 1")]
    candidates = [candidate(text, trajectory=t) for text, t in zip(texts, "abca", strict=True)]
    decisions = {
        choose(
            base, ScriptedBench({"+    y = x + 1\n": [BREAKS], "": [{OTHER: Outcome.PASSED}], "x": [GOOD]}), order
        ).model_dump_json()
        for order in itertools.permutations(candidates)
    }
    assert len(decisions) == 1


def test_what_a_killed_selection_knew_is_not_run_again(base: BaseTree, candidate: Callable[..., Candidate]) -> None:
    recorded = {}
    small = candidate(SMALL)
    bench = ScriptedBench({"x + 1": [GOOD]})
    first = choose(base, bench, [small], record=recorded.__setitem__)
    again = choose(base, ScriptedBench({}), [small], known=recorded)
    assert again == first


def test_it_gives_up_after_so_many_clusters(base: BaseTree, candidate: Callable[..., Candidate]) -> None:
    candidates = [candidate(SOURCE.replace("- 1", f"+ {n}")) for n in range(2, 8)]
    bench = ScriptedBench({"x": [BASE]})
    selection = choose(base, bench, candidates, max_clusters=2)
    assert len(bench.runs) == 2
    assert "none of the 2 distinct changes that were run" in selection.reason

"""What must hold of every selection, whatever the evidence."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from selection.evidence import AGREEMENT, COMPARISON, JUDGE, LEARNED, Cell, Evidence, ProbeRecord, Verdict
from selection.policies import POLICIES, NoSeparator, Preferences, decide
from selection.policies.default import SLACK
from selection.standing import assess
from selection.values import Decision, Origin, Score, Separation
from tests.selection.evidence_kit import F, P, U, any_evidence, cells, entry, probe

OURS = ("default", "fusion")
OPINIONS = (JUDGE, LEARNED, COMPARISON, AGREEMENT)
THOROUGH = settings(max_examples=50, deadline=None)


def decided(evidence: Evidence, policy: str, price: float = 0.0) -> Decision:
    return decide(assess(evidence), Preferences(policy=policy, price_of_wrong=price), NoSeparator())


def with_probe(evidence: Evidence, record: ProbeRecord, runs: Sequence[Cell]) -> Evidence:
    fields = {"probes": (*evidence.probes, record), "cells": (*evidence.cells, *runs)}
    return Evidence.model_validate({**dict(evidence), **fields})


def members(evidence: Evidence, leader: str) -> tuple[str, ...]:
    return next(cluster.members for cluster in evidence.clusters if cluster.leader == leader)


@pytest.mark.parametrize("policy", POLICIES)
@THOROUGH
@given(data=st.data())
def test_order_never_matters(policy: str, data: st.DataObject) -> None:
    evidence = data.draw(any_evidence())
    shuffled = {
        name: tuple(data.draw(st.permutations(list(value)))) if isinstance(value, tuple) else value
        for name, value in evidence
    }
    assert decided(Evidence.model_validate(shuffled), policy) == decided(evidence, policy)


@pytest.mark.parametrize("policy", OURS)
@pytest.mark.parametrize("constant", [P, F, U])
@THOROUGH
@given(data=st.data())
def test_a_test_that_says_one_thing_of_all_ranks_nothing(policy: str, constant: Verdict, data: st.DataObject) -> None:
    evidence = data.draw(any_evidence())
    author = data.draw(st.sampled_from([None, *(e.trajectory_id for e in evidence.entries)]))
    more = with_probe(evidence, probe("new", author), cells("new", dict.fromkeys(evidence.leaders, constant)))
    assert decided(more, policy).ranking == decided(evidence, policy).ranking


@pytest.mark.parametrize("policy", OURS)
@THOROUGH
@given(data=st.data())
def test_a_flaky_test_ranks_nothing(policy: str, data: st.DataObject) -> None:
    evidence = data.draw(any_evidence())
    runs = cells("new", {leader: data.draw(st.sampled_from([P, F])) for leader in evidence.leaders})
    flip = runs[0].model_copy(update={"verdict": F if runs[0].verdict is P else P})
    more = with_probe(evidence, probe("new"), (*runs, flip))
    assert decided(more, policy).ranking == decided(evidence, policy).ranking


@pytest.mark.parametrize("policy", OURS)
@pytest.mark.parametrize("base", [(), (F,), (P, P), (F, P), (F, U), (F, F, U)], ids=str)
@THOROUGH
@given(data=st.data())
def test_a_test_that_was_not_shown_to_fail_on_base_ranks_nothing(
    policy: str, base: tuple[Verdict, ...], data: st.DataObject
) -> None:
    evidence = data.draw(any_evidence())
    runs = cells("new", {leader: data.draw(st.sampled_from([P, F, U])) for leader in evidence.leaders})
    more = with_probe(evidence, probe("new", base=base), runs)
    assert decided(more, policy).ranking == decided(evidence, policy).ranking


@pytest.mark.parametrize("policy", OURS)
@pytest.mark.parametrize("name", ["a", "z"])
@THOROUGH
@given(data=st.data())
def test_a_duplicate_ranks_nothing(policy: str, name: str, data: st.DataObject) -> None:
    evidence = data.draw(any_evidence())
    assume(evidence.probes)
    twin = data.draw(st.sampled_from(evidence.probes))
    runs = [cell.model_copy(update={"probe": name}) for cell in evidence.cells if cell.probe == twin.id]
    other_text = data.draw(st.booleans())  # equal results of one author, or equal text
    copy = twin.model_copy(update={"id": name, "digest": "another" if other_text else twin.digest})
    assert decided(with_probe(evidence, copy, runs), policy).ranking == decided(evidence, policy).ranking


@pytest.mark.parametrize("policy", OURS)
@THOROUGH
@given(data=st.data())
def test_a_self_serving_test_ranks_nothing(policy: str, data: st.DataObject) -> None:
    evidence = data.draw(any_evidence())
    favourite = data.draw(st.sampled_from(evidence.leaders))
    author = next(e.trajectory_id for e in evidence.entries if e.candidate_id == favourite)
    runs = cells("new", {leader: P if leader == favourite else F for leader in evidence.leaders})
    more = with_probe(evidence, probe("new", author, Origin.TRAJECTORY), runs)
    assert decided(more, policy).ranking == decided(evidence, policy).ranking


@pytest.mark.parametrize("policy", OURS)
@THOROUGH
@given(data=st.data())
def test_losing_a_pass_never_helps(policy: str, data: st.DataObject) -> None:
    evidence = data.draw(any_evidence(authors=False, least=2))
    passes = [cell for cell in evidence.cells if cell.verdict is P]
    assume(passes)
    lost = data.draw(st.sampled_from(passes))
    kept = [cell for cell in evidence.cells if cell is not lost]
    worse = Evidence.model_validate({**dict(evidence), "cells": kept})
    before, after = decided(evidence, policy).ranking, decided(worse, policy).ranking
    assert after.index(lost.leader) >= before.index(lost.leader)


@pytest.mark.parametrize("policy", OURS)
@THOROUGH
@given(data=st.data())
def test_a_gate_that_was_not_run_is_no_pass(policy: str, data: st.DataObject) -> None:
    evidence = data.draw(any_evidence(authors=False, least=2))
    passed = [gate for gate in evidence.gates if gate.verdict is P]
    assume(passed)
    lost = data.draw(st.sampled_from(passed))
    worse = evidence.model_copy(update={"gates": tuple(gate for gate in evidence.gates if gate is not lost)})
    before, after = decided(evidence, policy).ranking, decided(worse, policy).ranking
    assert after.index(lost.leader) >= before.index(lost.leader)


@pytest.mark.parametrize("policy", OURS)
@THOROUGH
@given(data=st.data())
def test_what_fell_at_the_gate_is_never_delivered(policy: str, data: st.DataObject) -> None:
    evidence = data.draw(any_evidence())
    fallen = {gate.leader for gate in evidence.gates if gate.verdict is F}
    decision = decided(evidence, policy)
    assert decision.chosen not in fallen
    assert (decision.chosen is None) == (fallen == set(evidence.leaders))


@pytest.mark.parametrize("policy", OURS)
@THOROUGH
@given(data=st.data())
def test_more_copies_by_one_family_never_help(policy: str, data: st.DataObject) -> None:
    evidence = data.draw(any_evidence(authors=False))
    favourite = data.draw(st.sampled_from([e for e in evidence.entries if e.family] or [entry("none")]))
    assume(favourite.candidate_id != "none")
    home = next(cluster for cluster in evidence.clusters if favourite.candidate_id in cluster.members)
    spread = {
        c.leader
        for e in evidence.entries
        if e.family == favourite.family
        for c in evidence.clusters
        if e.candidate_id in c.members
    }
    assume(spread == {home.leader})  # one that came to several changes says with a copy which it means
    copy = favourite.model_copy(update={"candidate_id": "copy", "trajectory_id": "t-copy", "position": 99})
    clusters = [
        c if c is not home else c.model_copy(update={"members": (*c.members, "copy")}) for c in evidence.clusters
    ]
    more = Evidence.model_validate({**dict(evidence), "entries": (*evidence.entries, copy), "clusters": clusters})
    assert decided(more, policy).ranking == decided(evidence, policy).ranking


@pytest.mark.parametrize("policy", POLICIES)
@THOROUGH
@given(evidence=any_evidence(), price=st.sampled_from([0.0, 0.5, 1.0, 9.0]))
def test_a_decision_is_whole(policy: str, evidence: Evidence, price: float) -> None:
    decision = decided(evidence, policy, price)
    assert sorted(decision.ranking) == list(evidence.leaders)
    assert sum(decision.shares.values()) == pytest.approx(0 if decision.verdict == "abstained" else 1)
    assert decision.probability is None or 0 < decision.probability < 1
    if decision.verdict == "chosen" and policy != "random":
        assert decision.shares == {decision.chosen: 1.0}


class Whim:
    """A separator that takes whichever it likes."""

    def __init__(self, taste: int) -> None:
        self.taste = taste

    def separate(self, task_id: str, finalists: tuple[str, ...]) -> Separation:
        return Separation(finalists=finalists, picked=finalists[self.taste % len(finalists)])


@THOROUGH
@given(
    evidence=any_evidence(least=2),
    taste=st.integers(0, 2),
    said=st.dictionaries(st.sampled_from(OPINIONS), st.randoms()),
)
def test_no_opinion_and_no_trajectory_outranks_execution(
    evidence: Evidence, taste: int, said: dict[str, random.Random]
) -> None:
    """Whatever models say, what is chosen is level with the best by gate and probes."""
    opinions = [
        Score(verifier=verifier, candidate_id=leader, value=chance.random())
        for verifier, chance in said.items()
        for leader in evidence.leaders
    ]
    silent = Evidence.model_validate({**dict(evidence), "scores": ()})
    loud = assess(Evidence.model_validate({**dict(evidence), "scores": opinions}))
    best = loud.standings[decided(silent, "default").ranking[0]]
    chosen = loud.standings[decide(loud, Preferences(), Whim(taste)).ranking[0]]
    assert chosen.gate is best.gate
    for one, other in ((chosen.support, best.support), (chosen.support_at_best, best.support_at_best)):
        assert (one is None) == (other is None)
        assert one is None or other is None or one >= other - 2 * SLACK

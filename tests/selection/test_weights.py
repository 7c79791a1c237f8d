"""What a probe counts, and what is said of one that counts nothing."""

import pytest

from selection.evidence import JUDGE, Evidence, Verdict
from selection.standing import OWN, assess
from selection.toxicity import correlation
from selection.values import Origin
from selection.votes import copies, votes
from selection.weights import QUALITY, ProbeWeight, fold, weigh
from tests.selection.evidence_kit import F, P, U, cells, cluster, entry, evidence, probe


def weights(known: Evidence) -> dict[str, ProbeWeight]:
    return {weight.probe: weight for weight in weigh(known, fold(known))}


def test_a_probe_counts_by_how_evenly_it_splits() -> None:
    known = evidence(
        *"abcd",
        matrix={
            "half": {"a": P, "b": P, "c": F, "d": F},
            "quarter": {"a": P, "b": F, "c": F, "d": F},
            "known half": {"a": P, "b": F, "c": U, "d": U},
        },
    )
    found = weights(known)
    quality = QUALITY[Origin.WRITER]
    assert found["half"].weight == pytest.approx(quality)
    assert found["quarter"].weight == pytest.approx(0.75 * quality)
    assert found["known half"].weight == pytest.approx(quality)


def test_what_fell_at_the_gate_is_not_split() -> None:
    known = evidence(*"abc", gates={"c": F}, matrix={"p": {"a": P, "b": P, "c": F}})
    assert (weights(known)["p"].weight, weights(known)["p"].reason) == (0, "every change in question passes")


def test_the_issue_s_own_words_count_most_and_tests_made_to_split_least() -> None:
    order = (Origin.ISSUE, Origin.TRAJECTORY, Origin.SELECTION)
    assert sorted(order, key=lambda origin: -QUALITY[origin]) == list(order)
    row = {"a": P, "b": F}
    known = evidence("a", "b", matrix={"p": row, "q": row}, probes=[probe("p"), probe("q", origin=Origin.ISSUE)])
    assert weights(known)["q"].weight > weights(known)["p"].weight


@pytest.mark.parametrize(
    "base, reason",
    [
        ((), "was not shown"),
        ((F,), "was not shown"),
        ((F, U), "was not shown"),
        ((F, F, U), "was not shown"),
        ((P, P), "passes on base"),
        ((F, P), "flaky"),
    ],
    ids=str,
)
def test_only_what_fails_on_base_for_its_reason_may_vote(base: tuple[Verdict, ...], reason: str) -> None:
    known = evidence("a", "b", matrix={"p": {"a": P, "b": F}}, probes=[probe("p", base=base)])
    assert weights(known)["p"].weight == 0
    assert reason in weights(known)["p"].reason


def test_a_pair_that_contradicts_itself_makes_the_probe_flaky() -> None:
    known = evidence("a", "b", matrix={"p": {"a": P, "b": F}})
    twice = known.model_copy(update={"cells": (*known.cells, *cells("p", {"a": F}))})
    assert fold(twice).verdicts["p"] == {"a": U, "b": F}
    assert "flaky" in weights(twice)["p"].reason


def test_a_pass_that_was_seen_once_and_lost_once_is_a_pass() -> None:
    known = evidence("a", "b", matrix={"p": {"a": P, "b": F}})
    twice = known.model_copy(update={"cells": (*known.cells, *cells("p", {"a": U}))})
    assert fold(twice).verdicts["p"]["a"] is P


def test_a_probe_without_results_counts_nothing() -> None:
    known = evidence("a", "b", probes=[probe("p")])
    assert (weights(known)["p"].weight, weights(known)["p"].reason) == (0, "no result")


def test_equal_tests_count_once_and_the_better_origin_stays() -> None:
    row = {"a": P, "b": F}
    same = [
        probe(n, f"t{n}", o).model_copy(update={"digest": "d"})
        for n, o in (("p", Origin.EXTERNAL), ("q", Origin.ISSUE))
    ]
    found = weights(evidence("a", "b", matrix={"p": row, "q": row}, probes=same))
    assert (found["p"].same_as, found["p"].weight, found["q"].same_as) == ("q", 0, None)


def test_one_author_s_tests_that_say_the_same_count_once_and_two_authors_twice() -> None:
    row = {"a": P, "b": F}
    one = weights(evidence("a", "b", matrix={"p": row, "q": row}, probes=[probe("p", "x"), probe("q", "x")]))
    two = weights(evidence("a", "b", matrix={"p": row, "q": row}, probes=[probe("p", "x"), probe("q", "y")]))
    assert [w.weight > 0 for w in one.values()] == [True, False]
    assert [w.weight > 0 for w in two.values()] == [True, True]


def test_own_passes_count_less_and_only_with_others_in_sight() -> None:
    matrix = {"own": {"a": P, "b": P, "c": F}, "other": {"a": F, "b": P, "c": P}}
    probes = [probe("own", "t-a"), probe("other")]
    standings = assess(evidence(*"abc", matrix=matrix, probes=probes)).standings
    own, other = 1.0 * QUALITY[Origin.WRITER], 4 * (2 / 3) * (1 / 3) * QUALITY[Origin.WRITER]
    assert standings["a"].support == pytest.approx(OWN * own / (OWN * own + other))
    assert standings["c"].support == pytest.approx(other / (own + other))


def test_unknown_is_no_pass_but_might_be_one() -> None:
    standings = assess(evidence(*"abc", matrix={"p": {"a": P, "b": F, "c": U}})).standings
    assert [(s.support, s.support_at_best) for s in standings.values()] == [(1, 1), (0, 0), (0, 1)]


TOXIC = {
    "toxic": {"a": F, "b": F, "c": P, "d": P},
    "sound": {"a": P, "b": F, "c": F, "d": F},
}


def test_a_probe_that_contradicts_suite_and_probes_is_toxic() -> None:
    known = evidence(*"abcd", gates={"a": P, "b": P, "c": F, "d": F}, matrix=TOXIC)
    found = weights(known)
    assert found["toxic"].toxic
    assert "passes 2 that the suite rejects, fails 2 that it accepts" in found["toxic"].reason
    assert not found["sound"].toxic


def test_a_probe_that_contradicts_suite_and_judge_is_toxic() -> None:
    known = evidence(
        *"abcd",
        gates={"a": P, "b": P, "c": F, "d": F},
        matrix={"toxic": TOXIC["toxic"]},
        scores={JUDGE: {"a": 0.9, "b": 0.8, "c": 0.2, "d": None}},
    )
    assert weights(known)["toxic"].toxic


@pytest.mark.parametrize(
    "gates, scores",
    [
        ({"a": P, "b": P, "c": F, "d": F}, {}),
        ({"a": P, "b": P, "c": F, "d": F}, {JUDGE: {"a": 0.1, "b": 0.2, "c": 0.8, "d": 0.9}}),
        ({}, {JUDGE: {"a": 0.9, "b": 0.9, "c": 0.2, "d": 0.1}}),
    ],
    ids=["nothing else is known", "the judge agrees with it", "the suite was not run"],
)
def test_one_witness_against_it_makes_no_probe_toxic(
    gates: dict[str, Verdict], scores: dict[str, dict[str, float | None]]
) -> None:
    known = evidence(*"abcd", gates=gates, matrix={"toxic": TOXIC["toxic"]}, scores=scores)
    assert not weights(known)["toxic"].toxic


def test_a_toxic_probe_has_no_vote() -> None:
    gates = {"a": P, "b": P, "c": P, "d": F}
    matrix = {
        "toxic": {"a": F, "b": F, "c": P, "d": P},
        "sound 1": {"a": P, "b": P, "c": F, "d": F},
        "sound 2": {"a": P, "b": F, "c": F, "d": F},
    }
    probes = [probe(name, name) for name in matrix]
    found = weights(evidence(*"abcd", gates=gates, matrix=matrix, probes=probes))
    assert (found["toxic"].toxic, found["toxic"].weight) == (True, 0)
    assert found["sound 1"].weight > 0


@pytest.mark.parametrize(
    "one, other, expected",
    [
        ({"a": 1, "b": 2, "c": 3}, {"a": 10, "b": 20, "c": 90}, 1),
        ({"a": 1, "b": 2, "c": 3}, {"a": 3, "b": 2, "c": 1}, -1),
        ({"a": 0, "b": 0, "c": 1, "d": 1}, {"a": 1, "b": 2, "c": 3, "d": 4}, 0.894427),
        ({"a": 1, "b": 1}, {"a": 1, "b": 2}, None),
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1, "b": 2}, {"c": 1}, None),
    ],
)
def test_rank_correlation(one: dict[str, float], other: dict[str, float], expected: float | None) -> None:
    assert correlation(one, other) == (None if expected is None else pytest.approx(expected, abs=1e-6))


def test_a_family_has_one_vote_and_divides_it() -> None:
    known = Evidence(
        task_id="t",
        entries=(
            *(entry(n, family="f") for n in ("a1", "a2", "a3", "b1")),
            entry("b2"),
            entry("b3", trajectory_id="t-b2"),
            entry("gone", family="g"),
        ),
        clusters=(cluster("a1", "a2", "a3"), cluster("b1", "b2", "b3")),
    )
    assert votes(known) == {"a1": 0.75, "b1": 1.25}
    assert copies(known) == {"a1": 3, "b1": 3}


def test_a_test_that_only_its_author_passes_is_no_witness_against_others() -> None:
    matrix = {"accused": TOXIC["toxic"], "self-serving": {"a": P, "b": F, "c": F, "d": F}}
    probes = [probe("accused"), probe("self-serving", "t-a", Origin.TRAJECTORY)]
    known = evidence(*"abcd", gates={"a": P, "b": P, "c": F, "d": F}, matrix=matrix, probes=probes)
    assert not weights(known)["accused"].toxic

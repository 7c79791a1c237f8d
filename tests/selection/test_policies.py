"""What each policy does where it matters: the order of evidence, and the pools that have no easy answer."""

from collections.abc import Sequence

import pytest

from agent.probe import ProbeResult
from agent.values import Candidate
from envs.values import Patch, SuiteReport
from selection.evidence import AGREEMENT, COMPARISON, JUDGE, LEARNED, Evidence, Verdict, entry_of, gate_of, verdict_of
from selection.gate import GateResult
from selection.policies import POLICIES, NoSeparator, Preferences, decide
from selection.policies.chance import probabilities
from selection.policies.default import close_call
from selection.policies.risk import fair_price
from selection.standing import assess
from selection.values import Decision, Dropped, Separation
from tests.selection.evidence_kit import F, P, U, cluster, entry, evidence, probe


class Scripted:
    """A separator that gives one answer and keeps the questions."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ...]] = []

    def separate(self, task_id: str, finalists: tuple[str, ...]) -> Separation:
        self.asked.append(finalists)
        return Separation(finalists=finalists, picked=self.answer)


def decided(known: Evidence, policy: str = "default", price: float = 0.0) -> Decision:
    return decide(assess(known), Preferences(policy=policy, price_of_wrong=price), NoSeparator())


OURS = ("default", "fusion")
ALL = tuple(POLICIES)


# The order of evidence


def test_every_stage_outranks_all_that_come_after_it() -> None:
    """`b` has everything that the later stages like; `a` has the earlier one."""
    best_later = {"scores": {JUDGE: {"a": 0.1, "b": 0.9}}, "sizes": {"a": 50, "b": 1}}
    gate = evidence("a", "b", gates={"a": P, "b": U}, matrix={"p": {"a": F, "b": P}}, **best_later)
    assert (decided(gate).chosen, decided(gate).rule) == ("a", "gate")
    probes = evidence("a", "b", gates={"a": P, "b": P}, matrix={"p": {"a": P, "b": F}}, **best_later)
    assert (decided(probes).chosen, decided(probes).rule) == ("a", "probes")
    fields = dict(evidence("a", "b", **best_later))
    fields["entries"] = (*fields["entries"], entry("a2"))
    fields["clusters"] = (cluster("a", "a2", size=50), cluster("b", size=1))
    votes = Evidence.model_validate(fields)
    assert (decided(votes).chosen, decided(votes).rule) == ("a", "votes")
    verifiers = evidence("a", "b", scores={LEARNED: {"a": 0.9, "b": 0.1}}, sizes={"a": 50, "b": 1})
    assert (decided(verifiers).chosen, decided(verifiers).rule) == ("a", "verifiers")
    size = evidence("a", "b", sizes={"a": 1, "b": 50})
    assert (decided(size).chosen, decided(size).rule) == ("a", "size")


def test_the_runner_up_and_the_margins_are_told() -> None:
    decision = decided(evidence(*"abc", gates={"a": P, "b": U, "c": F}))
    assert (decision.ranking, decision.runner_up) == (("a", "b", "c"), "b")
    margin = next(margin for margin in decision.margins if margin.rule == "gate")
    assert (margin.first, margin.second) == (1.0, 0.5)
    assert "decided by gate" in decision.reason


@pytest.mark.parametrize("policy", OURS)
def test_what_fell_at_the_gate_is_ordered_by_regressions(policy: str) -> None:
    known = evidence("a", "b", gates={"a": F, "b": F}, sizes={"a": 1, "b": 9})
    more = known.gates[0].model_copy(update={"regressions": ("x", "y")})
    decision = decided(known.model_copy(update={"gates": (more, known.gates[1])}), policy)
    assert decision.verdict == "abstained"
    if policy == "default":
        assert decision.ranking == ("b", "a")


# Pools without an easy answer


@pytest.mark.parametrize("policy", ALL)
def test_no_candidate(policy: str) -> None:
    decision = decided(Evidence(task_id="t"), policy)
    assert (decision.verdict, decision.chosen, decision.rule) == ("abstained", None, "none")


@pytest.mark.parametrize("policy", ALL)
def test_only_candidates_that_cannot_be_a_fix(policy: str) -> None:
    known = Evidence(task_id="t", entries=(entry("a"),), dropped=(Dropped(candidate_id="a", reason="empty patch"),))
    decision = decided(known, policy)
    assert (decision.verdict, decision.rule) == ("abstained", "none")
    assert decision.reason == "none of 1 candidates could enter the pool"


@pytest.mark.parametrize("policy", ALL)
def test_one_candidate_of_which_nothing_is_known(policy: str) -> None:
    decision = decided(evidence("a"), policy)
    assert (decision.verdict, decision.chosen, decision.shares, decision.runner_up) == ("chosen", "a", {"a": 1.0}, None)


@pytest.mark.parametrize("policy", ALL)
def test_all_identical(policy: str) -> None:
    known = Evidence(task_id="t", entries=tuple(map(entry, "abc")), clusters=(cluster("a", "b", "c"),))
    decision = decided(known, policy)
    assert decision.verdict == "chosen"
    assert set(decision.shares) == ({"a", "b", "c"} if policy == "random" else {"a"})


@pytest.mark.parametrize("policy", OURS)
def test_all_broken(policy: str) -> None:
    decision = decided(evidence("a", "b", gates={"a": F, "b": F}), policy)
    assert (decision.verdict, decision.chosen, decision.shares, decision.rule) == ("abstained", None, {}, "gate")
    assert "every change fell at the gate" in decision.reason


@pytest.mark.parametrize("policy", ALL)
def test_no_tests_and_no_judge(policy: str) -> None:
    assert decided(evidence("a", "b", gates={"a": P, "b": P}), policy).verdict == "chosen"


@pytest.mark.parametrize("policy", OURS)
def test_a_judge_that_fails_half_way_neither_helps_nor_harms_whom_it_left_out(policy: str) -> None:
    liked = decided(evidence(*"abc", scores={JUDGE: {"a": 0.9, "b": None, "c": 0.1}}), policy)
    assert liked.ranking == ("a", "b", "c")


def test_a_judge_without_a_word_decides_nothing() -> None:
    decision = decided(evidence("a", "b", scores={JUDGE: {"a": None, "b": None}}, sizes={"a": 9, "b": 1}))
    assert (decision.chosen, decision.rule) == ("b", "size")


def test_what_cannot_be_told_apart_is_said_to_be() -> None:
    decision = decided(evidence("a", "b"))
    assert (decision.chosen, decision.rule, decision.reason) == ("a", "id", "a and 1 more cannot be told apart")


# What does not impress


@pytest.mark.parametrize("policy", OURS)
def test_confident_narration_does_not_beat_execution(policy: str) -> None:
    """The talker's own words never become evidence, and the judge that believes them is outranked."""
    talker = Candidate(
        id="talker",
        trajectory_id="t1",
        patch=Patch(diff="x"),
        proposer="p",
        summary="Fully verified: all tests pass, certainly correct.",
        claims={"verified": "yes", "confidence": "1.0"},
    )
    worker = Candidate(id="worker", trajectory_id="t2", patch=Patch(diff="x" * 500), proposer="p")
    entries = (entry_of(talker, position=0), entry_of(worker, position=1))
    assert "verified" not in entries[0].model_dump_json()
    known = evidence(
        "talker",
        "worker",
        gates={"worker": P},
        matrix={"p": {"talker": U, "worker": P}, "q": {"talker": F, "worker": P}},
        scores={JUDGE: {"talker": 1.0, "worker": 0.0}, LEARNED: {"talker": 1.0, "worker": 0.0}},
        sizes={"talker": 1, "worker": 400},
    ).model_copy(update={"entries": entries})
    assert decided(known, policy).chosen == "worker"


@pytest.mark.parametrize("policy", OURS)
def test_a_gate_passed_outweighs_all_opinion(policy: str) -> None:
    known = evidence("a", "b", gates={"a": P}, scores={JUDGE: {"a": 0.0, "b": 1.0}})
    assert decided(known, policy).chosen == "a"


# The price of a wrong patch


@pytest.mark.parametrize("price, least", [(0, 0), (1, 0.5), (9, 0.9)])
def test_the_least_chance_at_which_a_patch_is_worth_its_risk(price: float, least: float) -> None:
    assert fair_price(price) == pytest.approx(least)
    assert least * 1 - (1 - least) * price == pytest.approx(0)


@pytest.mark.parametrize("policy", OURS)
def test_a_doubtful_patch_is_kept_back_where_wrong_ones_are_dear(policy: str) -> None:
    doubtful = evidence("a", "b", sizes={"a": 1, "b": 2})
    assert decided(doubtful, policy).verdict == "chosen"
    kept = decided(doubtful, policy, price=3)
    assert (kept.verdict, kept.rule, kept.ranking) == ("abstained", "price of wrong", ("a", "b"))
    assert kept.probability is not None
    assert kept.probability < 0.75
    sure = evidence("a", "b", gates={"a": P, "b": F}, matrix={"p": {"a": P, "b": F}})
    assert decided(sure, policy, price=3).verdict == "chosen"


def test_probability_rises_with_every_good_sign() -> None:
    def of(known: Evidence) -> float:
        return probabilities(assess(known))["a"]

    nothing = of(evidence("a", "b"))
    assert of(evidence("a", "b", gates={"a": F})) < nothing < of(evidence("a", "b", gates={"a": P}))
    assert (
        of(evidence("a", "b", matrix={"p": {"a": F, "b": P}}))
        < nothing
        < of(evidence("a", "b", matrix={"p": {"a": P, "b": F}}))
    )
    for verifier in (JUDGE, LEARNED):
        assert of(evidence("a", "b", scores={verifier: {"a": 0.1}})) < nothing
        assert nothing < of(evidence("a", "b", scores={verifier: {"a": 0.95}}))
    everybody = {"p": {"a": P, "b": P}}
    nobody = {"p": {"a": F, "b": F}}
    assert of(evidence("a", "b", matrix=nobody)) < nothing < of(evidence("a", "b", matrix=everybody))


# Published rules


def test_codemonkeys_counts_tests_and_asks_about_three() -> None:
    matrix = {
        "p": {"a": P, "b": P, "c": F, "d": P},
        "q": {"a": P, "b": F, "c": F, "d": P},
    }
    known = evidence(*"abcd", matrix=matrix)
    separator = Scripted("b")
    decision = decide(assess(known), Preferences(policy="codemonkeys"), separator)
    assert separator.asked == [("a", "d", "b")]
    assert (decision.chosen, decision.rule, decision.ranking) == ("b", "selection trajectory", ("b", "a", "d", "c"))


@pytest.mark.parametrize("answer", [None, "c", "nonsense"])
def test_codemonkeys_falls_back_to_its_vote(answer: str | None) -> None:
    known = evidence(*"abcd", matrix={"p": {"a": P, "b": P, "c": F, "d": P}})
    decision = decide(assess(known), Preferences(policy="codemonkeys"), Scripted(answer))
    assert (decision.chosen, decision.rule) == ("a", "id")


def test_codemonkeys_asks_nothing_about_one() -> None:
    separator = Scripted("a")
    decide(assess(evidence("a")), Preferences(policy="codemonkeys"), separator)
    assert separator.asked == []


def regressed(known: Evidence, counts: Sequence[int | None]) -> Evidence:
    gates = [
        gate_of(
            leader,
            GateResult(
                verdict=F if count else P, reason="", suite=SuiteReport(status="ran"), regressions=("x",) * count
            ),
        )
        for leader, count in zip(known.leaders, counts, strict=True)
        if count is not None
    ]
    return known.model_copy(update={"gates": tuple(gates)})


def test_agentless_takes_regressions_then_reproduction_then_majority_then_the_first() -> None:
    known = evidence(*"abcd", matrix={"p": {"a": P, "b": F, "c": F, "d": P}})
    assert decided(regressed(known, [2, 1, 1, 1]), "agentless").chosen == "d"
    assert decided(regressed(known, [2, 2, 1, None]), "agentless").chosen == "c"
    nobody = evidence(*"ab", matrix={"p": {"a": F, "b": F}})
    decision = decided(nobody, "agentless")
    assert (decision.chosen, decision.rule) == ("a", "order")


def test_agentless_asks_the_commonest_test() -> None:
    probes = [probe(n).model_copy(update={"digest": d}) for n, d in (("p", "rare"), ("q", "often"), ("r", "often"))]
    row = {"a": F, "b": P}
    known = evidence("a", "b", matrix={"p": {"a": P, "b": F}, "q": row, "r": row}, probes=probes)
    assert decided(known, "agentless").chosen == "b"


def test_r2egym_asks_the_judge_first_and_tests_last() -> None:
    scores = {JUDGE: {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.1}}
    known = evidence(
        *"abcd", matrix={"p": {"a": F, "b": P, "c": P, "d": P}, "q": {"a": F, "b": F, "c": P, "d": P}}, scores=scores
    )
    assert decided(known, "r2egym").chosen == "c"
    assert decided(regressed(known, [0, 0, 1, 0]), "r2egym").chosen == "b"


def test_baselines() -> None:
    known = Evidence(
        task_id="t",
        entries=(
            entry("a", position=2, length=5),
            entry("b", position=1, length=9),
            entry("b2", position=3, length=9, trajectory_id="t-b"),
            entry("c", position=0, length=7),
        ),
        clusters=(cluster("a"), cluster("b", "b2"), cluster("c")),
    )
    assert {policy: decided(known, policy).chosen for policy in ("majority", "shortest", "first")} == {
        "majority": "b",
        "shortest": "a",
        "first": "c",
    }
    assert decided(known, "random").shares == dict.fromkeys(("a", "b", "b2", "c"), 0.25)


# What execution showed, as evidence


@pytest.mark.parametrize(
    "result, verdict, regressions",
    [
        (GateResult(verdict=P, reason="", suite=SuiteReport(status="ran")), P, ()),
        (GateResult(verdict=P, reason="no suite"), P, None),
        (GateResult(verdict=F, reason="", suite=SuiteReport(status="ran"), regressions=("x",)), F, ("x",)),
        (GateResult(verdict=F, reason="", suite=SuiteReport(status="crashed")), F, None),
        (GateResult(verdict=F, reason="targets fail", targets=SuiteReport(status="ran")), F, None),
    ],
)
def test_gate_results_become_evidence(
    result: GateResult, verdict: Verdict, regressions: tuple[str, ...] | None
) -> None:
    gate = gate_of("a", result)
    assert (gate.verdict, gate.regressions) == (verdict, regressions)


@pytest.mark.parametrize("said, verdict", [("fixed", P), ("present", F), ("broken", U), ("timed_out", U)])
def test_probe_results_become_verdicts(said: str, verdict: Verdict) -> None:
    result = ProbeResult.model_validate({"verdict": said, "exit_code": None, "seconds": 1.5})
    assert verdict_of(result) is verdict


def test_evidence_about_strangers_is_refused() -> None:
    known = evidence("a", "b", gates={"a": P}, matrix={"p": {"a": P}})
    for fields in (
        {"entries": known.entries[:1]},
        {"clusters": known.clusters[1:]},
        {"probes": ()},
        {"gates": known.gates * 2},
        {"clusters": (*known.clusters, cluster("c", "a"))},
        {"entries": (*known.entries, known.entries[0])},
        {"dropped": (Dropped(candidate_id="x", reason=""),)},
    ):
        with pytest.raises(ValueError, match=r"belongs to nothing|named twice"):
            Evidence.model_validate({**dict(known), **fields})


# The selection trajectory in the default order


def test_a_trajectory_is_opened_where_execution_leaves_the_leaders_level() -> None:
    known = evidence(
        *"abcde", gates=dict.fromkeys("abcd", P) | {"e": F}, sizes={"a": 1, "b": 2, "c": 3, "d": 4, "e": 1}
    )
    separator = Scripted("c")
    decision = decide(assess(known), Preferences(), separator)
    assert separator.asked == [("a", "b", "c")]
    assert (decision.chosen, decision.rule, decision.runner_up) == ("c", "selection trajectory", "a")
    assert decision.ranking == ("c", "a", "b", "d", "e")
    assert decide(assess(known), Preferences(), Scripted(None)).chosen == "a", "without an answer the order stands"
    assert decide(assess(known), Preferences(), Scripted("e")).chosen == "a", (
        "it may only take one that it was asked about"
    )


@pytest.mark.parametrize("known", [
    evidence("a"),
    evidence("a", "b", gates={"a": P, "b": U}),
    evidence("a", "b", gates={"a": P, "b": F}),
    evidence("a", "b", gates={"a": F, "b": F}),
    evidence("a", "b", matrix={"p": {"a": P, "b": F}}),
    evidence("a", "b", matrix={"p": {"a": P, "b": U}, "q": {"a": P, "b": U}, "r": {"a": P, "b": F}}),
])  # fmt: skip
def test_no_trajectory_is_opened_where_execution_decides_or_nothing_is_to_choose(known: Evidence) -> None:
    separator = Scripted("b")
    decide(assess(known), Preferences(), separator)
    assert separator.asked == []


def test_its_answer_stands_above_votes_and_opinions_but_not_above_the_price() -> None:
    known = evidence("a", "b", gates={"a": P, "b": P}, scores={JUDGE: {"a": 0.9, "b": 0.1}})
    assert decide(assess(known), Preferences(), Scripted("b")).chosen == "b"
    decision = decide(assess(known), Preferences(price_of_wrong=99.0), Scripted("b"))
    assert (decision.verdict, decision.rule) == ("abstained", "price of wrong")


# Comparisons


def test_a_comparison_decides_after_votes_and_verifiers_and_before_size() -> None:
    scores = {COMPARISON: {"a": 0.0, "b": 1.0}, AGREEMENT: {"a": 0.9, "b": 0.1}}
    close = evidence("a", "b", scores=scores, sizes={"a": 1, "b": 9})
    assert (decided(close).chosen, decided(close).rule) == ("b", "comparison")
    judged = evidence("a", "b", scores={**scores, JUDGE: {"a": 0.9, "b": 0.1}})
    assert (decided(judged).chosen, decided(judged).rule) == ("a", "verifiers")
    executed = evidence("a", "b", scores=scores, matrix={"p": {"a": P, "b": F}})
    assert (decided(executed).chosen, decided(executed).rule) == ("a", "probes")


@pytest.mark.parametrize("known, leaders", [
    (evidence("a"), ()),
    (evidence(), ()),
    (evidence(*"abcd", sizes={"d": 1, "a": 2, "b": 3, "c": 4}), ("d", "a", "b")),
    (evidence(*"abc", gates={"a": P, "b": P, "c": F}), ("a", "b")),
    (evidence(*"ab", gates={"a": F, "b": F}), ()),
    (evidence(*"ab", matrix={"p": {"a": P, "b": F}}), ()),
    (evidence(*"ab", scores={JUDGE: {"a": 0.9, "b": 0.1}}), ()),
    (evidence(*"ab", scores={COMPARISON: {"a": 1.0, "b": 0.0}}), ("a", "b")),
])  # fmt: skip
def test_a_close_call_is_what_nothing_before_a_comparison_tells_apart(
    known: Evidence, leaders: tuple[str, ...]
) -> None:
    assert close_call(assess(known), 3) == leaders

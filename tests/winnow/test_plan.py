"""What the trajectories of a round do differently."""

from agent.trajectory.hypotheses import Hypothesis
from agent.trajectory.values import Parent
from winnow.plan import plan_round, who_proposes
from winnow.settings import Settings

HYPOTHESES = (Hypothesis(cause="the sign", files=("a.py",)), Hypothesis(cause="the unit"))
PARENTS = tuple(Parent(candidate_id=f"c{n}", diff=f"d{n}", evidence="fails t") for n in range(4))


def settings(**sections: object) -> Settings:
    return Settings.model_validate(sections)


def agents(count: int, **sections: dict) -> Settings:
    base = {
        "run": {"trajectories": count},
        "model": {"names": ("a", "b")},
        "agent": {"strategies": ("react", "iterate")},
    }
    return settings(**{name: {**base.get(name, {}), **sections.get(name, {})} for name in {*base, *sections}})


def test_who_proposes():
    assert who_proposes(settings()) == ("repair",)
    assert who_proposes(settings(model={"names": ("m",)})) == ("agent",)
    assert who_proposes(settings(model={"names": ("m",)}, run={"proposers": ("agent", "repair")})) == (
        "agent",
        "repair",
    )


def test_the_repairer_varies_by_its_seed():
    seats = plan_round(settings(run={"trajectories": 3, "seed": 5}), 2).seats
    assert [seat.seed for seat in seats] == [8, 9, 10]
    assert [seat.index for seat in seats] == [3, 4, 5]
    assert len({seat.seat for seat in seats}) == 3


def test_strategies_and_models_are_crossed():
    seats = plan_round(agents(4), 1).seats
    assert {(seat.assignment.strategy, seat.assignment.model) for seat in seats} == {
        ("react", "a"), ("iterate", "a"), ("react", "b"), ("iterate", "b"),
    }  # fmt: skip


def test_every_third_is_left_to_itself():
    seats = plan_round(agents(6), 1, hypotheses=HYPOTHESES).seats
    assert [seat.assignment.hypothesis for seat in seats] == ["", "the sign", "the unit", "", "the sign", "the unit"]
    assert seats[1].assignment.focus == ("a.py",)


def test_the_first_is_greedy_and_the_user_is_obeyed():
    assert [seat.assignment.temperature for seat in plan_round(agents(3), 1).seats] == [0.0, 0.8, 0.8]
    assert {seat.assignment.temperature for seat in plan_round(agents(3, model={"temperature": 0.3}), 1).seats} == {0.3}
    assert plan_round(agents(2), 2).seats[0].assignment.temperature == 0.8, (
        "a later round does not repeat the greedy one"
    )


def test_later_rounds_learn_but_not_all_of_them():
    seats = plan_round(agents(3), 2, hypotheses=HYPOTHESES, earlier=("tried x",), parents=PARENTS).seats
    free, *refined = [seat.assignment for seat in seats]
    assert free.earlier == ("tried x",) and not free.parents and not free.hypothesis
    assert [parent.candidate_id for parent in refined[0].parents] == ["c0", "c1", "c2"]
    assert [parent.candidate_id for parent in refined[1].parents] == ["c1", "c2", "c3"]
    assert not any(assignment.earlier for assignment in refined)


def test_a_mixed_pool_has_one_search_beside_the_agents():
    seats = plan_round(agents(2, run={"proposers": ("agent", "repair")}), 1).seats
    assert [(seat.seat, seat.proposer) for seat in seats] == [("r1t0", "agent"), ("r1t1", "agent"), ("r1s0", "repair")]


def test_rounds_never_share_a_seat():
    names = [
        seat.seat
        for number in (1, 2, 3)
        for seat in plan_round(agents(2, run={"proposers": ("agent", "repair")}), number).seats
    ]
    assert len(names) == len(set(names))

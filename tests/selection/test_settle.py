"""The stop rule, against the figures that its source gives."""

import pytest

from selection.settle import Belief, is_settled, worth


@pytest.mark.parametrize(("wrong", "last"), [(0.7, 3), (1.0, 2), (2.0, 1)])
def test_the_papers_optima(wrong: float, last: int):
    """K* = 3, 2, 1 for a false accept that costs 0.7, 1 and 2, with a perfect completeness and a soundness of 0.75."""
    belief = Belief(completeness=1.0, soundness=0.75, wrong=wrong)
    assert worth(last - 1, belief) >= 0 > worth(last, belief)


def test_a_cheap_mistake_never_stops():
    belief = Belief(completeness=1.0, soundness=0.75, wrong=0.3)
    assert all(worth(rejected, belief) > 0 for rejected in range(200))


def test_a_price_stops_it():
    assert worth(0, Belief(cost=2.0)) < 0


def test_what_targets_judge_is_settled_at_once():
    assert is_settled(chosen=1, votes=(1, 1, 1), rejected=0, judged_by_targets=True)


@pytest.mark.parametrize(
    ("chosen", "votes", "settled"), [(3, (3, 1), True), (2, (2, 1, 1), False), (3, (3, 3), False), (1, (1,), False)]
)
def test_without_targets_tries_must_agree(chosen: int, votes: tuple[int, ...], settled: bool):
    assert is_settled(chosen=chosen, votes=votes, rejected=0, judged_by_targets=False) is settled


def test_rejections_settle_that_it_is_hopeless():
    assert not is_settled(chosen=None, votes=(), rejected=0, judged_by_targets=True)
    assert is_settled(chosen=None, votes=(), rejected=3, judged_by_targets=False)

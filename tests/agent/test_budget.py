"""No interleaving spends more than a limit."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.budget import Budget, BudgetLimits
from agent.models.errors import BudgetExhausted, PriceUnknown
from agent.values import Usage


def usage(usd: float | None = 0.0, tokens: int = 0, calls: int = 1) -> Usage:
    return Usage(calls=calls, input_tokens=tokens, usd=usd)


costs = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted)
steps = st.lists(
    st.tuples(st.integers(0, 3), costs, st.sampled_from(["settle", "release", "leave", "later"])), max_size=40
)


@given(steps, st.integers(0, 300), st.integers(0, 300), st.integers(0, 20))
@settings(deadline=None)
def test_no_order_of_calls_exceeds_a_limit(plan: list[Any], own: int, whole: int, calls: int) -> None:
    """Four trajectories under one run; what is reserved or spent, in truth, stays under every limit at every moment."""
    run = Budget(BudgetLimits(usd=whole / 100, calls=calls))
    trajectories = [Budget(BudgetLimits(tokens=own), parent=run) for _ in range(4)]
    open_: list[tuple[Any, Usage]] = []
    real: list[Usage] = []
    for index, (actual, worst), how in plan:
        try:
            reservation = trajectories[index].reserve(usage(worst / 100, worst))
        except BudgetExhausted:
            continue
        truth = {"settle": usage(actual / 100, actual), "release": usage(0, 0, 0)}.get(how, usage(worst / 100, worst))
        real.append(truth)
        assert sum(one.usd or 0 for one in real) <= whole / 100 + 1e-6, "settled or still reserved"
        if how == "later":
            open_.append((reservation, truth))
        with_context = {"settle": lambda r=reservation, t=truth: r.settle(t), "release": reservation.release}
        with_context.get(how, lambda: None)()
        if how == "leave":
            with reservation:
                pass
        assert run.spent.usd is not None
        assert run.spent.usd <= whole / 100 + 1e-6
    for reservation, truth in reversed(open_):
        reservation.settle(truth)
    spent = run.spent
    assert spent.usd == pytest.approx(sum(one.usd or 0 for one in real))
    assert spent.usd is not None and spent.usd <= whole / 100 + 1e-6
    assert spent.calls == sum(one.calls for one in real) <= calls
    assert all(budget.spent.input_tokens <= own for budget in trajectories)
    assert run._reserved == Usage() or run._reserved.usd == pytest.approx(0)


@given(st.integers(1, 60), st.integers(0, 5), st.integers(5, 9))
@settings(max_examples=15, deadline=None)
def test_threads_do_not_exceed_a_limit(limit: int, actual: int, worst: int) -> None:
    run = Budget(BudgetLimits(usd=limit / 1000))
    under_way, peak, lock = [0.0], [0.0], threading.Lock()

    def trajectory(_: int) -> int:
        mine, done = Budget(parent=run), 0
        for _turn in range(20):
            try:
                with mine.reserve(usage(worst / 1000)) as reservation:
                    with lock:
                        under_way[0] += worst
                        peak[0] = max(peak[0], under_way[0])
                    reservation.settle(usage(actual / 1000))
                    with lock:
                        under_way[0] -= worst - actual
                    done += 1
            except BudgetExhausted:
                break
        return done

    with ThreadPoolExecutor(8) as pool:
        calls = sum(pool.map(trajectory, range(8)))
    assert run.spent.calls == calls
    assert run.spent.usd == pytest.approx(calls * actual / 1000)
    assert calls * actual <= limit
    if worst <= limit:
        assert calls >= 1


@pytest.mark.parametrize(
    "limits", [BudgetLimits(usd=0), BudgetLimits(tokens=0), BudgetLimits(calls=0), BudgetLimits(seconds=0)]
)
@pytest.mark.parametrize("worst", [usage(0.1, 10), usage(0.0, 0, 0)])
def test_a_limit_of_nothing_refuses_everything(limits: BudgetLimits, worst: Usage) -> None:
    for budget in (Budget(limits), Budget(parent=Budget(limits))):
        with pytest.raises(BudgetExhausted) as caught:
            budget.reserve(worst)
        assert caught.value.hint
        assert budget.fraction_left() == 0
        assert budget.spent == Usage()


def test_an_unknown_price_is_not_nothing() -> None:
    with pytest.raises(PriceUnknown) as caught:
        Budget(BudgetLimits(usd=5)).reserve(usage(None, 10))
    assert "price" in caught.value.hint
    assert Budget(BudgetLimits(usd=5)).fits(usage(None)) == 0
    free = Budget(BudgetLimits(tokens=100))
    with free.reserve(usage(None, 60)) as reservation:
        reservation.settle(usage(None, 50))
    assert free.spent.usd is None
    with pytest.raises(PriceUnknown):
        Budget(BudgetLimits(usd=5), spent=usage(None, 1)).reserve(usage(0.1))


def test_a_refused_reservation_leaves_nothing_behind() -> None:
    run = Budget(BudgetLimits(calls=1))
    mine = Budget(BudgetLimits(calls=9), parent=run)
    with mine.reserve(usage()), pytest.raises(BudgetExhausted, match="1 calls"):
        mine.reserve(usage())
    assert mine.spent.calls == run.spent.calls == 1


def test_a_call_that_ends_without_a_word_costs_its_worst() -> None:
    budget = Budget(BudgetLimits(usd=1))
    with pytest.raises(KeyboardInterrupt), budget.reserve(usage(0.4)):
        raise KeyboardInterrupt
    assert budget.spent.usd == pytest.approx(0.4)


def test_only_the_first_settlement_counts() -> None:
    budget = Budget()
    reservation = budget.reserve(usage(0.4))
    reservation.settle(usage(0.1))
    reservation.settle(usage(0.3))
    reservation.release()
    assert budget.spent.usd == pytest.approx(0.1)


def test_time_is_up() -> None:
    now = [100.0]
    budget = Budget(BudgetLimits(seconds=60), elapsed_s=20, clock=lambda: now[0])
    budget.reserve(usage()).release()
    assert budget.remaining().seconds == 40
    now[0] += 40
    assert budget.fits(usage()) == 0
    with pytest.raises(BudgetExhausted, match="60 seconds"):
        budget.reserve(usage())


def test_how_many_more_calls_fit() -> None:
    run = Budget(BudgetLimits(usd=1.0))
    mine = Budget(BudgetLimits(tokens=100), parent=run)
    assert mine.fits(usage(0.3, 10)) == 3
    assert mine.fits(usage(0.1, 10)) == 10
    assert mine.fits(usage(0.0, 60)) == 1
    assert Budget().fits(usage(0.3)) is None
    for left in (3, 2, 1, 0):
        assert mine.fits(usage(0.3, 10)) == left
        if left:
            mine.reserve(usage(0.3, 10)).settle(usage(0.3, 10))
    assert mine.fraction_left() == pytest.approx(0.1)
    assert mine.remaining().tokens == 70


def test_the_past_counts_at_once_and_shows_as_it_is_served() -> None:
    """A resumed trajectory must see at each turn what the killed one saw, and yet nobody may spend its money."""
    run = Budget(BudgetLimits(calls=5))
    mine = Budget(BudgetLimits(usd=1.0), parent=run, past=usage(0.6, calls=3))
    other = Budget(parent=run)
    assert (mine.spent, mine.fraction_left(), mine.fits(usage(0.2))) == (Usage(), 1.0, 5)
    with pytest.raises(BudgetExhausted):
        mine.reserve(usage(0.5))
    other.reserve(usage()).settle(usage())
    other.reserve(usage()).settle(usage())
    with pytest.raises(BudgetExhausted):
        other.reserve(usage())
    for _ in range(3):
        mine.recall(usage(0.2))
    assert mine.spent.usd == pytest.approx(0.6)
    assert run.spent.calls == 5
    assert mine.fraction_left() == 0.0, "the run's calls are used up"
    assert mine._past.calls == run._past.calls == 0

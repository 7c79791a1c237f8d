"""The statistics of a report against brute force and published values."""

import itertools
import math

import pytest

from winnow.eval.report.statistics import compare_pairs, mcnemar, mean, pass_at, wilson


@pytest.mark.parametrize(("tries", "right", "k"), [(5, 2, 1), (5, 2, 3), (5, 0, 2), (5, 5, 5), (4, 1, 4), (6, 3, 4)])
def test_pass_at_is_the_share_of_draws_with_a_right_one(tries: int, right: int, k: int) -> None:
    draws = list(itertools.combinations([True] * right + [False] * (tries - right), k))
    assert pass_at(k, tries=tries, right=right) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_needs_as_many_tries() -> None:
    assert pass_at(3, tries=2, right=2) is None


def test_pass_at_is_exact_for_many_tries() -> None:
    assert pass_at(100, tries=1000, right=1) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    # Newcombe 1998, table I (Wilson without continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_published_intervals(right: int, total: int, low: float, high: float) -> None:
    found = wilson(right, total)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_nothing_is_known_of_no_tasks() -> None:
    assert wilson(0, 0).value is None and mean([], resamples=10, seed=0).value is None


@pytest.mark.parametrize(("one", "two"), [(0, 0), (3, 3), (1, 8), (0, 6), (12, 4)])
def test_mcnemar_is_the_two_sided_binomial_test(one: int, two: int) -> None:
    total = one + two
    extreme = [k for k in range(total + 1) if abs(k - total / 2) >= abs(one - total / 2)]
    assert mcnemar(one, two) == pytest.approx(sum(math.comb(total, k) for k in extreme) / 2**total)


def test_mcnemar_with_thousands_of_tasks() -> None:
    assert 0 < mcnemar(1400, 1000) < 1e-14


def test_pairs_are_counted_and_resampled_together() -> None:
    first = [True] * 30 + [False] * 30
    second = [True] * 33 + [False] * 27
    found = compare_pairs(first, second, resamples=500)
    assert (found.both, found.only_first, found.only_second, found.neither) == (30, 0, 3, 27)
    assert found.p_value == 0.25
    assert found.difference.value == pytest.approx(0.05)
    # Unpaired resamples of two shares of about one half among 60 would spread over more than 0.3.
    assert found.difference.low is not None and found.difference.low >= 0
    assert found.difference.high is not None and found.difference.high <= 0.12

from datetime import date

import pytest

from recur import add_months, days_in_month, is_leap, last_day


@pytest.mark.parametrize("year, expected", [(2024, True), (2023, False), (1900, False), (2000, True)])
def test_leap_years(year, expected):
    assert is_leap(year) is expected


@pytest.mark.parametrize("year, month, expected", [(2023, 1, 31), (2023, 2, 28), (2024, 2, 29), (2023, 4, 30)])
def test_days_in_month(year, month, expected):
    assert days_in_month(year, month) == expected


def test_last_day():
    assert last_day(2024, 2) == date(2024, 2, 29)
    assert last_day(2023, 12) == date(2023, 12, 31)


@pytest.mark.parametrize(
    "day, count, expected",
    [
        (date(2023, 1, 15), 1, date(2023, 2, 15)),
        (date(2023, 1, 31), 1, date(2023, 2, 28)),
        (date(2023, 11, 30), 2, date(2024, 1, 30)),
        (date(2023, 3, 31), -1, date(2023, 2, 28)),
        (date(2023, 5, 31), 12, date(2024, 5, 31)),
    ],
)
def test_add_months(day, count, expected):
    assert add_months(day, count) == expected


def test_add_months_reaches_the_leap_day():
    """Reported as issue 12: a contract of 31 October that runs four months ended a day early."""
    assert add_months(date(2023, 10, 31), 4) == date(2024, 2, 29)


def test_add_months_from_a_leap_year():
    assert add_months(date(2024, 10, 31), 4) == date(2025, 2, 28)
    assert add_months(date(2024, 3, 31), 23) == date(2026, 2, 28)

"""Rules by which dates come again."""

from datetime import timedelta

from recur.months import add_months

SATURDAY = 5


def every_month(start, times):
    """Return `times` dates, each a month after the one before, beginning with `start`; short months do not shift later ones."""
    return [add_months(start, count) for count in range(times)]


def quarter_of(day):
    """Return the quarter that a date lies in, from 1."""
    return (day.month - 1) // 3 + 1


def next_working_day(day, holidays=()):
    """Return the date itself when it is a working day, else the first one after it."""
    while day.weekday() >= SATURDAY or day in holidays:
        day += timedelta(days=1)
    return day


def working_days_between(first, last, holidays=()):
    """Count the working days from `first` to `last`, both included."""
    count = 0
    while first <= last:
        if first.weekday() < SATURDAY and first not in holidays:
            count += 1
        first += timedelta(days=1)
    return count

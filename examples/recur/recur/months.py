"""Arithmetic with months, which have no fixed length."""

from datetime import date

LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year):
    """Say whether a year has a 29th of February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year, month):
    """Return the number of days of a month."""
    if month == 2 and is_leap(year):
        return 29
    return LENGTHS[month - 1]


def last_day(year, month):
    """Return the last date of a month."""
    return date(year, month, days_in_month(year, month))


def add_months(day, count):
    """Return the date `count` months later; the end of a shorter month stands for days that it does not have."""
    months = day.year * 12 + day.month - 1 + count
    year, month = divmod(months, 12)
    month += 1
    return date(year, month, min(day.day, days_in_month(day.year, month)))

"""Dates that come again: months, quarters, working days."""

from recur.months import add_months, days_in_month, is_leap, last_day
from recur.rules import every_month, next_working_day, quarter_of, working_days_between

__all__ = [
    "add_months",
    "days_in_month",
    "every_month",
    "is_leap",
    "last_day",
    "next_working_day",
    "quarter_of",
    "working_days_between",
]

from datetime import date

from recur import every_month, next_working_day, quarter_of, working_days_between


def test_every_month_keeps_to_the_end():
    assert every_month(date(2023, 1, 31), 4) == [
        date(2023, 1, 31),
        date(2023, 2, 28),
        date(2023, 3, 31),
        date(2023, 4, 30),
    ]


def test_quarters():
    assert [quarter_of(date(2023, month, 1)) for month in (1, 3, 4, 12)] == [1, 1, 2, 4]


def test_next_working_day():
    assert next_working_day(date(2023, 9, 16)) == date(2023, 9, 18)
    assert next_working_day(date(2023, 9, 15)) == date(2023, 9, 15)
    assert next_working_day(date(2023, 9, 18), holidays=[date(2023, 9, 18)]) == date(2023, 9, 19)


def test_working_days_between():
    assert working_days_between(date(2023, 9, 11), date(2023, 9, 17)) == 5
    assert working_days_between(date(2023, 9, 11), date(2023, 9, 17), holidays=[date(2023, 9, 13)]) == 4

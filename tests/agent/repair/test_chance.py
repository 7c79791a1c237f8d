"""How much the passing of an edit says, and that a killed search comes to the same."""

from types import SimpleNamespace

import pytest

from agent.repair.engine.candidates import BODY, Candidate
from agent.repair.engine.chance import Chance
from agent.repair.engine.edits import Edit

CODE = """
def bounded(value, low, high):
    if value < low:
        return low
    if value > high:
        return low
    return value
"""
TESTS = """
from bounds import bounded

def test_high():
    assert bounded(9, 0, 5) == 5

def test_low():
    assert bounded(-9, 0, 5) == 0
"""


def candidate(start: int, end: int, *, line: int = 1, function: str = "f") -> Candidate:
    unit = SimpleNamespace(source=SimpleNamespace(path="a.py"), qualname=function)
    return Candidate(Edit(start, end, "x", "number", line), unit, 1.0, 1.0, BODY)  # type: ignore[arg-type]


def test_an_edit_whose_neighbours_pass_too_says_less():
    chance = Chance()
    for place in range(40):
        chance.note(candidate(10, 20), passed=place % 2 == 0)
        chance.note(candidate(30, 40), passed=place == 0)
    assert chance.log_rate(candidate(30, 40)) < chance.log_rate(candidate(10, 20)) - 1
    # a part of a place, or what encloses it, is that place; one beside it is not
    assert (
        chance.log_rate(candidate(32, 33)) == chance.log_rate(candidate(25, 45)) == chance.log_rate(candidate(30, 40))
    )
    between = chance.log_rate(candidate(20, 30))
    assert chance.log_rate(candidate(30, 40)) < between < chance.log_rate(candidate(10, 20))


def test_what_little_is_known_of_is_judged_by_its_function_and_by_all():
    chance = Chance()
    for place in range(100):
        chance.note(candidate(10, 20, function="easy"), passed=True)
        chance.note(candidate(10, 20, function="hard"), passed=False)
        chance.note(candidate(place, place + 1, function="other"), passed=place < 5)
    rates = [chance.log_rate(candidate(900, 901, function=name)) for name in ("easy", "unknown", "hard")]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 3


@pytest.fixture
def search(project, run_engine):
    tree = project({"bounds.py": CODE, "test_bounds.py": TESTS})
    return lambda **fields: run_engine(tree, ["test_bounds.py::test_high"], max_candidates=400, batch=20, **fields)


def test_scores_of_a_search_that_was_killed_are_those_of_a_whole_one(search):
    whole = search()
    (scores,) = [event["scores"] for event in whole if event["event"] == "scores"]
    assert len(scores) > 1
    for kept in (1, 3, 6):
        past, rounds = [], 0
        for event in whole:
            rounds += event["event"] == "progress"
            past.append(event)
            if rounds == kept:
                break
        known = [event["index"] for event in past if event["event"] == "plausible"]
        passed = [index for event in past if event["event"] == "progress" for index in event["passed"]]
        after = max(event["next"] for event in past if event["event"] == "progress")
        rest = search(skip=after, known=known, passed=passed)
        assert [event["scores"] for event in rest if event["event"] == "scores"] == [scores]

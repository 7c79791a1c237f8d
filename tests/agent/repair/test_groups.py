"""Failing tests that nobody named: which belong together, which are taken first, and what an edit claims to repair."""

from itertools import pairwise

import pytest

SHOP = """
def total(prices):
    result = 0
    for price in prices:
        result -= price
    return result


def cheapest(prices):
    return min(prices) if prices else None


def label(name, width):
    return name.ljust(width)


def parse(text):
    return [int(part) for part in text.split(",")]
"""
TOTAL = SHOP.replace("-= price", "+= price")
TESTS = """
import sys
from shop import *

def test_total():
    assert total([1, 2, 3]) == 6

def test_total_of_two():
    assert total([5, 7]) == 12

def test_total_of_none():
    assert total([]) == 0

def test_cheapest():
    assert cheapest([3, 1]) == 1

def test_cheapest_of_none():
    # no edit of this module can know that
    assert cheapest([]) == "ask the clerk on floor %d" % len(sys.version.split())

def test_label():
    assert label("tea", 5) == "tea  "

def test_platform():
    # what the package does has nothing to do with it
    assert sys.platform == "plan9"
"""


def kinds(events, kind):
    return [event for event in events if event["event"] == kind]


def names(*tests):
    return [f"test_shop.py::{test}" for test in tests]


@pytest.fixture
def shop(project):
    return lambda tests=TESTS: project({"shop.py": SHOP, "test_shop.py": tests})


FAILING = names("test_total", "test_total_of_two", "test_cheapest_of_none", "test_platform")


def test_what_one_edit_repairs_is_repaired_and_the_rest_is_left(shop, run_engine, plausible):
    tree = shop()
    events = run_engine(tree, FAILING, together=False, max_plausible=3, max_candidates=900)
    (baseline,) = kinds(events, "baseline")
    assert baseline["groups"] == [names("test_total", "test_total_of_two"), names("test_cheapest_of_none")]
    assert TOTAL in plausible(tree, events)
    for event in kinds(events, "plausible"):
        assert event["repairs"] == names("test_total", "test_total_of_two")
        assert event["flags"] == []


def test_named_tests_must_all_pass(shop, run_engine):
    events = run_engine(shop(), names("test_total", "test_cheapest_of_none"), max_candidates=300)
    assert kinds(events, "plausible") == []


def test_a_group_that_is_too_large_is_taken_apart(shop, run_engine, plausible):
    """One function, two causes: the first cannot be repaired."""
    tree = shop(TESTS.replace("cheapest([])", "total([7, 8])"))
    events = run_engine(tree, FAILING, together=False, max_plausible=3, max_candidates=900)
    (baseline,) = kinds(events, "baseline")
    assert baseline["groups"] == [names("test_cheapest_of_none", "test_total", "test_total_of_two")]
    assert TOTAL in plausible(tree, events)
    best = next(event for event in kinds(events, "plausible") if event["replacement"] == "+=")
    assert best["repairs"] == names("test_total", "test_total_of_two")
    assert best["flags"] == ["part"]


def test_cases_of_one_test_may_have_two_causes(project, run_engine, plausible):
    tests = """
import pytest
from shop import total

@pytest.mark.parametrize("prices, expected", [([1, 2], 3), ([4], 4), ([1, 1], "a gift of the house")])
def test_total(prices, expected):
    assert total(prices) == expected
"""
    tree = project({"shop.py": SHOP, "test_shop.py": tests})
    cases = [f"test_shop.py::test_total[prices{n}-{e}]" for n, e in enumerate((3, 4, "a gift of the house"))]
    events = run_engine(tree, cases, together=False, max_plausible=3, max_candidates=900)
    assert TOTAL in plausible(tree, events)
    assert any(event["repairs"] == cases[:2] for event in kinds(events, "plausible"))


def test_the_issue_says_which_group_comes_first(project, run_engine):
    code = SHOP.replace("width)\n", "width - 1)\n")
    tests = TESTS + "\ndef test_label_of_none():\n    assert label('', 2) == '  '\n"
    tree = project({"shop.py": code, "test_shop.py": tests})
    failing = [*FAILING, *names("test_label", "test_label_of_none")]

    def first(issue):
        events = run_engine(tree, failing, together=False, issue=issue, max_plausible=1, max_candidates=900)
        (edit,) = kinds(events, "plausible")
        return edit["function"]

    assert first("") == "label"  # as many tests as `total` has, and the earlier name
    assert first("The labels on the shelves are too short.") == "label"
    assert first("`total([1, 2])` is negative") == "total"


def test_equal_requests_plan_alike_and_a_killed_search_goes_on(shop, run_engine):
    tree = shop()
    fields = {"together": False, "max_candidates": 900}
    whole = run_engine(tree, FAILING, **fields)
    again = run_engine(tree, FAILING, **fields)
    edits, repeated = (
        [(e["index"], e["replacement"], e["repairs"]) for e in kinds(x, "plausible")] for x in (whole, again)
    )
    assert edits == repeated
    assert len(edits) > 1
    nexts = [event["next"] for event in kinds(whole, "progress")]
    assert all(one <= two for one, two in pairwise(nexts))
    # killed after the first edit: that group is known to have given something, so that no other one is searched
    rest = run_engine(tree, FAILING, skip=edits[0][0] + 1, known=[edits[0][0]], **fields)
    assert [(e["index"], e["replacement"], e["repairs"]) for e in kinds(rest, "plausible")] == edits[1:]
    everything = run_engine(tree, FAILING, skip=edits[-1][0] + 1, known=[index for index, _, _ in edits], **fields)
    assert kinds(everything, "plausible") == []
    assert everything[-1]["reason"] == whole[-1]["reason"]

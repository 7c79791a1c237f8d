"""Leaders side by side: only what holds in both orders counts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.budget import Budget, BudgetLimits
from agent.journal import Journal
from agent.models.errors import ModelUnavailable
from agent.models.journaled import ReplayModel
from agent.models.open import Endpoint
from agent.models.port import ChatModel
from agent.models.scripted import Line, ScriptedModel, says
from agent.models.values import ChatRequest, Sampling
from agent.values import Candidate
from envs.patches import BaseTree
from selection.judge.compare import ModelComparer, read_ranking
from selection.values import Score
from tests.selection.conftest import ISSUE, RIGHT, SOURCE, WRONG

Make = Callable[..., Candidate]
WORSE = SOURCE.replace("return result", "return 0")
MERITS = {"result += price": 2, "abs(result)": 1, "return 0": 0}


def parts(request: ChatRequest) -> dict[str, str]:
    """By letter, what a change does."""
    found = request.messages[-1].content.split("\nChange ")[1:]
    return {part[0]: part.partition("Which of these")[0] for part in found}


def merit(change: str) -> int:
    return next(worth for sign, worth in MERITS.items() if f"+            {sign}" in change or sign in change)


def connoisseur(request: ChatRequest) -> Line:
    """Ranks by merit, whatever the order."""
    order = sorted(parts(request), key=lambda letter: -merit(parts(request)[letter]))
    return says(f"Thoughts.\nRANKING: {' > '.join(order)}")


def first_come(request: ChatRequest) -> Line:
    return says(f"RANKING: {' > '.join(parts(request))}")


@pytest.fixture
def compare(base: BaseTree) -> Callable[..., dict[str, float | None]]:
    def run(model: ChatModel, candidates: list[Candidate]) -> dict[str, float | None]:
        comparer = ModelComparer(model, ISSUE, base, sampling=Sampling(), size=40_000, threads=2)
        scores: tuple[Score, ...] = comparer.scores(candidates)
        assert all(score.verifier == "comparison" for score in scores)
        return {score.candidate_id: score.value for score in scores}

    return run


@pytest.fixture
def three(candidate: Make) -> list[Candidate]:
    return [candidate("b", WRONG), candidate("a", RIGHT), candidate("c", WORSE)]


def test_wins_over_pairs_and_lists(compare: Any, three: list[Candidate]) -> None:
    model = ScriptedModel(connoisseur)
    assert compare(model, three) == {"a": 1.0, "b": 0.5, "c": 0.0}
    assert len(model.requests) == 3 * 2 + 2
    assert compare(model, three[::-1]) == {"a": 1.0, "b": 0.5, "c": 0.0}
    assert compare(model, three[:2]) == {"a": 1.0, "b": 0.0}


def test_whoever_prefers_the_first_says_nothing(compare: Any, three: list[Candidate]) -> None:
    assert compare(ScriptedModel(first_come), three) == {"a": 0.5, "b": 0.5, "c": 0.5}


def test_an_answer_in_one_order_alone_counts_nothing(compare: Any, three: list[Candidate]) -> None:
    """The pair a-b is answered in one order only, and so is the list; a and b are known from c alone."""

    def half(request: ChatRequest) -> Line:
        shown = [merit(change) for change in parts(request).values()]
        return ModelUnavailable("down") if shown in ([2, 1], [2, 1, 0]) else connoisseur(request)

    assert compare(ScriptedModel(half), three) == {"a": 1.0, "b": 1.0, "c": 0.0}


@pytest.mark.parametrize("line", [ModelUnavailable("down"), says("A is better."), says("RANKING: A > Z")])
def test_what_fails_or_says_nothing_is_unknown(compare: Any, three: list[Candidate], line: Line) -> None:
    assert compare(ScriptedModel(lambda request: line), three) == {"a": None, "b": None, "c": None}


def test_one_or_none_or_what_does_not_apply_is_not_compared(compare: Any, candidate: Make) -> None:
    assert compare(ScriptedModel([]), []) == {}
    assert compare(ScriptedModel([]), [candidate("a")]) == {"a": None}
    tests = candidate("b", {"tests/test_cart.py": "x = 1\n"})
    assert compare(ScriptedModel([]), [candidate("a"), tests]) == {"a": None, "b": None}


def test_it_is_paid_once_and_bounded(compare: Any, three: list[Candidate], tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        limited = Endpoint(ScriptedModel(connoisseur), None).for_calls(Budget(BudgetLimits(calls=4)), journal)
        assert sum(value is None for value in compare(limited, three).values()) < 3
    with Journal(tmp_path / "j") as journal:
        model = ScriptedModel(connoisseur)
        whole = compare(Endpoint(model, None).for_calls(Budget(), journal), three)
        assert len(model.requests) == 4
    with Journal(tmp_path / "j") as journal:
        assert compare(Endpoint(ReplayModel([]), None).for_calls(Budget(), journal), three) == whole


@pytest.mark.parametrize("text, places", [
    ("RANKING: B > A", {"B": 0, "A": 1}), ("ranking: **A** = **B**", {"A": 0, "B": 0}), ("Ranking - B>A", {"B": 0, "A": 1}),
    ("RANKING: A > B\nNo:\nRANKING: B > A", {"B": 0, "A": 1}), ("RANKING: Change B > Change A", {"B": 0, "A": 1}),
    ("`RANKING: B > A`, in my order", {"B": 0, "A": 1}),
])  # fmt: skip
def test_rankings_are_read(text: str, places: dict[str, int]) -> None:
    assert read_ranking(says(text), 2) == places


@pytest.mark.parametrize(
    "text", ["", "RANKING:", "RANKING: A", "RANKING: A > B > A", "RANKING: A > C", "A > B", "RANKING: none"]
)
def test_no_ranking(text: str) -> None:
    assert read_ranking(says(text), 2) is None


@given(text=st.text(st.sampled_from("RANKING: ABC>=\n"), max_size=40))
def test_anything_is_a_whole_ranking_or_none(text: str) -> None:
    places = read_ranking(says(text), 3)
    assert places is None or set(places) == {"A", "B", "C"}

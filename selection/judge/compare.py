"""Comparison of a few leaders: pairs and lists, each in both orders.

What a model says of two changes counts only when it says it in both orders, else it is a tie: models prefer what stands first. Pairs and
lists are averaged, and a change's score is its share of wins; with every pair compared that orders changes as a Bradley-Terry model would.
"""

import re
import string
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from agent.models.port import ChatModel
from agent.models.values import ChatRequest, Message, Reply, Sampling
from agent.templates import Templates
from agent.values import Candidate
from envs.patches import BaseTree
from selection.evidence import COMPARISON
from selection.judge.asking import ask_all
from selection.judge.exhibits import Exhibit, code_before, exhibit
from selection.judge.quoting import quote
from selection.values import Score

_TEXTS = Templates("selection.judge.prompts")
_RANKING = re.compile(r"^\W*ranking\W+(.*\w.*)$", re.IGNORECASE | re.MULTILINE)
_LEAST = 3
"""So many leaders make a list worth asking for beside the pairs."""


class _Asked(NamedTuple):
    """Some leaders in the order in which they are shown."""

    shown: tuple[str, ...]


class ModelComparer:
    """Implements `selection.port.Comparer`."""

    def __init__(
        self, model: ChatModel, issue: str, base: BaseTree, *, sampling: Sampling, size: int, threads: int = 8
    ) -> None:
        """Keep the parts.

        Args:
            model: asked from several threads at once.
            issue: what the changes are for.
            base: the base commit's files, open.
            sampling: how answers are drawn.
            size: bytes of one prompt, at most.
            threads: calls at once.
        """
        self._model = model
        self._issue = issue
        self._base = base
        self._sampling = sampling
        self._size = size
        self._threads = threads

    def scores(self, finalists: Sequence[Candidate]) -> tuple[Score, ...]:
        """See `selection.port.Comparer`."""
        known = {c.id: c for c in sorted(finalists, key=lambda c: c.id)}
        shown = {name: laid_out for name, c in known.items() if (laid_out := exhibit(c.patch, self._base))}
        asked = list(_questions(tuple(shown)))
        # The same beginning for all questions, so that providers' prompt caches hit.
        code = code_before([known[name].patch for name in shown], self._base)
        answers = ask_all(self._model, [self._request(one, code, shown) for one in asked], threads=self._threads)
        said: defaultdict[tuple[bool, str, str], list[float]] = defaultdict(list)
        for one, reply in zip(asked, answers.replies, strict=True):
            for (first, second), won in _preferences(one, reply).items():
                said[len(one.shown) > 2, first, second].append(won)
        results = _results(said)
        why = answers.failure or ("no answer names an order" if asked else "nothing to compare")
        return tuple(_score(candidate.id, results, why) for candidate in finalists)

    def _request(self, one: _Asked, code: str, shown: Mapping[str, Exhibit]) -> ChatRequest:
        size = self._size // (2 + len(shown))
        sections = [
            f"The issue:\n{quote(self._issue, size)}",
            f"The code that they change, as it is before:\n{quote(code, size)}",
            *(f"Change {letter}:\n{quote(shown[name].change, size)}" for letter, name in _lettered(one.shown)),
            _TEXTS.render("compare", letters=" > ".join(letter for letter, _ in _lettered(one.shown))),
        ]
        messages = (
            Message(role="system", content=_TEXTS.render("system")),
            Message(role="user", content="\n\n".join(sections)),
        )
        return ChatRequest(messages=messages, sampling=self._sampling)


def _questions(leaders: tuple[str, ...]) -> list[_Asked]:
    """Every pair in both orders, and all together in two orders where there are more."""
    pairs = [_Asked(order) for pair in combinations(leaders, 2) for order in (pair, pair[::-1])]
    return [*pairs, *([_Asked(leaders), _Asked(leaders[::-1])] if len(leaders) >= _LEAST else [])]


def _lettered(shown: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(string.ascii_uppercase, shown, strict=False))


def _preferences(one: _Asked, reply: Reply | None) -> Mapping[tuple[str, str], float]:
    """By pair, in the order of names: 1 where the first is preferred, 0 the second, 0.5 neither; empty without a readable ranking."""
    places = read_ranking(reply, len(one.shown)) if reply is not None else None
    if places is None:
        return {}
    place = {name: places[letter] for letter, name in _lettered(one.shown)}
    return {
        (first, second): 0.5 if place[first] == place[second] else float(place[first] < place[second])
        for first, second in combinations(sorted(place), 2)
    }


def read_ranking(reply: Reply, count: int) -> Mapping[str, int] | None:
    """Return the place of each letter in an answer's last ranking, such as `B > A = C`; None when not every letter has exactly one."""
    if reply.finish == "length":
        return None
    found = _RANKING.findall(reply.message.content)
    wanted = string.ascii_uppercase[:count]
    groups = re.split(r"\s*>\s*", found[-1].replace("&gt;", ">")) if found else []
    places: dict[str, int] = {}
    for place, group in enumerate(groups):
        letters = re.findall(r"\b([A-Z])\b", group)
        if set(letters) & set(places):
            return None
        places |= dict.fromkeys(letters, place)
    return places if set(places) == set(wanted) else None


def _results(said: Mapping[tuple[bool, str, str], Sequence[float]]) -> Mapping[tuple[str, str], float]:
    """By pair: how far the first won. An answer that came in one order alone is none, and two that differ are a tie."""
    kept: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for (_, first, second), orders in said.items():
        if len(orders) == 2:
            kept[first, second].append(orders[0] if orders[0] == orders[1] else 0.5)
    return {pair: fmean(results) for pair, results in kept.items()}


def _score(name: str, results: Mapping[tuple[str, str], float], why: str) -> Score:
    won = [result for (first, _), result in results.items() if first == name]
    won += [1 - result for (_, second), result in results.items() if second == name]
    if not won:
        return Score(verifier=COMPARISON, candidate_id=name, value=None, reason=why)
    reason = f"{sum(won):g} of {len(won)} comparisons won"
    return Score(verifier=COMPARISON, candidate_id=name, value=round(fmean(won), 6), reason=reason)

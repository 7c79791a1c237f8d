"""The judge: P(correct) of each survivor without execution, by a model."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from agent.models.port import ChatModel
from agent.models.values import ChatRequest, Sampling
from agent.values import Candidate
from envs.patches import BaseTree
from selection.evidence import JUDGE
from selection.judge.asking import ask_all
from selection.judge.ballots import Ballot, View, ballots, request
from selection.judge.exhibits import Exhibit, exhibit
from selection.judge.uses import find_uses
from selection.judge.verdicts import Opinion, read_opinion
from selection.values import Score

SIZE = 80_000
"""Bytes of a prompt."""
_FEW = 6
"""So many changes, and fewer, all get every opinion."""
_BOUND = 5.0
"""Log-odds of one opinion at most: a model that says 0.9999 knows no more than one that says 0.99."""


class _Asked(NamedTuple):
    """One question about one candidate."""

    shown: Exhibit
    uses: str
    deeds: str
    ballot: Ballot


class ModelJudge:
    """Implements `selection.port.Judge`: several opinions of each survivor, averaged in log-odds.

    An opinion is P(YES) where the endpoint gives log-probabilities; elsewhere answers are votes, (y + 1) / (n + 2) of them right. Of
    many survivors the worse half is not asked about again after each opinion. With fewer than two nothing is asked, as there is nothing
    to choose.
    """

    def __init__(
        self,
        model: ChatModel,
        issue: str,
        base: BaseTree,
        *,
        deeds_of: Callable[[Candidate], str] = lambda _candidate: "",
        samples: int = 4,
        views: Sequence[View] = ("patch", "trajectory"),
        sampling: Sampling,
        size: int = SIZE,
        threads: int = 8,
    ) -> None:
        """Keep the parts.

        Args:
            model: asked from several threads at once.
            issue: what the changes are for.
            base: the base commit's files, open.
            deeds_of: what a candidate's trajectory did (`selection.judge.deeds`); empty where nobody knows.
            samples: opinions of each candidate.
            views: what they look at, in turns; a candidate without deeds is judged by its patch alone.
            sampling: how answers are drawn; log-probabilities are asked for.
            size: bytes of one prompt, at most.
            threads: calls at once.
        """
        self._model = model
        self._issue = issue
        self._base = base
        self._deeds_of = deeds_of
        self._samples = samples
        self._views: tuple[View, ...] = tuple(views)
        self._sampling = sampling.model_copy(update={"top_logprobs": 20})
        self._size = size
        self._threads = threads

    def scores(self, survivors: Sequence[Candidate]) -> tuple[Score, ...]:
        """See `selection.port.Judge`."""
        if len(survivors) < 2:
            return tuple(_unknown(candidate, "nothing to choose from") for candidate in survivors)
        questions = self._questions(survivors)
        given: dict[str, list[float | bool]] = {candidate.id: [] for candidate in survivors}
        failure, lap = "", sorted(questions)
        # Everybody's first question before anybody's second: a budget that ends leaves all of them equally well known.
        for number in range(self._samples):
            asked = [questions[name][number] for name in lap]
            answers = ask_all(self._model, [self._request(one) for one in asked], threads=self._threads)
            failure = failure or answers.failure
            for name, one, reply in zip(lap, asked, answers.replies, strict=True):
                opinion = read_opinion(reply) if reply is not None else None
                if opinion is not None:
                    given[name].append(_right(opinion, one.ballot))
            if answers.over:
                break
            lap = _worth_more({name: combine(given[name]) for name in lap})
        why_none = {c.id: failure if c.id in questions else "it changes nothing that can be judged" for c in survivors}
        return tuple(_score(candidate, given[candidate.id], why_none[candidate.id]) for candidate in survivors)

    def _questions(self, survivors: Sequence[Candidate]) -> dict[str, list[_Asked]]:
        """The questions about each candidate; none about one that does not apply or changes nothing but tests."""
        laid_out = [(candidate, exhibit(candidate.patch, self._base)) for candidate in survivors]
        uses = find_uses(self._base, [name for _, shown in laid_out if shown for name in shown.names])
        questions: dict[str, list[_Asked]] = {}
        for candidate, shown in laid_out:
            if shown is None:
                continue
            used = "\n\n".join(uses[name] for name in shown.names if name in uses)
            deeds = self._deeds_of(candidate) if "trajectory" in self._views else ""
            views: tuple[View, ...] = self._views if deeds else ("patch",)
            questions[candidate.id] = [_Asked(shown, used, deeds, b) for b in ballots(self._samples, views)]
        return questions

    def _request(self, one: _Asked) -> ChatRequest:
        return request(
            one.ballot, self._issue, one.shown, one.uses, one.deeds, sampling=self._sampling, size=self._size
        )


def _worth_more(so_far: Mapping[str, float | None]) -> list[str]:
    """Who is asked about again: everybody while they are few, of many the better half (and who ties with it, or is not known yet)."""
    if len(so_far) <= _FEW:
        return sorted(so_far)
    known = sorted((value for value in so_far.values() if value is not None), reverse=True)
    place = max(_FEW, len(so_far) // 2)
    bar = known[place - 1] if len(known) >= place else -math.inf
    return sorted(name for name, value in so_far.items() if value is None or value >= bar)


def _right(opinion: Opinion, ballot: Ballot) -> float | bool:
    """P(right), or a vote for it."""
    if opinion.p_yes is None:
        return opinion.yes != ballot.asks_for_faults
    return 1 - opinion.p_yes if ballot.asks_for_faults else opinion.p_yes


def combine(given: Sequence[float | bool]) -> float | None:
    """Return P(right) from opinions: probabilities by the mean of their log-odds, all votes together as one share; None without any.

    Where there are both, each has the weight of how often it was given.
    """
    votes = [one for one in given if isinstance(one, bool)]
    odds = [_log_odds(one) for one in given if not isinstance(one, bool)]
    if votes:
        share = (sum(votes) + 1) / (len(votes) + 2)
        odds += [_log_odds(share)] * len(votes)
    return 1 / (1 + math.exp(-fmean(odds))) if odds else None


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 1e-9), 1 - 1e-9)
    return max(-_BOUND, min(_BOUND, math.log(inside / (1 - inside))))


def _score(candidate: Candidate, given: Sequence[float | bool], failure: str) -> Score:
    value = combine(given)
    if value is None:
        return _unknown(candidate, failure or "no answer holds a verdict")
    said = ", ".join(("right" if one else "wrong") if isinstance(one, bool) else f"{one:.2f}" for one in given)
    return Score(verifier=JUDGE, candidate_id=candidate.id, value=round(value, 6), reason=f"opinions: {said}")


def _unknown(candidate: Candidate, why: str) -> Score:
    return Score(verifier=JUDGE, candidate_id=candidate.id, value=None, reason=why)

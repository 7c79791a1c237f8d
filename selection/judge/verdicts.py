"""Reading a judge's answer: P(YES) from the log-probabilities of the word, wherever it stands, else the word itself.

R2E-Gym reads the token at a fixed place; models say more before it, and endpoints split words in their own ways.
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from agent.models.values import Reply, TokenLogprob

_OR = r"(?![^\w\n]{1,5}(?:or[^\w\n]{1,5})?(?:yes|no)\b)"
_VERDICT = re.compile(
    rf"verdict\W{{0,20}}\b(?P<after>yes|no)\b{_OR}|^[^\w\n]{{0,20}}(?P<alone>yes|no)\b[^\w\n]{{0,20}}$",
    re.IGNORECASE | re.MULTILINE,
)
_SPACES = {ord("▁"): " ", ord("Ġ"): " ", ord("Ċ"): "\n"}
"""How tokenisers write a space and a line break; one character for one, so that places stay."""
_LEAST = 1e-6


class Opinion(NamedTuple):
    """What an answer says."""

    p_yes: float | None
    """In (0, 1); None: the endpoint gave no log-probabilities of the word."""
    yes: bool
    """The word itself."""


def read_opinion(reply: Reply) -> Opinion | None:
    """Return an answer's last verdict; None when it has none, or was cut off before it."""
    word = _last(reply.message.content)
    if word is None or reply.finish == "length":
        return None
    yes = _word(word) == "yes"
    said = _last(_text(reply.logprobs)) if reply.logprobs else None
    # Some endpoints list other tokens than those of the answer.
    same = said is not None and _word(said) == _word(word)
    return Opinion(p_of_yes(reply.logprobs) if same and reply.logprobs else None, yes)


def p_of_yes(tokens: Sequence[TokenLogprob]) -> float | None:
    """Return P(YES) / (P(YES) + P(NO)) where the last verdict begins; None when neither word is among what is likely there.

    A word that is missing has at most the probability of the least likely token that is listed, and at most what all of them leave.
    """
    texts = [token.token.translate(_SPACES) for token in tokens]
    found = _last(_text(tokens))
    if found is None:
        return None
    start = found.start(found.lastgroup or 0)
    index, at = 0, 0
    while at + len(texts[index]) <= start:
        at += len(texts[index])
        index += 1
    return _share(tokens[index], before=texts[index][: start - at])


def _share(token: TokenLogprob, before: str) -> float | None:
    """P(YES) among the alternatives of one token; `before` is what the token holds before the word."""
    listed = dict(token.top)
    listed.setdefault(token.token, token.logprob)
    masses = {text: math.exp(min(0.0, value)) for text, value in listed.items() if not math.isnan(value)}
    sums = {"yes": 0.0, "no": 0.0}
    for text, mass in masses.items():
        word = _meant(text.translate(_SPACES), before)
        if word:
            sums[word] += mass
    if not any(sums.values()):
        return None
    rest = max(_LEAST, 1 - sum(masses.values()))
    floor = min(rest, *masses.values()) if token.top else rest
    yes, no = (mass or max(floor, _LEAST) for mass in (sums["yes"], sums["no"]))
    return yes / (yes + no)


def _meant(text: str, before: str) -> str:
    """`yes`, `no` or neither: a token may hold what stands before the word, signs after it, or only the word's beginning."""
    text = text.removeprefix(before) if before.strip() else text
    letters = re.sub(r"[\W\d_]", "", text).lower()
    return next((word for word in ("yes", "no") if letters and word.startswith(letters)), "")


def _text(tokens: Sequence[TokenLogprob]) -> str:
    return "".join(token.token for token in tokens).translate(_SPACES)


def _last(text: str) -> re.Match[str] | None:
    found = None
    for match in _VERDICT.finditer(text):
        found = match
    return found


def _word(match: re.Match[str]) -> str:
    return str(match[match.lastgroup or 0]).lower()

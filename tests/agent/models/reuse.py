"""How much of a run's prompts a provider's cache can hold: what each request repeats of an earlier one, to the letter.

A request is read as one text: its tools, then its messages. Of the k-th request of a conversation

    repeated  is the longest beginning that any earlier request of the run has, too;
    could     is all of the conversation's request before it, which it goes on from: what came since (a reply, and what tools said)
              cannot have been sent before, whoever writes the client;
    lost      is what it could repeat and does not: 0 as long as nothing that was sent is changed afterwards.
"""

import json
from collections.abc import Iterable, Mapping
from os.path import commonprefix
from typing import Any, NamedTuple


class Reuse(NamedTuple):
    """Characters of all requests from the second of each conversation on, and of the first ones."""

    total: int
    repeated: int
    could: int
    lost: int
    losers: int
    """Requests that lost something."""
    first_total: int
    """Of the first requests of all conversations but the first one."""
    first_repeated: int

    @property
    def share(self) -> float:
        """Part of the prompt that repeats an earlier request, from the second turn on."""
        return self.repeated / max(1, self.total)

    @property
    def bound(self) -> float:
        """The most that this part can be."""
        return max(self.could, self.repeated) / max(1, self.total)


def measure(bodies: Iterable[Mapping[str, Any]]) -> Reuse:
    """Measure the requests of a run in the order in which they came; a conversation is known by its seed."""
    sent: list[str] = []
    last: dict[Any, str] = {}
    total = repeated = could = lost = losers = first_total = first_repeated = 0
    for body in bodies:
        text = _text(body)
        longest = max((len(commonprefix((text, earlier))) for earlier in sent), default=0)  # noqa: RUF071  (letter by letter)
        before = last.get(body.get("seed"))
        if before is not None:
            missing = max(0, len(before) - longest)
            total, repeated, could = total + len(text), repeated + longest, could + len(before)
            lost, losers = lost + missing, losers + (missing > 0)
        elif sent:
            first_total, first_repeated = first_total + len(text), first_repeated + longest
        last[body.get("seed")] = text
        sent.append(text)
    return Reuse(total, repeated, could, lost, losers, first_total, first_repeated)


def _text(body: Mapping[str, Any]) -> str:
    """Without closing brackets, so that a request is the beginning of the next one."""
    parts = [json.dumps(body.get("tools", ()), ensure_ascii=False)]
    parts += [json.dumps(message, ensure_ascii=False, sort_keys=True) for message in body["messages"]]
    return "\n".join(parts)

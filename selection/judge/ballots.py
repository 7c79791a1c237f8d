"""The questions that a judge is asked about one change: several views, orders and ways to ask, so that no one of them decides."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from agent.models.values import ChatRequest, Message, Sampling
from agent.templates import Templates
from selection.judge.exhibits import Exhibit
from selection.judge.quoting import quote

View = Literal["patch", "trajectory"]
"""`patch`: the issue, the code and the change; `trajectory`: what was run on the way as well."""

_TEXTS = Templates("selection.judge.prompts")
_WAYS = 4
"""Ballots after which the same questions come again, drawn anew."""
_WARM = 0.8
_SHARES = {"issue": 0.2, "code": 0.27, "uses": 0.06, "change": 0.27, "deeds": 0.2}
"""Of the length of a prompt."""
_TITLES = {
    "issue": "The issue:",
    "code": "The code that is changed, as it is before:",
    "uses": "Lines of the repository that name what is changed:",
    "change": "The change:",
    "deeds": "What its author ran on the way, and saw. What it claimed is left out; what its own scripts print is its word:",
}


class Ballot(NamedTuple):
    """One question."""

    view: View
    backwards: bool
    """The change comes first and the issue last."""
    asks_for_faults: bool
    """YES means that the change is wrong."""
    repetition: int
    """0 for the first time."""


def ballots(count: int, views: Sequence[View]) -> tuple[Ballot, ...]:
    """Return the first so many questions; any number of them is as balanced as it can be."""
    made = []
    for number in range(count):
        lap = number // len(views)
        made.append(
            Ballot(
                view=views[number % len(views)],
                backwards=bool((lap + number % len(views)) % 2),
                asks_for_faults=bool((number ^ number >> 1) & 1),  # no, yes, yes, no
                repetition=number // _WAYS,
            )
        )
    return tuple(made)


def request(
    ballot: Ballot, issue: str, shown: Exhibit, uses: str, deeds: str, *, sampling: Sampling, size: int
) -> ChatRequest:
    """Return what a model is asked.

    Args:
        ballot: which question.
        issue: as the user wrote it.
        shown: the change.
        uses: where what it changes is used; may be empty.
        deeds: what its trajectory did; only the view `trajectory` shows it.
        sampling: how the answer is drawn; repetitions are drawn warmer, with other seeds.
        size: bytes of the prompt, at most.
    """
    texts = {"issue": issue, "code": shown.code, "uses": uses, "change": _with_beside(shown)}
    if ballot.view == "trajectory":
        texts["deeds"] = deeds
    sections = [section(name, text, size) for name, text in texts.items() if text.strip()]
    if ballot.backwards:
        sections.reverse()
    question = _TEXTS.render("faults" if ballot.asks_for_faults else "right")
    if ballot.repetition:
        sampling = sampling.model_copy(update={"temperature": _WARM, "seed": (sampling.seed or 0) + ballot.repetition})
    return ChatRequest(
        messages=(
            Message(role="system", content=_TEXTS.render("system")),
            Message(role="user", content="\n\n".join([*sections, question])),
        ),
        sampling=sampling,
    )


def section(name: str, text: str, size: int) -> str:
    """One part of a prompt, quoted and bounded."""
    return f"{_TITLES[name]}\n{quote(text, int(size * _SHARES[name]))}"


def _with_beside(shown: Exhibit) -> str:
    if not shown.beside:
        return shown.change
    return (
        f"{shown.change}\n\n(not shown: tests or scratch files that it changes as well: {', '.join(shown.beside[:10])})"
    )

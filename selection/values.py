"""Values of a decision between candidates."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field

from sandbox.values import Value


class Origin(StrEnum):
    """Where a probe comes from; its quality follows from that (`selection.weights.QUALITY`)."""

    ISSUE = "issue"
    """Lifted from the issue's own text."""
    WRITER = "writer"
    """Written by an agent that proposes no patch."""
    TRAJECTORY = "trajectory"
    """Written by a trajectory that also proposed a patch."""
    SELECTION = "selection"
    """Written to tell leading candidates apart, with their patches in view."""
    EXTERNAL = "external"
    """Given from outside."""


class Verdict(StrEnum):
    """What one check said of one tree."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"
    """Timed out, crashed, not run: nothing is known."""


class Score(Value):
    """One verifier's word on one candidate."""

    verifier: str
    candidate_id: str
    value: float | None
    """In [0, 1], 1 is best. None abstains: missing, timed-out or crashed evidence is unknown, never a pass and never a zero."""
    reason: str = ""


class Cluster(Value):
    """Candidates that are one change: equal after normalisation."""

    leader: str
    """Id of the member that stands for all: the smallest diff, then the smallest id."""
    members: tuple[str, ...]
    """Ids, leader included."""
    size: int
    """Changed tokens of the leader's normalised diff."""


class Dropped(Value):
    """A candidate that did not enter the pool."""

    candidate_id: str
    reason: str


class Margin(Value):
    """How the first place and the second differ under one rule. Higher is better; None: unknown."""

    rule: str
    first: float | None
    second: float | None


class SeparatingTest(Value):
    """A test that a selection trajectory wrote, and what it showed."""

    id: str
    """As `selection.port.WrittenProbe.id`."""
    content: str
    why: str = ""
    """Which of the issue's demands it tests, in the trajectory's words."""
    base: str
    """On base: `present`, `fixed`, `broken` or `timed_out`."""
    verdicts: Mapping[str, str] = Field(default_factory=dict)
    """The same by finalist."""


class Separation(Value):
    """What a selection trajectory was asked, and what it came to."""

    finalists: tuple[str, ...]
    picked: str | None = None
    """None: it came to no answer."""
    reason: str = ""
    """For people: why this one, or why there is no answer."""
    tests: tuple[SeparatingTest, ...] = ()


class Decision(Value):
    """A policy's answer."""

    policy: str
    verdict: Literal["chosen", "abstained"]
    chosen: str | None = None
    """A leader; for `random` and `first` any candidate. None when it abstains."""
    shares: Mapping[str, float] = Field(default_factory=dict)
    """Chance of being delivered, by candidate: sums to 1, or to 0 when it abstains. More than one entry for policies that draw lots."""
    ranking: tuple[str, ...] = ()
    """Leaders, best first."""
    rule: str
    """What decided, such as `gate`, `probes` or `size`; `only` when there was one change, `none` when there was nothing to choose."""
    runner_up: str | None = None
    margins: tuple[Margin, ...] = ()
    """First place against runner-up, under every rule in order."""
    probability: float | None = None
    """P(the chosen one, or the best one when it abstains, is right), by the coefficients of `selection.policies.chance`.
    None where there is nothing to choose."""
    reason: str
    """One sentence for people."""


class Selection(Value):
    """Which candidate is delivered, or none, and all that the decision rests on."""

    verdict: Literal["chosen", "abstained"]
    chosen: str | None = None
    """Candidate id; None when nothing plausible is there."""
    ranking: tuple[str, ...] = ()
    """Cluster leaders, best first."""
    clusters: tuple[Cluster, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    scores: tuple[Score, ...] = ()
    regressions: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """By leader: tests that pass on base and fail with it, confirmed by repetition. A leader that is missing was not run."""
    decision: Decision | None = None
    """How a policy came to it; None where the first change through the gate was taken without comparing."""
    settled: bool = False
    """Another round would not change the answer."""
    reason: str
    """For people: why this one, or why none."""

"""Values of one try."""

from typing import Literal

from pydantic import Field

from agent.tools.values import ToolLimits
from sandbox.values import Value

StrategyName = Literal["iterate", "probes", "react", "single"]


class LoopLimits(Value):
    """How long one try may go on. Money, tokens and time are the budget's."""

    turns: int = Field(default=60, ge=1)
    """Model calls."""
    iterations: int = Field(default=8, ge=1)
    """Checks of the work by execution, each followed by a chance to improve it: serial scaling."""
    context_tokens: int = Field(default=120_000, ge=4_000)
    """Size of a conversation, as the endpoint counts, over which old observations are taken out."""
    refusals: int = Field(default=2, ge=0)
    """How often "done" without evidence is sent back before it is accepted as it is, and marked."""
    check_s: float = Field(default=300.0, gt=0)
    """Seconds that the suite may take in one check; a slower one is cut down to the tests that belong to the change."""
    probes: int = Field(default=6, ge=1)
    """Tests that a try of the strategy `probes` may keep."""
    tools: ToolLimits = ToolLimits()


class Assignment(Value):
    """What makes one try differ from the others of its run."""

    strategy: StrategyName = "react"
    model: str = ""
    """Name of the model that walks it."""
    temperature: float | None = None
    """None: as the endpoint likes."""
    seed: int | None = None
    """For endpoints that take one."""
    hypothesis: str = ""
    """A root cause to look at first; empty: find your own."""
    focus: tuple[str, ...] = ()
    """Files to read first; empty: in the order of relevance."""
    earlier: tuple[str, ...] = ()
    """One line for each distinct change that an earlier round found, for a different approach."""
    parents: tuple["Parent", ...] = ()
    """Changes of an earlier round to learn from (EvoScale's conditioning); empty for an independent try."""


class Parent(Value):
    """A change of an earlier round, with what execution said of it."""

    candidate_id: str
    diff: str
    evidence: str
    """Which tests fail with it, in words."""


class Evidence(Value):
    """What one check by execution showed. None and empty mean not known, never good."""

    probe_before: str | None = None
    """Verdict of the probe on base: `present`, `fixed`, `broken` or `timed_out`; None without a probe."""
    probe_after: str | None = None
    """Verdict of the probe with the change."""
    fixed: tuple[str, ...] = ()
    """Tests that failed on base and pass now."""
    unmet: tuple[str, ...] = ()
    """Targets that do not pass."""
    regressions: tuple[str, ...] = ()
    """Tests that passed on base and fail now."""
    checked: int = 0
    """Tests that ran."""
    problem: str = ""
    """Why the tests could not be run; empty when they could."""

    @property
    def reproduced(self) -> bool:
        """Something failed before the change: a probe, or tests."""
        return self.probe_before == "present" or bool(self.fixed or self.unmet)

    @property
    def proven(self) -> bool:
        """The gate of "done": what failed before passes now, and nothing that passed fails."""
        probe = self.probe_before is None or (self.probe_before == "present" and self.probe_after == "fixed")
        return self.reproduced and probe and not self.unmet and not self.regressions and not self.problem

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """For keeping the best state: greater is better."""
        probe = int(self.probe_before == "present" and self.probe_after == "fixed")
        return (int(self.proven), -len(self.unmet), -len(self.regressions) - int(bool(self.problem)), probe)

"""The contract of a policy, what a user wants of it, and the effect that it may ask for."""

from typing import Protocol

from pydantic import Field

from sandbox.values import Value
from selection.standing import Assessment
from selection.values import Decision, Separation


class Preferences(Value):
    """What a user wants of a selection."""

    policy: str = "default"
    price_of_wrong: float = Field(default=0.0, ge=0)
    """What delivering a wrong patch costs, in units of the worth of a right one. A patch is delivered when its expected worth
    p - (1 - p) * price is not negative, that is from p = price / (1 + price): 0 always delivers the best plausible one, 1 asks for
    p = 0.5, 9 for 0.9. Published policies take no notice of it."""


class Separator(Protocol):
    """The effect that a policy may ask for: a trajectory that writes tests which tell finalists apart."""

    def separate(self, task_id: str, finalists: tuple[str, ...]) -> Separation:
        """Look for the right one of at most three leaders, best first.

        Never raises for a model that fails, declines or runs out of budget: that is no answer.

        Raises:
            SandboxError: no test could be run, and the machine is at fault.
        """


class Policy(Protocol):
    """A rule that orders changes. Pure but for the separator; the order of candidates and probes never matters."""

    def __call__(self, assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
        """Decide over at least one cluster."""


class NoSeparator:
    """A separator that is not there."""

    def separate(self, task_id: str, finalists: tuple[str, ...]) -> Separation:
        """Come to no answer."""
        del task_id
        return Separation(finalists=finalists, reason="no selection trajectory was opened")

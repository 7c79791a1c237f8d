"""When to stop sampling: the rule that knows about false accepts (Inference Scaling fLaws, arXiv 2411.17501).

A gate that lets some wrong changes through makes every further try a risk as well as a chance. A run of rejections is evidence
that the task is a hard one, on which what passes at last is likelier to be wrong.
"""

from collections.abc import Sequence

from pydantic import Field

from sandbox.values import Value

_AGREE = 3
_SHARE = 0.75
"""Three of the first four tries making the same change is agreement: so many, and that share."""


class Belief(Value):
    """What is held of tasks and of the gate before a run."""

    kinds: tuple[tuple[float, float], ...] = ((0.87, 0.58), (0.13, 0.42))
    """(chance that a try is right, share of tasks of this kind): easy and hard tasks, as fitted in the paper's notebook."""
    completeness: float = Field(default=0.95, ge=0, le=1)
    """Chance that the gate lets a right change through."""
    soundness: float = Field(default=0.75, ge=0, le=1)
    """Chance that the gate stops a wrong one."""
    wrong: float = Field(default=1.0, ge=0)
    """Price of delivering a wrong change, in units of the worth of a right one."""
    cost: float = Field(default=0.0, ge=0)
    """Price of one more try, in the same units."""


WITH_TARGETS = Belief(soundness=0.9)
"""A change that failing tests judge."""
WITHOUT_TARGETS = Belief()
"""A change that only the tests judge that pass already."""


def worth(rejected: int, belief: Belief) -> float:
    """Return the expected worth of one more try after so many were rejected and none got through; negative: stop."""
    total = value = 0.0
    for right, share in belief.kinds:
        turned_down = (1 - belief.completeness) * right + belief.soundness * (1 - right)
        weight = share * turned_down**rejected
        total += weight
        value += weight * (belief.completeness * right - belief.wrong * (1 - belief.soundness) * (1 - right))
    return value / total - belief.cost if total else -belief.cost


def is_settled(*, chosen: int | None, votes: Sequence[int], rejected: int, judged_by_targets: bool) -> bool:
    """Say whether another round would be a waste.

    Args:
        chosen: members of the chosen cluster; None when nothing got through the gate.
        votes: members of every cluster.
        rejected: tries that came to nothing or fell at the gate.
        judged_by_targets: tests that fail on base judged the change, not only those that pass.
    """
    if chosen is None:
        return worth(rejected, WITH_TARGETS if judged_by_targets else WITHOUT_TARGETS) < 0
    agreed = chosen >= _AGREE and chosen >= _SHARE * sum(votes)
    return judged_by_targets or agreed

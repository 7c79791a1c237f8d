"""What a task's run holds for grading and for selecting again."""

from collections.abc import Mapping

from envs.values import Patch
from winnow.eval.grading import digest_of
from winnow.eval.solving import trajectories
from winnow.eval.values import GradeWhat, TaskEnd
from winnow.store import RunDir


def to_grade(run: RunDir, end: TaskEnd, what: GradeWhat) -> Mapping[str, Patch]:
    """The patches of a task to grade, by digest: equal ones once, and empty ones never, as they are known to be wrong."""
    diffs = [end.patch]
    if what == "all":
        diffs += [candidate.patch.diff for one in trajectories(run) for candidate in one.candidates]
    return {digest_of(diff): Patch(diff=diff) for diff in diffs if diff.strip()}

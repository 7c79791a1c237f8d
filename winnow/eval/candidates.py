"""Which patches of a task are graded."""

from collections.abc import Mapping

from envs.values import Patch
from winnow.eval.grading import digest_of
from winnow.eval.runs import diffs_of
from winnow.eval.values import GradeWhat, TaskEnd
from winnow.store import RunDir


def to_grade(run: RunDir, end: TaskEnd, what: GradeWhat) -> Mapping[str, Patch]:
    """The patches of a task to grade, by digest: equal ones once, and empty ones never, as they are known to be wrong."""
    diffs = [end.patch]
    if what == "all":
        diffs += diffs_of(run).values()
    return {digest_of(diff): Patch(diff=diff) for diff in diffs if diff.strip()}

"""The results of a batch of Winnow's own, read from its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agent.values import Candidate, Trajectory
from envs.grading.values import Grade
from selection.stored import StoredPool
from winnow.errors import BatchUnusable
from winnow.eval.folder import GRADES, BatchDir
from winnow.eval.grading import PatchGrade, digest_of
from winnow.eval.report.pools import pool_of
from winnow.eval.report.values import Outcome, Results, TaskRow
from winnow.eval.runs import diffs_of, trajectories
from winnow.eval.values import TaskEnd
from winnow.plan import RoundPlan
from winnow.store import RunDir

Grades = Mapping[tuple[str, str], Grade]
"""By task and digest of the patch."""


class _Walk(NamedTuple):
    """The tries of a task."""

    tries: Sequence[Trajectory] = ()
    diffs: Mapping[str, str] = {}
    """Patches by candidate, as they are delivered."""

    @classmethod
    def of(cls, run: RunDir, *, ended: bool) -> "_Walk":
        """Read them; a task without an outcome has none that count."""
        return cls(trajectories(run), diffs_of(run)) if ended else cls()


def read_batch(path: Path) -> Results:
    """Read what is there so far.

    Raises:
        BatchUnusable: there is no batch, or a file of it cannot be read.
    """
    folder = BatchDir(path)
    batch = folder.batch()
    if batch is None:
        raise BatchUnusable(f"there is no batch in {path}", hint="`winnow eval DATASET --out DIR` makes one.")
    ends = folder.ends()
    grades = {(one.task_id, one.digest): one.grade for one in folder.read(GRADES, PatchGrade)}
    # Of a task without an outcome nothing is graded, and none of its tries counts as right.
    done = {task for task, end in ends.items() if end.is_final}
    runs = {task: _Walk.of(folder.run(task), ended=task in done) for task in batch.tasks}
    complete = all(
        (task, digest_of(diff)) in grades for task, walk in runs.items() for diff in walk.diffs.values() if diff.strip()
    )
    planned = _planned(batch.settings)
    rows = [
        _row(task, ends.get(task), runs[task], grades, _tries(folder.run(task), planned), complete=complete)
        for task in batch.tasks
    ]
    pools = [_pool(folder.run(task), task, runs[task]) for task in batch.tasks] if complete else []
    return Results(
        name=path.name,
        source=str(path),
        tasks=tuple(rows),
        pools=tuple(pools),
        right={
            pool.task_id: {one.id: _is_right(grades, pool.task_id, one.patch) is True for one in pool.candidates}
            for pool in pools
        },
        tried={
            task: _units(runs[task], _tries(folder.run(task), planned)) for task in (batch.tasks if complete else ())
        },
        policy=str(batch.settings.get("selection", {}).get("policy", "default")),
    )


def _row(
    task: str,
    end: TaskEnd | None,
    walk: "_Walk",
    grades: Grades,
    tries: int,
    *,
    complete: bool,
) -> TaskRow:
    graded = {name: _is_right(grades, task, diff) for name, diff in walk.diffs.items()}
    first = [graded[top.id] if (top := _first(trajectory)) else False for trajectory in walk.tries]
    row = TaskRow(
        task_id=task,
        repository=end.repository if end else repository_of(task),
        outcome="not_run",
        tries=(*first, *[False] * (tries - len(first))) if complete else None,
        any_right=_any(list(graded.values())) if complete else None,
        candidates=len(graded),
    )
    if end is None:
        return row
    outcome, reason = _outcome(end, grades)
    spent = {"lost": end.lost, "failures": len(end.failures), "usage": end.usage, "seconds": end.seconds}
    return row.model_copy(update={"outcome": outcome, "reason": reason, **spent})


def _pool(run: RunDir, task: str, walk: "_Walk") -> StoredPool:
    return pool_of(run, task) if walk.tries else StoredPool(task_id=task, candidates=())


def _outcome(end: TaskEnd, grades: Grades) -> tuple[Outcome, str]:
    """What became of a task, and why."""
    if end.ended != "patch":
        return end.ended, end.reason
    grade = grades.get((end.task_id, digest_of(end.patch)))
    if grade is None:
        return "not_graded", "the delivered patch was not graded"
    return ("no_patch" if grade.status == "empty" else grade.status), grade.reason


def _is_right(grades: Grades, task: str, diff: str) -> bool | None:
    """Whether a patch is right; None: the grader could not say, or was not asked."""
    if not diff.strip():
        return False
    grade = grades.get((task, digest_of(diff)))
    return None if grade is None or grade.status in ("infra", "unknown") else grade.resolved


def _any(verdicts: list[bool | None]) -> bool | None:
    if True in verdicts:
        return True
    return None if None in verdicts else False


def _first(trajectory: Trajectory) -> Candidate | None:
    return min(trajectory.candidates, key=lambda candidate: candidate.order, default=None)


def _units(walk: "_Walk", tries: int) -> tuple[tuple[str, ...], ...]:
    units = [tuple(candidate.id for candidate in trajectory.candidates) for trajectory in walk.tries]
    return (*units, *[()] * (tries - len(units)))


def _tries(run: RunDir, planned: int) -> int:
    """How many tries a task had: as the batch plans them, or as many as its rounds had where those are more."""
    rounds = sorted(run.path.glob("round-*.json"))
    laid = [run.load(path.name, RoundPlan) for path in rounds]
    return max(planned, sum(len(plan.seats) for plan in laid if plan is not None))


def _planned(settings: Mapping[str, Any]) -> int:
    """Tries of one round: the repairer makes one beside agents, and as many as are asked for alone."""
    run = settings["run"]
    proposers = tuple(run["proposers"]) or (("agent",) if settings["model"]["names"] else ("repair",))
    return int(run["trajectories"]) + ("repair" in proposers and "agent" in proposers)


def repository_of(task: str) -> str:
    """`owner/name` by a task's id, as SWE-bench forms it: `owner__name-number`."""
    return task.rpartition("-")[0].replace("__", "/", 1) or task

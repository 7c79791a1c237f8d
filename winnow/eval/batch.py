"""The driver of a batch: starts tasks as money and workers allow, tries again what machines failed at, and writes down what comes."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agent.budget import Budget, BudgetLimits, Reservation
from agent.models.errors import BudgetExhausted
from agent.values import Usage
from envs.datasets.values import Record
from envs.grading.values import Gold
from sandbox.errors import SandboxLost, WinnowError
from winnow.errors import Interrupted
from winnow.eval.candidates import to_grade
from winnow.eval.folder import GRADES, RESULTS, BatchDir
from winnow.eval.grading import Graded, GradeJob, PatchGrade, digest_of, grade
from winnow.eval.port import Done, Executor
from winnow.eval.runs import spent
from winnow.eval.solving import solve
from winnow.eval.values import GradeWhat, SolveJob, TaskEnd
from winnow.timeline import Report

_IN_A_ROW = 5
"""So many tasks that end by infrastructure or a defect, one after the other, are no accident: the others would fare no better."""
_LOOK_S = 0.25
_PAUSE_S = 1.0
"""Before the first repetition; the next ones wait in proportion."""


class Plan(NamedTuple):
    """What a driver works through."""

    records: Sequence[Record]
    gold: Mapping[str, Gold]
    """By task id; empty where nothing is graded."""
    settings: Mapping[str, Any]
    """Of every run, without secrets."""
    sites: Any
    """A `Sites` that is a `Graders` as well."""
    name: str
    """Of the system, for predictions."""
    grade: GradeWhat
    retries: int
    lease_usd: float | None
    """What one task may cost."""
    batch_usd: float | None
    """What all of them may cost; needs `lease_usd`."""


class _Attempt(NamedTuple):
    """A piece of work that waits."""

    task_id: str
    failures: tuple[str, ...] = ()
    not_before: float = 0.0


class Driver:
    """Works through a batch. For one thread; `stop` may be called from a signal handler."""

    def __init__(self, folder: BatchDir, plan: Plan, executor: Executor, report: Report) -> None:
        """Read what earlier processes came to."""
        self.folder, self._plan, self._executor, self._report = folder, plan, executor, report
        self._records = {record.task.id: record for record in plan.records}
        self.ends = {task: end for task, end in folder.ends().items() if task in self._records}
        self.grades: dict[tuple[str, str], PatchGrade] = {
            (one.task_id, one.digest): one for one in folder.read(GRADES, PatchGrade)
        }
        self._budget = Budget(BudgetLimits(usd=plan.batch_usd), spent=self._spent_before())
        self._leases: dict[str, tuple[Reservation | None, Usage]] = {}
        self._to_solve = deque(_Attempt(task) for task in self._order())
        self._to_grade = deque(_Attempt(task) for task, end in self.ends.items() if end.is_final)
        self._under_way: dict[str, _Attempt] = {}
        self._failed_in_a_row = 0
        self._unpaid = 0
        self._stopping = False
        self._error: WinnowError | None = None

    def stop(self) -> None:
        """Start nothing more and end what is under way."""
        self._stopping = True

    def run(self) -> str:
        """Work until nothing more can be done; say what is left without an outcome, because machines failed or the money is used up.

        Empty: every task has one.

        Raises:
            Interrupted: `stop` was called.
            WinnowError: what would meet every task.
        """
        told = False
        while True:
            if self._stopping and not told:
                self._executor.stop()
                told = True
            if not self._stopping:
                self._start_what_fits()
            if not self._under_way and (self._stopping or not self._waiting()):
                break
            for done in self._executor.wait(_LOOK_S):
                self._take(done)
            if not self._under_way:
                time.sleep(0 if self._stopping else min(_LOOK_S, self._pause()))
        self.finish()
        if self._error:
            raise self._error
        if self._stopping:
            raise Interrupted("the batch was interrupted")
        return self._what_is_left()

    def finish(self) -> None:
        """Write results and predictions anew, in the dataset's order."""
        self.folder.finish([self.ends[task] for task in self._records if task in self.ends], self._plan.name)
        place = {task: number for number, task in enumerate(self._records)}
        known = (one for one in self.grades.values() if one.task_id in place)
        ordered: list[PatchGrade] = sorted(known, key=lambda one: (place[one.task_id], one.digest))
        self.folder.rewrite(GRADES, ordered)

    @property
    def tasks(self) -> int:
        """How many tasks the batch has."""
        return len(self._records)

    @property
    def ungraded(self) -> bool:
        """Nothing is graded."""
        return self._plan.grade == "none"

    def verdict(self, end: TaskEnd) -> bool | None:
        """Whether a task is resolved; None: not known."""
        if not end.patch:
            return False if end.is_final else None
        known = self.grades.get((end.task_id, digest_of(end.patch)))
        return None if known is None or known.grade.status in ("infra", "unknown") else known.grade.resolved

    @property
    def under_way(self) -> tuple[str, ...]:
        """Keys of what workers have."""
        return tuple(self._under_way)

    def _order(self) -> list[str]:
        """Tasks without an outcome; those that cost something already come first."""
        left = [task for task in self._records if task not in self.ends or not self.ends[task].is_final]
        return sorted(left, key=lambda task: not self.folder.run(task).path.exists())

    def _spent_before(self) -> Usage:
        """What the journals say was paid, of finished and unfinished tasks alike."""
        total = Usage()
        for task in self._records:
            end = self.ends.get(task)
            total += end.usage if end and end.is_final else spent(self.folder.run(task))
        return total

    def _waiting(self) -> bool:
        return bool(self._to_grade or self._to_solve)

    def _pause(self) -> float:
        waits = [attempt.not_before - time.monotonic() for attempt in (*self._to_solve, *self._to_grade)]
        return max(0.0, min(waits, default=0.0))

    def _start_what_fits(self) -> None:
        """Grades go first: they are short, and a reader wants to know."""
        for queue, start in ((self._to_grade, self._start_grade), (self._to_solve, self._start_solve)):
            for _ in range(len(queue)):
                if len(self._under_way) >= self._executor.slots:
                    return
                attempt = queue.popleft()
                if attempt.not_before > time.monotonic():
                    queue.append(attempt)
                elif not start(attempt):
                    queue.appendleft(attempt)
                    break

    def _start_solve(self, attempt: _Attempt) -> bool:
        """Start a task; False: the money for it is lent to others and may come back."""
        task = attempt.task_id
        if not self._lend(task):
            if not self._leases:  # nothing will come back
                self._unpaid += 1
                return True
            return False
        job = SolveJob(
            record=self._records[task],
            run_dir=str(self.folder.run(task).path),
            settings=self._plan.settings,
            sites=self._plan.sites,
        )
        self._launch(f"solve/{task}", attempt, solve, job)
        return True

    def _start_grade(self, attempt: _Attempt) -> bool:
        task = attempt.task_id
        if self.ungraded:
            return True
        wanted = to_grade(self.folder.run(task), self.ends[task], self._plan.grade)
        patches = {digest: patch for digest, patch in wanted.items() if not self._is_graded(task, digest)}
        if not patches:
            return True
        job = GradeJob(
            record=self._records[task], gold=self._plan.gold[task], patches=patches, graders=self._plan.sites
        )
        self._launch(f"grade/{task}", attempt, grade, job)
        return True

    def _is_graded(self, task: str, digest: str) -> bool:
        known = self.grades.get((task, digest))
        return known is not None and known.grade.status != "infra"

    def _launch(self, key: str, attempt: _Attempt, function: Any, job: Any) -> None:
        self._under_way[key] = attempt
        self._executor.start(key, function, job)
        self._report("start", {"key": key})

    def _lend(self, task: str) -> bool:
        """Set aside what a task may still cost, so that tasks side by side cannot spend the same money."""
        before = spent(self.folder.run(task))
        if self._plan.batch_usd is None or self._plan.lease_usd is None:
            self._leases[task] = None, before
            return True
        worst = Usage(usd=max(0.0, self._plan.lease_usd - (before.usd or 0.0)))
        try:
            self._leases[task] = self._budget.reserve(worst), before
        except BudgetExhausted:
            return False
        return True

    def _settle(self, task: str) -> None:
        lease, before = self._leases.pop(task)
        now = spent(self.folder.run(task))
        if lease is not None:
            usd = None if now.usd is None or before.usd is None else max(0.0, now.usd - before.usd)
            lease.settle(Usage(usd=usd))

    def _take(self, done: Done) -> None:
        attempt = self._under_way.pop(done.key)
        kind, _, task = done.key.partition("/")
        if kind == "solve":
            self._settle(task)
        if isinstance(done.error, Interrupted) or (done.lost and self._stopping):
            return
        if kind == "solve":
            self._take_end(attempt, self._end_of(task, done))
        else:
            self._take_grades(attempt, done)

    def _end_of(self, task: str, done: Done) -> TaskEnd | None:
        """How a task ended; None when the whole batch must end."""
        if isinstance(done.value, TaskEnd):
            return done.value
        if isinstance(done.error, WinnowError):
            self._give_up(done.error)
            return None
        ended = (
            {"ended": "infra", "reason": done.lost} if done.lost else {"ended": "defect", "reason": repr(done.error)}
        )
        known = {
            "task_id": task,
            "repository": self._records[task].repository,
            "usage": spent(self.folder.run(task)),
        }
        return TaskEnd.model_validate({**known, **ended})

    def _take_end(self, attempt: _Attempt, end: TaskEnd | None) -> None:
        if end is None:
            return
        failures = attempt.failures
        if end.ended == "infra":
            failures = (*failures, end.reason)
            if len(failures) <= self._plan.retries:
                self._report("retry", {"task": end.task_id, "reason": end.reason})
                later = time.monotonic() + _PAUSE_S * len(failures)
                self._to_solve.append(_Attempt(attempt.task_id, failures, later))
                return
        end = end.model_copy(update={"failures": failures})
        self.ends[end.task_id] = end
        self.folder.append(RESULTS, end)
        self.folder.predict(end, self._plan.name)
        self._report("ended", {"task": end.task_id, "ended": end.ended, "reason": end.reason})
        if end.is_final:
            self._to_grade.append(_Attempt(end.task_id))
        self._failed_in_a_row = 0 if end.is_final else self._failed_in_a_row + 1
        if self._failed_in_a_row >= _IN_A_ROW:
            what = "by their machines or by a defect"
            self._give_up(SandboxLost(f"{_IN_A_ROW} tasks in a row failed {what}; the last: {end.reason}"))

    def _take_grades(self, attempt: _Attempt, done: Done) -> None:
        if isinstance(done.error, WinnowError):
            self._give_up(done.error)
            return
        grades = done.value.grades if isinstance(done.value, Graded) else ()
        for one in grades:
            self.grades[one.task_id, one.digest] = one
            self.folder.append(GRADES, one)
            chosen = one.digest == digest_of(self.ends[one.task_id].patch)
            self._report("graded", {"task": one.task_id, "status": one.grade.status, "chosen": chosen})
        broken = [one.grade.reason for one in grades if one.grade.status == "infra"]
        if broken or not isinstance(done.value, Graded):
            reason = broken[0] if broken else done.lost or repr(done.error)
            failures = (*attempt.failures, reason)
            if len(failures) <= self._plan.retries:
                self._report("retry", {"task": attempt.task_id, "reason": reason})
                later = time.monotonic() + _PAUSE_S * len(failures)
                self._to_grade.append(_Attempt(attempt.task_id, failures, later))

    def _give_up(self, error: WinnowError) -> None:
        self._error = self._error or error
        self._stopping = True

    def _what_is_left(self) -> str:
        if self._unpaid:
            return (
                f"{self._unpaid} tasks were not started: {self._plan.batch_usd:g} USD for the batch do not cover another one; "
                "allow more with --batch-usd"
            )
        failed = sum(not end.is_final for end in self.ends.values())
        missing = self._missing_grades()
        what = [f"{failed} tasks failed by their machines or by a defect"] if failed else []
        what += [f"{missing} patches could not be graded"] if missing else []
        return " and ".join(what)

    def _missing_grades(self) -> int:
        if self.ungraded:
            return 0
        return sum(
            not self._is_graded(task, digest)
            for task, end in self.ends.items()
            if end.is_final
            for digest in to_grade(self.folder.run(task), end, self._plan.grade)
        )

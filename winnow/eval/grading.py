"""Grades of candidates: one of the few places that gold may come to."""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from envs.datasets.values import Record
from envs.grading.values import Gold, Grade, Grader
from envs.values import Patch
from sandbox.values import Value


class Graders(Protocol):
    """Opens a grader where the work is done. A value: it is sent to the processes that do the work."""

    def grader(self) -> AbstractContextManager[Grader]:
        """Open what runs hidden tests; leaving the context ends its machines."""


class GradeJob(Value):
    """Patches of one task for a worker."""

    record: Record
    gold: Gold
    patches: Mapping[str, Patch]
    """By digest: equal patches are graded once."""
    graders: Any
    """A `Graders`."""


class PatchGrade(Value):
    """What the hidden tests said of one patch of a task: a line of grades.jsonl."""

    task_id: str
    digest: str
    grade: Grade


class Graded(Value):
    """What a `GradeJob` came to."""

    grades: tuple[PatchGrade, ...]


def grade(job: GradeJob) -> Graded:
    """Grade each patch; an infrastructure failure is a status of the grade.

    Raises:
        DiskFull: there is no room for images, logs or the cache.
        Interrupted: the worker was asked to stop.
    """
    task = job.record.task.id
    with job.graders.grader() as grader:
        grades = [
            PatchGrade(task_id=task, digest=digest, grade=grader.grade(job.record, job.gold, patch))
            for digest, patch in job.patches.items()
        ]
    return Graded(grades=tuple(grades))


def digest_of(diff: str) -> str:
    """Name of a patch's content."""
    return hashlib.sha256(diff.encode("utf-8", "surrogateescape")).hexdigest()

"""Runs the hidden tests of a task on a patch, in a container of its own."""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from envs.datasets.values import Record
from envs.disk import room_for
from envs.errors import TaskError
from envs.grading.cache import GradeCache
from envs.grading.parsers import read_log
from envs.grading.place import apply_candidate, is_ours, put_tests, steering
from envs.grading.script import TestRun, test_run, touched
from envs.grading.values import Gold, Grade, Status
from envs.grading.verdict import judge
from envs.images.recipe import EXTENSION_SOURCE
from envs.taskimages.build import SERVE
from envs.taskimages.facts import installation
from envs.taskimages.find import Place, TaskImages, copy_out
from envs.values import Patch
from sandbox.errors import DiskFull, SandboxError
from sandbox.port import Sandbox, SandboxProvider
from sandbox.values import ExecResult, SandboxSpec, Value

FORMAT = 4
"""Raised when grades from before must not be taken any more."""
LOG_BYTES = 32 << 20
LIMITS = SandboxSpec(memory_mb=4096, disk_mb=2048, pids=1024)
KEPT: tuple[Status, ...] = ("resolved", "unresolved", "not_applied")
"""What is remembered: the rest may be otherwise next time."""


class Graded(Value):
    """A grade, with what it rests on."""

    grade: Grade
    log: str = ""
    """What the tests printed."""
    steps: str = ""
    """How the patch and the tests were put in place."""
    exit_code: int | None = None
    """Of the tests; None when they did not run or not end."""
    place: Place | None = None
    """Where they ran; None when there was no place."""
    silent: bool = False
    """The tests ended by themselves, with an error, and their log tells of none of them."""


class ContainerGrader:
    """Grades in Docker containers; implements `Grader`.

    Args:
        images: finds or builds the image of a task.
        provider: of containers.
        cache: of grades; None: everything is run.
        limits: of a container.
        timeout_s: for the tests of one patch.
    """

    def __init__(
        self,
        images: TaskImages,
        provider: SandboxProvider,
        *,
        cache: GradeCache | None,
        limits: SandboxSpec = LIMITS,
        timeout_s: float = 1800.0,
    ) -> None:
        self._images, self._provider, self._cache = images, provider, cache
        self._limits, self._timeout = limits, timeout_s
        self._bases: dict[str, bool] = {}  # by key of the grade without a patch: whether the tests start
        self._kept: dict[str, bool] = {}  # by image id: whether its tree can be worked on where it is

    def grade(self, record: Record, gold: Gold, patch: Patch) -> Grade:
        """See `Grader.grade`."""
        return self.run(record, gold, patch).grade

    def run(self, record: Record, gold: Gold, patch: Patch, *, even_empty: bool = False) -> Graded:
        """Grade a patch and keep what the grade rests on.

        Args:
            record: of the task.
            gold: of the same task.
            patch: to grade.
            even_empty: run the tests for an empty patch too; otherwise that is known to be wrong.

        Raises:
            DiskFull: there is no room for images, logs or the cache.
        """
        task = record.task.id
        if patch.is_empty and not even_empty:
            return Graded(grade=Grade(task_id=task, status="empty", reason="The patch is empty."))
        began = time.monotonic()
        try:
            place = self._images.find(record)
            key = self._key(record, gold, patch, place)
            if self._cache and (known := self._cache.load(key, Graded)):
                return known.model_copy(update={"grade": known.grade.model_copy(update={"cached": True})})
            graded = self._in_container(record, gold, patch, place)
            if patch.is_empty and graded.grade.status == "resolved":
                reason = f"{graded.grade.reason} The tests of the dataset do not tell a right patch from none."
                graded = graded.model_copy(update={"grade": graded.grade.model_copy(update={"reason": reason})})
            if graded.silent and not patch.is_empty and self._base_speaks(record, gold, place):
                grade = graded.grade.model_copy(
                    update={"status": "unresolved", "reason": "With the patch, the tests do not start."}
                )
                graded = graded.model_copy(update={"grade": grade})
        except DiskFull:
            raise
        except (SandboxError, TaskError) as error:
            seconds = time.monotonic() - began
            return Graded(grade=Grade(task_id=task, status="infra", reason=str(error), seconds=seconds))
        if self._cache and graded.grade.status in KEPT:
            self._cache.store(key, graded)
        return graded

    def _base_speaks(self, record: Record, gold: Gold, place: Place) -> bool:
        """Say whether the tests start without any patch, so that it is a patch's doing when they do not. Asked once per task."""
        key = self._key(record, gold, Patch(diff=""), place)
        if key not in self._bases:
            known = self._cache.load(key, Graded) if self._cache else None
            graded = known or self._in_container(record, gold, Patch(diff=""), place)
            if self._cache and not known and graded.grade.status in KEPT:
                self._cache.store(key, graded)
            self._bases[key] = not graded.silent and graded.exit_code is not None
        return self._bases[key]

    def _key(self, record: Record, gold: Gold, patch: Patch, place: Place) -> str:
        parts = {
            "format": FORMAT,
            "image": place.digest,
            "record": record.model_dump(mode="json", exclude={"task": True}),
            "gold": gold.model_dump(mode="json"),
            "patch": patch.diff,
            "network": self._limits.network,
        }
        return GradeCache.key(parts)

    def _in_container(self, record: Record, gold: Gold, patch: Patch, place: Place) -> Graded:
        known = installation(record)
        tests = test_run(record, gold, known)
        if place.web:
            tests = tests.model_copy(update={"setup": (f". {SERVE}", *tests.setup)})
        compiled = bool(known and known.compiled)
        spec = self._limits.model_copy(
            update={
                "image": place.image,
                "workdir": place.workdir,
                "keep": True,
                "hosts": place.web,
                "lifetime_s": (2 if compiled else 1) * self._timeout + 900,  # compiling may take as long as the tests
                "env": {**self._limits.env, **(known.env if known and place.kind != "built" else {})},
            }
        )
        if self._kept.get(place.digest, True):
            with self._provider.open(spec) as box:
                if place.digest not in self._kept:
                    self._kept[place.digest] = is_ours(box, place.workdir)
                if self._kept[place.digest]:
                    return _Run(box, place, tests, self._timeout).grade(record, gold, patch, compiled=compiled)
        with tempfile.TemporaryDirectory(prefix="winnow-tree-") as scratch, room_for("a task's tree"):
            archive = Path(scratch, "tree.tar")
            copy_out(place, self._provider, archive)
            with self._provider.open(spec.model_copy(update={"keep": False})) as box:
                box.unpack(archive)
                return _Run(box, place, tests, self._timeout).grade(record, gold, patch, compiled=compiled)


class _Run(NamedTuple):
    """One container, one patch."""

    box: Sandbox
    place: Place
    tests: TestRun
    timeout: float

    def grade(self, record: Record, gold: Gold, patch: Patch, *, compiled: bool) -> Graded:
        steps = ""
        if not patch.is_empty:
            applied = apply_candidate(self.box, self.place.workdir, patch)
            steps = applied.log
            if not applied.ok:
                return self._ended(record, "not_applied", "The patch does not apply.", steps)
        steered = steering(patch, gold.patch)
        if compiled and any(EXTENSION_SOURCE.fullmatch(path) for path in touched(patch)):
            steps += self._compile()
        if not self.tests.whole:
            put = put_tests(
                self.box, self.place.workdir, base=record.base_commit, tests=gold.test_patch, steered=steered
            )
            steps += put.log
            if not put.ok:
                return self._ended(record, "unknown", "The hidden tests cannot be put over the patch.", steps)
        ran = self._run(self.tests.script(), self.timeout)
        log = ran.out
        parser = self.tests.parser
        reading = read_log(parser, log)
        clipped = ran.stdout_bytes > len(ran.stdout)
        verdict = judge(gold, reading, parser=parser, log=log, exit_code=ran.exit_code, clipped=clipped)
        note = f" Taken from the base: {', '.join(steered)}." if steered else ""
        grade = Grade(
            task_id=record.task.id,
            status=verdict.status,
            reason=verdict.reason + note,
            tests=verdict.tests,
            seconds=ran.seconds,
            cpu_seconds=ran.cpu_seconds,
        )
        silent = verdict.status == "unknown" and not reading.statuses and (ran.exit_code or 0) > 0
        return Graded(grade=grade, log=log, steps=steps, exit_code=ran.exit_code, place=self.place, silent=silent)

    def _compile(self) -> str:
        """Compile the patch's modules: an installation in place does not do that by itself."""
        made = self._run(
            TestRun(setup=(), command="python setup.py build_ext --inplace", parser="").script(), self.timeout
        )
        return made.out[-20_000:]

    def _run(self, script: str, timeout: float) -> ExecResult:
        # Read from standard input, the script would be at the tests' disposal.
        return self.box.exec(("bash", "-c", script), timeout=timeout, cwd=self.place.workdir, max_bytes=LOG_BYTES)

    def _ended(self, record: Record, status: Status, reason: str, steps: str) -> Graded:
        grade = Grade(task_id=record.task.id, status=status, reason=reason)
        return Graded(grade=grade, steps=steps, place=self.place)

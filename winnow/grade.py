"""`winnow eval grade`: many patches of many tasks, graded side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from envs.datasets.load import Dataset
from envs.datasets.values import Record
from envs.errors import DatasetUnusable
from envs.grading.grader import ContainerGrader, Graded
from envs.grading.official import folder_of, summary, thinned, write_run, write_summary, write_task
from envs.grading.predictions import EMPTY, GOLD, Prediction
from envs.grading.script import test_run
from envs.grading.values import Gold, Grade
from envs.taskimages.facts import installation
from envs.values import Patch
from sandbox.values import Value


class SystemGrades(Value):
    """What became of one system's predictions."""

    system: str
    total: int
    """Tasks that were wanted."""
    resolved: int
    unresolved: int
    empty: int
    not_applied: int
    unknown: int
    infra: int
    absent: int
    """Tasks without a prediction."""
    cached: int
    """Grades that were known already."""
    summary: str
    """Path of the official summary."""


class GradeResult(Value):
    """What `winnow eval grade --json` prints."""

    run_id: str
    seconds: float = 0.0
    strangers: tuple[str, ...] = ()
    """Tasks that somebody has a prediction for and that are not among the wanted ones."""
    systems: tuple[SystemGrades, ...]
    grades: tuple[tuple[str, Grade], ...]
    """System and grade, in the order of the dataset. Lists of tests are in the reports alone."""


class Campaign:
    """Grades predictions and writes what the official harness writes. What was graded already is found in the grader's cache.

    Args:
        dataset: the wanted tasks.
        grader: runs tests.
        out: folder of the logs and summaries.
        run_id: names the logs.
        timeout_s: of the tests, for the logs.
        report: told the system and the grade of each prediction as it ends.
        stop: ends every machine, so that nothing is waited for when there is no point in going on.
    """

    def __init__(
        self,
        dataset: Dataset,
        grader: ContainerGrader,
        *,
        out: Path,
        run_id: str,
        timeout_s: float,
        report: Callable[[str, Grade], None],
        stop: Callable[[], None],
    ) -> None:
        self._dataset, self._grader, self._out, self._run_id = dataset, grader, out, run_id
        self._timeout, self._report, self._stop = timeout_s, report, stop
        self._over = False
        self._records = {record.task.id: record for record in dataset.records}

    def references(self) -> tuple[Prediction, ...]:
        """The reference patches, as predictions; tasks whose reference is no diff have none."""
        known = [(name, self._dataset.gold[name].patch) for name in self._records]
        return tuple(Prediction(task_id=name, system=GOLD, patch=patch) for name, patch in known if not patch.is_empty)

    def nothing(self) -> tuple[Prediction, ...]:
        """No patch for each task; their tests are run."""
        return tuple(Prediction(task_id=name, system=EMPTY, patch=Patch(diff="")) for name in self._records)

    def run(self, predictions: Sequence[Prediction], *, workers: int, source: str, split: str) -> GradeResult:
        """Grade; tasks that were not asked for are left alone.

        Patches of one task are graded one after the other where they can be, so that its image is built once and is warm.

        Raises:
            DatasetUnusable: there are two patches of one system for a task.
            DiskFull: there is no room for images, logs or the cache.
            KeyboardInterrupt: the user asked to stop; what was graded is kept.
        """
        predictions = _once(predictions)
        write_run(self._out, self._run_id, source, split)
        order = {name: index for index, name in enumerate(self._records)}
        wanted = sorted((p for p in predictions if p.task_id in order), key=lambda p: (order[p.task_id], p.system))
        graded: dict[tuple[str, str], Graded] = {}
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="grade")
        try:
            under_way: dict[Future[Graded], Prediction] = {pool.submit(self._one, p): p for p in wanted}
            while under_way:
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    prediction = under_way.pop(future)
                    graded[prediction.system, prediction.task_id] = future.result()
        except BaseException:
            self._over = True
            self._stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        systems = dict.fromkeys(p.system for p in predictions)
        return GradeResult(
            run_id=self._run_id,
            strangers=tuple(dict.fromkeys(p.task_id for p in predictions if p.task_id not in order)),
            systems=tuple(self._summary(system, predictions, graded) for system in systems),
            grades=tuple(
                (p.system, graded[p.system, p.task_id].grade.model_copy(update={"tests": {}})) for p in wanted
            ),
        )

    def _one(self, prediction: Prediction) -> Graded:
        record, gold = self._records[prediction.task_id], self._dataset.gold[prediction.task_id]
        graded = self._grader.run(record, gold, prediction.patch, even_empty=prediction.system == EMPTY)
        folder = folder_of(self._out, self._run_id, prediction)
        if self._over:
            return graded  # its machine was taken away
        if graded.grade.status != "empty":
            write_task(folder, prediction, graded, _script(record, gold), self._timeout)
        self._report(prediction.system, graded.grade)
        return thinned(graded)

    def _summary(
        self, system: str, predictions: Sequence[Prediction], graded: dict[tuple[str, str], Graded]
    ) -> SystemGrades:
        own = {task: found for (name, task), found in graded.items() if name == system}
        submitted = [p.task_id for p in predictions if p.system == system]
        path = write_summary(self._out, system, self._run_id, summary(list(self._records), own, submitted))
        counts = dict.fromkeys(("resolved", "unresolved", "empty", "not_applied", "unknown", "infra"), 0)
        for one in own.values():
            counts[one.grade.status] += 1
        return SystemGrades(
            system=system,
            total=len(self._records),
            absent=len(self._records) - len(own),
            cached=sum(one.grade.cached for one in own.values()),
            summary=str(path),
            **counts,
        )


def _once(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Each prediction once, whichever files it stands in: two would be graded under one name."""
    found: dict[tuple[str, str], Prediction] = {}
    for one in predictions:
        if found.setdefault((one.system, one.task_id), one).patch != one.patch:
            raise DatasetUnusable(
                f"There are two patches of {one.system} for {one.task_id}.",
                hint="Leave one of them out, or give them names in model_name_or_path.",
            )
    return list(found.values())


def _script(record: Record, gold: Gold) -> str:
    return gold.eval_script or test_run(record, gold, installation(record)).script()

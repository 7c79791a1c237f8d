"""`winnow eval images`: the images of a dataset's tasks, made ready ahead of time, listed and removed."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from envs.datasets.values import Record
from envs.errors import TaskError
from envs.taskimages.find import Place, TaskImages
from sandbox.errors import BuildFailed, ImageUnavailable
from sandbox.values import Value


class Readied(Value):
    """What became of one task's image."""

    task_id: str
    place: Place | None
    """None: there is none."""
    reason: str = ""
    """Why there is none."""
    log_tail: str = ""
    """The end of what the builder printed, where it failed."""


def ready_images(
    records: Sequence[Record],
    images: TaskImages,
    *,
    workers: int,
    report: Callable[[Readied], None],
    stop: Callable[[], None],
) -> tuple[Readied, ...]:
    """Find or build the image of each task; one that cannot be had is a result.

    Args:
        records: of the tasks.
        images: finds and builds.
        workers: at once.
        report: told of each as it ends, from any thread.
        stop: ends builds that are under way, for when there is no point in going on.

    Raises:
        SandboxUnavailable, DiskFull: nothing more can be done here.
    """

    def ready(record: Record) -> Readied:
        name = record.task.id
        try:
            done = Readied(task_id=name, place=images.find(record))
        except (TaskError, ImageUnavailable, BuildFailed) as error:
            tail = str(getattr(error, "log_tail", "") or getattr(error, "log", ""))
            done = Readied(task_id=name, place=None, reason=str(error), log_tail=tail)
        report(done)
        return done

    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="image") as pool:
        try:
            return tuple(pool.map(ready, records))
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise

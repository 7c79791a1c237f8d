"""The grader, as the settings say. Apart from `winnow.testbeds`, which solvers use too: gold is not for them."""

from collections.abc import Callable

from envs.grading.cache import GradeCache
from envs.grading.grader import LIMITS, ContainerGrader
from winnow.machines import Machines
from winnow.settings import Settings
from winnow.testbeds import task_images


def grader_of(
    settings: Settings, machines: Machines, log: Callable[[str], None], *, fresh: bool = False
) -> ContainerGrader:
    """Return what runs hidden tests; `fresh`: also where a grade is known.

    Raises:
        SandboxUnavailable, ImageBuildFailed: as `task_images`.
    """
    return ContainerGrader(
        task_images(settings, machines, log),
        machines,
        cache=None if fresh else GradeCache(settings.run.cache_dir.expanduser() / "grades"),
        limits=LIMITS.model_copy(update={"network": settings.tasks.network, "cpus": settings.sandbox.cpus}),
        timeout_s=settings.tasks.timeout_s,
    )

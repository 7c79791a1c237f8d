"""Where a dataset's tasks are solved and graded: images and repositories as the settings say."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envs.datasets.values import Record
from envs.grading.values import Grader
from envs.taskimages.build import SERVED_PYTHON
from envs.taskimages.facts import installation
from envs.taskimages.materialise import materialise
from sandbox.values import Value
from winnow.eval.values import Site
from winnow.graders import grader_of
from winnow.machines import Machines
from winnow.settings import Settings
from winnow.solve import provider_of, silent, stoppable
from winnow.testbeds import sources_of, task_images


def _say(line: str) -> None:
    """Into the worker's own log."""
    print(line, flush=True)  # noqa: T201


class Testbeds(Value):
    """Implements `winnow.eval.port.Sites` and `winnow.eval.grading.Graders` for real datasets."""

    __test__ = False  # a value of ours, not a class of tests

    settings: Mapping[str, Any]
    """The tree without secrets."""

    def site(self, record: Record, folder: Path) -> Site:
        """See `Sites.site`."""
        settings = Settings.model_validate(self.settings)
        machines = Machines(provider_of(settings, settings.sandbox.kind), silent)
        with stoppable(machines, threading.Event()):
            images = task_images(settings, machines, _say)
            place = materialise(record, images, sources_of(settings), machines, folder).place
        known = installation(record)
        changes: dict[str, dict[str, Any]] = {"image": {"name": place.image, "python": place.python}}
        if place.web:
            changes["image"]["python"] = SERVED_PYTHON
            changes["sandbox"] = {"hosts": place.web}
        if known and known.suite_command and settings.suite.command is None:
            changes["suite"] = {"command": f"{place.python} {known.suite_command}"}
        return Site(settings=changes, image=place.digest)

    @contextmanager
    def grader(self) -> Iterator[Grader]:
        """See `winnow.eval.grading.Graders.grader`."""
        settings = Settings.model_validate(self.settings)
        machines = Machines(provider_of(settings, "docker"), silent)
        with stoppable(machines, threading.Event()):
            yield grader_of(settings, machines, _say)

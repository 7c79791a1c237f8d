"""Where a dataset's tasks are solved and graded: images and repositories as the settings say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envs.datasets.values import Record
from envs.taskimages.materialise import materialise
from sandbox.values import Value
from winnow.eval.values import Site
from winnow.settings import Settings
from winnow.solve import provider_of
from winnow.testbeds import sources_of, task_images


class Testbeds(Value):
    """Implements `winnow.eval.port.Sites` for real datasets."""

    __test__ = False  # a value of ours, not a class of tests

    settings: Mapping[str, Any]
    """The tree without secrets."""

    def site(self, record: Record, folder: Path) -> Site:
        """See `Sites.site`."""
        settings = Settings.model_validate(self.settings)
        provider = provider_of(settings, settings.sandbox.kind)
        images = task_images(settings, provider, print)
        place = materialise(record, images, sources_of(settings), provider, folder).place
        return Site(settings={"image": {"name": place.image, "python": place.python}})

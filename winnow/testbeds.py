"""The places of a dataset's tasks, as the settings say."""

from collections.abc import Callable
from pathlib import Path

from envs.taskimages.bases import read_bases
from envs.taskimages.build import Builder
from envs.taskimages.find import TaskImages
from envs.taskimages.sources import Sources
from envs.taskimages.store import ImageStore
from sandbox.errors import SandboxUnavailable
from sandbox.port import SandboxProvider
from winnow.machines import Machines
from winnow.settings import Settings, caller


def sources_of(settings: Settings) -> Sources:
    """Where repositories are looked for."""
    mirrors = tuple(str(Path(folder).expanduser().absolute()) for folder in settings.tasks.mirrors)
    return Sources(mirrors=mirrors, url=settings.tasks.repository_url or None)


def store_of(settings: Settings, provider: SandboxProvider) -> ImageStore:
    """The images that were built.

    Raises:
        SandboxUnavailable: these machines have no images.
    """
    if provider.images is None:
        raise SandboxUnavailable("Tasks of a dataset need Docker.", hint="Start a Docker Engine: see `winnow doctor`.")
    return ImageStore(provider.images, settings.run.cache_dir.expanduser())


def task_images(settings: Settings, machines: Machines, log: Callable[[str], None]) -> TaskImages:
    """Return what finds and builds the images of tasks; a build ends soon after the machines were stopped.

    Raises:
        SandboxUnavailable: these machines have no images.
        ImageBuildFailed: `image.base` is malformed.
    """
    store = store_of(settings, machines)
    assert machines.images is not None
    builder = Builder(
        machines.images,
        sources_of(settings),
        bases=read_bases(settings.image.base),
        cache=settings.run.cache_dir.expanduser(),
        pass_env=caller().package_index,
        log=log,
        go_on=machines.refuse_when_stopped,
    )
    return TaskImages(
        machines,
        builder,
        pull=settings.tasks.pull,
        store=store,
        most_bytes=settings.tasks.image_gb * 2**30,
        log=log,
    )

"""The image of a task: its dataset's, the official one, or one that is built."""

import re
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from envs.datasets.values import Record
from envs.errors import ImageBuildFailed, RepositoryUnusable
from envs.taskimages.build import NOTE, PYTHON, TESTBED, Builder
from envs.taskimages.facts import installation
from envs.taskimages.store import ImageStore
from sandbox.engine.images import Image
from sandbox.errors import ImageUnavailable, SandboxError
from sandbox.port import SandboxProvider
from sandbox.values import SandboxSpec, Value

LOOK = """
for python in /opt/miniconda3/envs/testbed/bin/python /testbed/.venv/bin/python /root/.venv/bin/python python python3; do
    command -v "$python" >/dev/null && { printf %s "$python"; exit; }
done
"""
_ABSENT = re.compile(r"not found|denied|manifest unknown|does not exist|no such image|unauthorized", re.IGNORECASE)
"""A registry that says so answers."""
_RECENT = 64
"""So many images that were handed out last stay, whatever they take: no container may use them yet."""
_AS_YOU_LIKE = "image.pull is off"


class Place(Value):
    """An image with a task's repository and everything that its tests need."""

    image: str
    """Its name."""
    digest: str
    """Its id: equal ids are the same place."""
    kind: str
    """`dataset`, `official` or `built`."""
    workdir: str = TESTBED
    """Where the repository lies inside."""
    python: str = PYTHON
    """The interpreter that has the dependencies."""
    web: tuple[str, ...] = ()
    """Hosts of the web that servers in it answer for: see `Installation.web`."""
    note: str = ""
    """How it differs from what the task wants; empty when it does not."""


def official_names(task_id: str) -> tuple[str, ...]:
    """Return the names under which the image of a task is published or built by others."""
    name = task_id.lower()
    return (
        f"swebench/sweb.eval.x86_64.{name.replace('__', '_1776_')}:latest",
        f"sweb.eval.x86_64.{name}:latest",
        f"xingyaoww/sweb.eval.x86_64.{name.replace('__', '_s_')}:latest",
    )


class TaskImages:
    """Finds images, and builds them where there are none. Safe to use from several threads.

    Args:
        provider: of the containers; it has images.
        builder: None: nothing is built.
        pull: ask registries.
        store: of what is built; over `most_bytes` the oldest go. None: nothing is bounded.
        most_bytes: of all images that were built.
        log: called with lines of progress.
    """

    def __init__(
        self,
        provider: SandboxProvider,
        builder: Builder | None,
        *,
        pull: bool = True,
        store: ImageStore | None = None,
        most_bytes: float = float("inf"),
        log: Callable[[str], None],
    ) -> None:
        if provider.images is None:
            raise ImageUnavailable(
                "Tasks of a dataset need Docker.", hint="Start a Docker Engine: see `winnow doctor`."
            )
        self._provider, self._images, self._builder, self._log = provider, provider.images, builder, log
        self._pull, self._store, self._most_bytes = pull, store, most_bytes
        self._handed: deque[str] = deque(maxlen=_RECENT)
        self._trimmed_at = -1  # as many images were made when room was looked for last
        self._lock = threading.Lock()

    def find(self, record: Record) -> Place:
        """Return the task's place: what is here, else what a registry has, else what can be built.

        Raises:
            ImageBuildFailed, RepositoryUnusable: it is nowhere, and cannot be built.
            SandboxError: the engine failed.
        """
        named = (record.image,) if record.image else ()
        names = dict.fromkeys(official_names(record.task.id), "official") | dict.fromkeys(named, "dataset")
        names = dict.fromkeys((*named, *names), "") | names  # the dataset's own first
        for name, kind in names.items():
            if found := self._images.find(name):
                return self._foreign(name, kind, found)
        reasons: list[str] = []
        for name, kind in names.items() if self._pull else ():
            try:
                self._images.pull(name)
            except SandboxError as error:
                reasons.append(str(error))
                if isinstance(error, ImageUnavailable) and _ABSENT.search(str(error)):
                    continue
                self._pull = False  # no registry answers: nobody waits for it again
                self._log(f"No registry is asked any more: {error}")
                break
            if found := self._images.find(name):
                return self._foreign(name, kind, found)
        if self._builder is None:
            why = reasons[0] if reasons else _AS_YOU_LIKE
            raise ImageUnavailable(
                f"There is no image for {record.task.id}: {why}.", hint="Allow building, or name a registry's image."
            )
        try:
            name = self._builder.build(record)
        except (ImageBuildFailed, RepositoryUnusable) as error:
            if reasons:
                error.hint = f"{error.hint} No registry has it either: {reasons[0]}."
            raise
        built = self._images.find(name)
        if built is None:
            raise ImageUnavailable(
                f"The image {name} was removed when it was just built.", hint="Allow more disk with --image-gb."
            )
        self._make_room(name)
        known = installation(record)
        return Place(
            image=name,
            digest=built.id,
            kind="built",
            web=known.web if known else (),
            note=built.labels.get(NOTE, ""),
        )

    def _make_room(self, name: str) -> None:
        """Remove what was not used for longest where images take too much; this one and those before it stay."""
        with self._lock:
            if name in self._handed:
                self._handed.remove(name)
            self._handed.append(name)
            recent = tuple(self._handed)
            made = self._builder.made if self._builder else 0
            grown, self._trimmed_at = made != self._trimmed_at, made
        if self._store is not None and grown:  # to measure them takes seconds where there are hundreds
            for gone in self._store.trim(self._most_bytes, keep=recent):
                self._log(f"Removed {gone}: images take more than {self._most_bytes / 2**30:.0f} GiB.")

    def _foreign(self, name: str, kind: str, found: Image) -> Place:
        """Look for the interpreter inside."""
        with self._provider.open(SandboxSpec(image=name, lifetime_s=120)) as box:
            python = box.exec(("sh", "-c", LOOK), timeout=60).out.strip()
        return Place(image=name, digest=found.id, kind=kind, python=python or "python3")


def copy_out(place: Place, provider: SandboxProvider, archive: Path) -> None:
    """Copy the repository out of a task's image, as a tar file of the host.

    Raises:
        ImageUnavailable: the image has no repository at the place.
        SandboxError: the machine failed.
    """
    inside = "/tmp/tree.tar"  # noqa: S108 (inside)
    with provider.open(SandboxSpec(image=place.image, disk_mb=4096, lifetime_s=900)) as box:
        packed = box.exec(("tar", "-C", place.workdir, "--exclude=*.pyc", "-cf", inside, "."), timeout=600)
        if not packed.ok:
            raise ImageUnavailable(f"{place.image} has no repository at {place.workdir}: {packed.err.strip()}")
        archive.write_bytes(box.read(inside, max_bytes=4 << 30))

"""The images that were built for tasks: listed, measured, bounded and removed."""

from collections.abc import Collection
from pathlib import Path

from envs.taskimages.build import BELOW, KINDS, LOCKS, NOTE, TASK
from sandbox.engine.images import DockerImages
from sandbox.engine.labels import IMAGE
from sandbox.values import Value


class Built(Value):
    """An image that was built for tasks."""

    name: str
    kind: str
    """`task`, `environment` or `base`."""
    task_id: str
    """Empty for what several tasks share."""
    bytes: int
    """Of its own layers, without those of the image below it."""
    note: str
    used: float
    """When it was last asked for, seconds since 1970."""


class ImageStore:
    """What is kept in one engine.

    Args:
        images: of the engine.
        cache: the folder that the `Builder` was given.
    """

    def __init__(self, images: DockerImages, cache: Path) -> None:
        self._images = images
        self._locks = cache.absolute() / LOCKS

    def all(self) -> tuple[Built, ...]:
        """Return the images: tasks first, and what was used last first."""
        found = {}
        for image in self._images.list(IMAGE):
            for name in image.tags:
                if kind := next((kind for prefix, kind in KINDS.items() if name.startswith(prefix)), ""):
                    found[name] = image, kind
        built = []
        for name, (image, kind) in found.items():
            below = found.get(image.labels.get(BELOW, ""))
            foundation = below[0] if below else self._images.find(image.labels.get(BELOW, "") or image.id)
            size = image.size - (foundation.size if foundation and foundation.id != image.id else 0)
            built.append(
                Built(
                    name=name,
                    kind=kind,
                    task_id=image.labels.get(TASK, ""),
                    bytes=max(size, 0),
                    note=image.labels.get(NOTE, ""),
                    used=self._used(name, image.created),
                )
            )
        order = ("task", "environment", "base")
        return tuple(sorted(built, key=lambda one: (order.index(one.kind), -one.used)))

    def remove(self, names: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Remove images; return what was removed, and what stays because a container or another image uses it."""
        removed: list[str] = []
        used: list[str] = []
        for name in names:
            gone, kept = self._images.clear(f"{IMAGE}={name.rpartition(':')[2]}")
            removed += gone
            used += kept
        return tuple(removed), tuple(used)

    def trim(self, most_bytes: float, *, keep: Collection[str] = ()) -> tuple[str, ...]:
        """Remove the images of tasks that were not used for longest until all take no more than this; return their names.

        Args:
            most_bytes: of all images that were built for tasks.
            keep: names that stay.
        """
        built = self.all()
        total = sum(one.bytes for one in built)
        removed: list[str] = []
        for one in sorted(
            (one for one in built if one.kind == "task" and one.name not in keep), key=lambda one: one.used
        ):
            if total <= most_bytes:
                break
            gone, _ = self.remove((one.name,))
            removed += gone
            total -= one.bytes if gone else 0
        return tuple(removed)

    def _used(self, name: str, created: int) -> float:
        lock = self._locks / f"{name.rpartition(':')[2]}.lock"
        return lock.stat().st_mtime if lock.exists() else float(created)

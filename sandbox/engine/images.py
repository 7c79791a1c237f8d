"""Docker images: looked up, pulled, built and removed."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.utils import parse_repository_tag

from sandbox.engine.client import connected
from sandbox.engine.failure import NO_IMAGE, translated
from sandbox.errors import BuildFailed, ImageUnavailable
from sandbox.values import Value

TAIL = 200
"""Lines of the builder's output that a `BuildFailed` keeps."""
OURS = "winnow/"
"""Names of images that Winnow built begin so."""
BUILD_PATIENCE = 3600
"""Seconds that a build may be silent."""


class Image(Value):
    """An image that the daemon has."""

    id: str
    tags: tuple[str, ...]
    size: int
    """Bytes, shared layers included."""
    created: int
    """Seconds since 1970."""
    labels: Mapping[str, str]


class DockerImages:
    """The images of one daemon.

    Every method raises `SandboxUnavailable` when no daemon answers and `DiskFull` when its disk is full.

    Args:
        url: the daemon; None for the usual one (see `connected`).
    """

    def __init__(self, *, url: str | None = None) -> None:
        self._url = url

    def exists(self, ref: str) -> bool:
        """Say whether the daemon has the image; no registry is asked."""
        with connected(self._url) as api:
            return _inspect(api, ref) is not None

    def find(self, ref: str) -> Image | None:
        """Return what the daemon knows of the image, None when it has none of that name; no registry is asked."""
        with connected(self._url) as api:
            found = _inspect(api, ref)
        if found is None:
            return None
        created = datetime.fromisoformat(found["Created"][:19] + "+00:00")
        return Image(
            id=found["Id"],
            tags=tuple(found["RepoTags"] or ()),
            size=found["Size"],
            created=int(created.timestamp()),
            labels=found["Config"].get("Labels") or {},
        )

    def pull(self, ref: str) -> None:
        """Get the newest image of that name from its registry; raise `ImageUnavailable` when it cannot be had."""
        with connected(self._url) as api:
            _pull(api, ref)

    def build(
        self,
        context: Path | BinaryIO,
        *,
        tag: str,
        labels: Mapping[str, str] | None = None,
        network_mode: str = "default",
        build_args: Mapping[str, str] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> str:
        """Build an image with the daemon's own builder and return its id.

        Args:
            context: a tar file, or an open one, with a Dockerfile at its top.
            tag: name of the new image.
            labels: for finding it again with `list`.
            network_mode: network of RUN steps: `default`, `host` or `none`.
            build_args: values of ARG lines. They show in the image's history, so no secrets.
            log: called with each line that the builder prints, as it comes; what it raises ends the build.

        Raises:
            BuildFailed: a step failed, or the Dockerfile is wrong.
        """
        if isinstance(context, Path):
            with context.open("rb") as file:
                return self.build(
                    file, tag=tag, labels=labels, network_mode=network_mode, build_args=build_args, log=log
                )
        with connected(self._url, timeout=BUILD_PATIENCE) as api, translated("build an image", "building"):
            events = api.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                labels=dict(labels or {}),
                network_mode=network_mode,
                buildargs=dict(build_args or {}),
                rm=True,
                forcerm=True,
                decode=True,
            )
            tail: deque[str] = deque(maxlen=TAIL)
            layers = _Layers()

            def keep(line: str) -> None:
                tail.append(line)
                layers.see(line)
                if log:
                    log(line)

            if problem := _follow(events, keep):
                _discard(api, layers.made)
                raise BuildFailed(f"building {tag} failed: {problem}", log="\n".join(tail))
            built: str = api.inspect_image(tag)["Id"]  # type: ignore[no-untyped-call]
            return built

    def remove(self, ref: str) -> None:
        """Remove a name, and the image when it was the last; one that is not there is no error."""
        with connected(self._url) as api, translated("remove an image"):
            try:
                api.remove_image(ref)
            except ImageNotFound:
                return

    def clear(self, label: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Remove the images that Winnow built, those without a name too; return what was removed and what is in use.

        An image that also has a name of somebody else's, or that somebody built on ours, is theirs: of the former only our name goes.

        Args:
            label: of the images, `key` or `key=value`.
        """
        removed: list[str] = []
        used: list[str] = []
        images = self.list(label)
        with connected(self._url) as api, translated("remove images"):
            for image in images:
                for name in image.tags or (image.id,):
                    if image.tags and not name.startswith(OURS):
                        continue
                    try:
                        api.remove_image(name)
                        removed.append(name)
                    except ImageNotFound:
                        continue
                    except APIError as error:
                        if error.status_code != _CONFLICT:
                            raise
                        used.append(name)
        return tuple(removed), tuple(used)

    def list(self, label: str) -> tuple[Image, ...]:
        """Return the images that carry a label, `key` or `key=value`, newest first."""
        with connected(self._url) as api, translated("list images"):
            found = api.images(filters={"label": label})
        images = [
            Image(
                id=entry["Id"],
                tags=tuple(tag for tag in entry["RepoTags"] or () if tag != "<none>:<none>"),
                size=entry["Size"],
                created=entry["Created"],
                labels=entry["Labels"] or {},
            )
            for entry in found
        ]
        return tuple(sorted(images, key=lambda image: -image.created))


_CONFLICT = 409


class _Layers:
    """Reads from a builder's output which intermediate images it made: not those that it found, as bases and in its cache."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self._found = False

    def see(self, line: str) -> None:
        """Take the next line."""
        if re.match(r"Step \d+/\d+ : FROM ", line) or line == " ---> Using cache":
            self._found = True
        elif made := re.fullmatch(r" ---> ([0-9a-f]{12})", line):
            if not self._found:
                self.made.append(made[1])
            self._found = False


def _discard(api: docker.APIClient, images: Sequence[str]) -> None:
    """Remove what a failed build made, as far as nobody uses it; nothing else goes with it."""
    for image in reversed(images):
        with suppress(APIError):
            api.remove_image(image, noprune=True)


def ensure(api: docker.APIClient, ref: str, *, pull: bool) -> dict[str, Any]:
    """Return what the daemon says of an image, which is pulled when it is not there."""
    found = _inspect(api, ref)
    if not found and pull:
        _pull(api, ref)
        found = _inspect(api, ref)
    if not found:
        raise ImageUnavailable(f"there is no image {ref!r}", hint=f"Build it, or get it with 'docker pull {ref}'.")
    return found


def _inspect(api: docker.APIClient, ref: str) -> dict[str, Any] | None:
    with translated("look up an image", "opening"):
        try:
            found: dict[str, Any] = api.inspect_image(ref)  # type: ignore[no-untyped-call]
        except NotFound:
            return None
        return found


def _pull(api: docker.APIClient, ref: str) -> None:
    repository, tag = parse_repository_tag(ref)
    with translated(f"pull {ref}", "pulling"):
        problem = _follow(api.pull(repository, tag=tag or "latest", stream=True, decode=True), lambda line: None)
    if problem:
        raise ImageUnavailable(f"could not pull {ref}: {problem}", hint=NO_IMAGE)


def _follow(events: Iterable[dict[str, Any]], log: Callable[[str], None]) -> str:
    """Hand on what the daemon prints; return its error. Reads to the end, since the library closes a stream only there."""
    problem = ""
    for event in events:
        for line in event.get("stream", event.get("error", "")).splitlines():
            log(line)
        problem = problem or event.get("error", "").strip()
    return problem

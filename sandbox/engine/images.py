"""Docker images: looked up, pulled, built and removed."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import docker
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.utils import parse_repository_tag

from sandbox.engine.client import connected
from sandbox.engine.failure import translated
from sandbox.errors import BuildFailed, ImageUnavailable
from sandbox.values import Value

TAIL = 200
"""Lines of the builder's output that a `BuildFailed` keeps."""
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
            log: called with each line that the builder prints, as it comes.

        Raises:
            BuildFailed: a step failed, or the Dockerfile is wrong.
        """
        if isinstance(context, Path):
            with context.open("rb") as file:
                return self.build(
                    file, tag=tag, labels=labels, network_mode=network_mode, build_args=build_args, log=log
                )
        with connected(self._url, timeout=BUILD_PATIENCE) as api, translated("build an image"):
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
            _follow(events, tag, log or (lambda line: None))
            built: str = api.inspect_image(tag)["Id"]  # type: ignore[no-untyped-call]
            return built

    def remove(self, ref: str) -> None:
        """Remove a name, and the image when it was the last; one that is not there is no error."""
        with connected(self._url) as api, translated("remove an image"):
            try:
                api.remove_image(ref)
            except ImageNotFound:
                return

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
    with translated("look up an image", opening=True):
        try:
            found: dict[str, Any] = api.inspect_image(ref)  # type: ignore[no-untyped-call]
        except NotFound:
            return None
        return found


def _pull(api: docker.APIClient, ref: str) -> None:
    repository, tag = parse_repository_tag(ref)
    hint = f"Check the name and your connection to the registry; 'docker pull {ref}' must work."
    try:
        for event in api.pull(repository, tag=tag or "latest", stream=True, decode=True):
            if "error" in event:
                raise ImageUnavailable(f"cannot pull {ref!r}: {event['error']}", hint=hint)
    except (DockerException, OSError) as error:
        raise ImageUnavailable(f"cannot pull {ref!r}: {error}", hint=hint) from error


def _follow(events: Iterable[dict[str, Any]], tag: str, log: Callable[[str], None]) -> None:
    tail: deque[str] = deque(maxlen=TAIL)
    for event in events:
        for line in event.get("stream", event.get("error", "")).splitlines():
            tail.append(line)
            log(line)
        if "error" in event:
            raise BuildFailed(f"building {tag} failed: {event['error'].strip()}", log="\n".join(tail))

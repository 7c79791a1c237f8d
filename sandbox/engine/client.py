"""Connections to the Docker daemon."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
from docker.utils import kwargs_from_env

from sandbox.engine.failure import translated
from sandbox.engine.places import usual_url

PATIENCE = 60
"""Seconds that the daemon may take to answer a request."""


@contextmanager
def connected(url: str | None = None, *, timeout: int = PATIENCE) -> Iterator[docker.APIClient]:
    """Connect to a daemon and close the connection at the end. Each machine has its own, so threads share nothing.

    Args:
        url: `unix:///path`, `tcp://host:port`; None for what DOCKER_HOST says, else the first socket that exists.
        timeout: seconds for each request.

    Raises:
        SandboxUnavailable: no daemon answers, or we may not talk to it.
    """
    arguments = _arguments(url)
    with translated("talk to the Docker daemon", "opening"):
        knock(url)
        client = docker.APIClient(version="auto", timeout=timeout, **arguments)
    try:
        yield client
    finally:
        client.close()


def knock(url: str | None) -> None:
    """Raise OSError when nobody listens at a socket of this machine; the library would leave one open each time it fails."""
    place = _arguments(url)["base_url"] or ""
    if place.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(PATIENCE)
            door.connect(place.removeprefix("unix://"))


def _arguments(url: str | None) -> dict[str, Any]:
    arguments: dict[str, Any] = {"base_url": url} if url else dict(kwargs_from_env())
    return {**arguments, "base_url": arguments.get("base_url") or usual_url()}

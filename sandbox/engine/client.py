"""Connections to the Docker daemon."""

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
    arguments: dict[str, Any] = {"base_url": url} if url else dict(kwargs_from_env())
    if not arguments.get("base_url"):
        arguments["base_url"] = usual_url()
    with translated("talk to the Docker daemon", opening=True):
        client = docker.APIClient(version="auto", timeout=timeout, **arguments)
    try:
        yield client
    finally:
        client.close()

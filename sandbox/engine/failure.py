"""Whose fault is it? Turns what the Docker library raises into our errors, here and nowhere else.

The library raises its own `DockerException` for answers of the daemon, and the errors of `requests` (which are `OSError`)
when the daemon does not answer at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from docker.errors import APIError, DockerException, ImageNotFound

from sandbox.errors import BuildFailed, DiskFull, ImageUnavailable, SandboxError, SandboxLost, SandboxUnavailable

START = (
    "Start it with 'sudo systemctl start docker', or install Docker Engine; 'winnow doctor' shows what else is there."
)


NO_IMAGE = "Check the name of the image and the connection to its registry: 'docker pull' must work."

Phase = Literal["opening", "running", "building", "pulling"]
"""Before a machine exists; while it does; while an image is being made; while one is being fetched."""


@contextmanager
def translated(doing: str, phase: Phase = "running") -> Iterator[None]:
    """Translate what the body raises.

    Args:
        doing: what was tried, for the message: "remove the container".
        phase: decides whether a refusal is `SandboxUnavailable`, `SandboxLost`, `BuildFailed` or `ImageUnavailable`.
    """
    try:
        yield
    except (DockerException, OSError) as error:
        raise translate(error, doing, phase) from error


def translate(error: DockerException | OSError, doing: str, phase: Phase) -> SandboxError:
    """Return the error to raise instead."""
    text = (error.explanation or str(error)) if isinstance(error, APIError) else str(error)
    message = f"could not {doing}: {text}"
    if "no space left on device" in text.lower():
        return DiskFull(
            f"could not {doing}: the disk is full", hint="Free space, for example with 'docker system prune'."
        )
    if isinstance(error, APIError) and phase == "building":
        return BuildFailed(message, log=text)
    if isinstance(error, ImageNotFound) or phase == "pulling":
        return ImageUnavailable(message, hint=NO_IMAGE)
    if phase == "opening" and "exec:" in text:
        return ImageUnavailable(message, hint="The image needs /bin/sh and Python 3.6 or later.")
    if isinstance(error, APIError) and phase == "opening":
        return SandboxUnavailable(message)
    return _no_daemon(error) if phase == "opening" else SandboxLost(message)


def _no_daemon(error: DockerException | OSError) -> SandboxUnavailable:
    if isinstance(error, PermissionError):
        return SandboxUnavailable(
            "no permission to talk to the Docker daemon",
            hint="Add yourself to the group: 'sudo usermod -aG docker $USER', then log in again.",
        )
    return SandboxUnavailable("no Docker daemon answers", hint=START)

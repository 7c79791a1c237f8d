"""Whose fault is it? Turns what the Docker library raises into our errors, here and nowhere else.

The library raises its own `DockerException` for answers of the daemon, and the errors of `requests` (which are `OSError`)
when the daemon does not answer at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import APIError, DockerException, ImageNotFound

from sandbox.errors import DiskFull, ImageUnavailable, SandboxError, SandboxLost, SandboxUnavailable

START = (
    "Start it with 'sudo systemctl start docker', or install Docker Engine; 'winnow doctor' shows what else is there."
)


@contextmanager
def translated(doing: str, *, opening: bool = False) -> Iterator[None]:
    """Translate what the body raises.

    Args:
        doing: what was tried, for the message: "remove the container".
        opening: no machine existed yet, so that a daemon that is not there is `SandboxUnavailable` and not `SandboxLost`.
    """
    try:
        yield
    except (DockerException, OSError) as error:
        raise translate(error, doing, opening=opening) from error


def translate(error: DockerException | OSError, doing: str, *, opening: bool) -> SandboxError:
    """Return the error to raise instead."""
    text = (error.explanation or str(error)) if isinstance(error, APIError) else str(error)
    if "no space left on device" in text.lower():
        return DiskFull(
            f"could not {doing}: the disk is full", hint="Free space, for example with 'docker system prune'."
        )
    if isinstance(error, ImageNotFound):
        return ImageUnavailable(f"could not {doing}: {text}", hint="Check the name of the image.")
    if opening and "exec:" in text:
        return ImageUnavailable(f"could not {doing}: {text}", hint="The image needs /bin/sh and Python 3.6 or later.")
    if isinstance(error, APIError) or not opening:
        return (SandboxUnavailable if opening else SandboxLost)(f"could not {doing}: {text}")
    return _no_daemon(text)


def _no_daemon(text: str) -> SandboxUnavailable:
    if "Permission denied" in text or "PermissionError" in text:
        return SandboxUnavailable(
            "no permission to talk to the Docker daemon",
            hint="Add yourself to the group: 'sudo usermod -aG docker $USER', then log in again.",
        )
    return SandboxUnavailable("no Docker daemon answers", hint=START)

"""The installer that runs inside, seen from outside: its script, its output, its answer."""

import json
import re
from collections.abc import Callable
from importlib import resources

from envs.errors import ImageBuildFailed

INSTALL_SECONDS = 1800.0
LOG_TAIL_CHARACTERS = 6000


def script() -> bytes:
    """Return the source of `inside/install.py`."""
    return resources.files("envs.images.inside").joinpath("install.py").read_bytes()


class Lines:
    """Takes output in pieces and hands on the installer's own lines and those of pip that show progress."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log, self._rest = log, b""

    def __call__(self, piece: bytes) -> None:
        """Take a piece of output."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if re.match(rb"winnow: |(Collecting|Building|Installing|Successfully|ERROR)", line.strip()):
                self._log(line.decode("utf-8", "replace").strip().removeprefix("winnow: "))


def answer(output: str, log: Callable[[str], None]) -> tuple[str, ...]:
    """Return what the installer left out.

    A project that could not be installed may still be importable from its folder: the check that follows decides.

    Args:
        output: everything that it printed; the answer is its last line.
        log: called with what should be known.

    Raises:
        ImageBuildFailed: a setup command failed, no index was reached, or the installer was ended.
    """
    tail = output[-LOG_TAIL_CHARACTERS:]
    try:
        said = json.loads(output.rstrip().rpartition("\n")[2])
    except ValueError:
        raise ImageBuildFailed(
            "The installation ended half-way.", hint="Say how to install with --setup.", log_tail=tail
        ) from None
    error = said["error"]
    if error and error.startswith("the setup command failed"):
        raise ImageBuildFailed(f"{error}.", hint="Correct the command of --setup.", log_tail=tail)
    if error and error.startswith("no package index"):
        hint = "Check the connection, and PIP_INDEX_URL, proxy and certificate settings."
        raise ImageBuildFailed(
            "The project's dependencies cannot be installed: no package index can be reached.", hint=hint, log_tail=tail
        )
    if error:
        log(f"The project itself cannot be installed and is used from its folder: {error}")
    return tuple(said["left_out"])

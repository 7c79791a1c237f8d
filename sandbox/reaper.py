"""Removes what dead owners left behind.

Machines end by themselves when their owner dies; this is for what that could not reach: a container that was created and
never started, a daemon that was down, a supervisor that was killed too.
"""

import os
import signal
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from sandbox.engine.labels import EXPIRES, OWNER, RUN
from sandbox.engine.litter import containers, remove
from sandbox.engine.places import usual_url
from sandbox.host import OWNER as OWNER_FILE
from sandbox.host import PREFIX
from sandbox.host import remove as remove_folder
from sandbox.owner import Owner

UNSIGNED_S = 3600
"""Seconds after which a temporary folder without an owner's name counts as litter."""


def sweep(*, runs: Collection[str] = (), url: str | None = None) -> list[str]:
    """Remove containers, folders and processes of dead owners; return what was removed, one phrase each.

    Never raises, and takes a few milliseconds when there is nothing to do. Whoever cannot be judged (another machine,
    another container) keeps what is theirs until it expires.

    Args:
        runs: ids of runs whose containers go in any case, as `winnow clean RUN` asks.
        url: the Docker daemon, as in `DockerProvider`; None for the usual socket.
    """
    return [*_containers(runs, url or usual_url()), *_folders()]


def _containers(runs: Collection[str], url: str | None) -> list[str]:
    removed = []
    for container in containers(url) if url else ():
        labels = container["Labels"]
        if (labels.get(RUN) in runs or _abandoned(labels)) and remove(url or "", container["Id"]):
            removed.append(f"container {container['Id'][:12]} of run {labels.get(RUN) or 'unknown'}")
    return removed


def _abandoned(labels: Mapping[str, str]) -> bool:
    expires = labels.get(EXPIRES, "")
    return _owner_is_gone(labels.get(OWNER, "")) or (expires.isdigit() and int(expires) < time.time())


def _owner_is_gone(text: str) -> bool:
    try:
        return Owner.model_validate_json(text).state() == "gone"
    except ValidationError:  # of a version with other words; its expiry decides
        return False


def _folders() -> list[str]:
    removed = []
    for folder in Path(tempfile.gettempdir()).glob(PREFIX + "*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid() and _is_litter(folder):
                _end_processes(folder)
                remove_folder(folder)
                removed.append(f"folder {folder}")
    return removed


def _is_litter(folder: Path) -> bool:
    try:
        return _owner_is_gone((folder / OWNER_FILE).read_text("utf-8"))
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > UNSIGNED_S


def _end_processes(folder: Path) -> None:
    """Kill whatever carries the folder as its TMPDIR, as every command of a host machine does."""
    mark = f"TMPDIR={folder}/".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)

"""What a batch was made with, beside its results: enough to say whether two numbers may be compared."""

import os
import platform
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from sandbox.values import Value
from winnow.eval.folder import MANIFEST, BatchDir
from winnow.eval.values import Batch, TaskEnd
from winnow.settings import Settings
from winnow.store import write_atomically

_ROOMS = ("agent", "selection")
"""Where models are talked to."""
_LIBRARIES = ("langgraph", "openai", "docker", "pydantic", "tree-sitter", "swebench", "ray")


class Manifest(Value):
    """What a batch was made with."""

    schema_version: int = 1
    batch: Batch
    models: tuple[str, ...]
    """As they were asked for; endpoints say in the journals what served."""
    seeds: tuple[int, ...]
    """Of the runs' first trajectories."""
    prompts: Mapping[str, str]
    """SHA-256 of every prompt file, by path."""
    images: Mapping[str, str]
    """Id of the image that each task was solved in, by id of the task; see `TaskEnd.image`."""
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    """The one that drove the batch."""


def write_manifest(folder: BatchDir, batch: Batch, settings: Settings, ends: Mapping[str, TaskEnd]) -> None:
    """Write the manifest of what is there so far.

    Raises:
        DiskFull: it cannot be written.
    """
    manifest = Manifest(
        batch=batch,
        models=settings.model.names,
        seeds=(settings.run.seed,),
        prompts=dict(sorted(prompt for room in _ROOMS for prompt in _prompts(files(room), f"{room}/"))),
        images={task: end.image for task, end in ends.items() if end.image},
        versions={"winnow": batch.version, "python": platform.python_version()} | _versions(),
        machine={"system": platform.platform(), "architecture": platform.machine(), "cores": os.cpu_count()},
    )
    write_atomically(folder.path / MANIFEST, manifest.model_dump_json(indent=1) + "\n")


def _prompts(folder: Traversable, above: str) -> list[tuple[str, str]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _prompts(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(".md"):
            found.append((f"{above}{entry.name}", sha256(entry.read_bytes()).hexdigest()))
    return found


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

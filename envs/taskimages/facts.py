"""What a task's project needs, by its repository and version."""

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from envs.datasets.values import Installation, Record

AS_OF = "2024-03-31"
"""Releases after this date are not considered for what the table leaves open: its pins are of late 2023."""


def installation(record: Record) -> Installation | None:
    """Return what is known of the task's environment: what its dataset says, else what the table says of the version.

    A version that the table does not name gets what holds for the repository. None: the repository is not known.
    """
    return record.installation or look_up(record.repository, record.version)


def look_up(repository: str, version: str) -> Installation | None:
    """Return the table's entry; see `installation`."""
    entry = _table().get(repository.lower())
    if entry is None:
        return None
    found = {"as_of": AS_OF, **{key: value for key, value in entry.items() if key != "at"}}
    for part in entry.get("at", []):
        if version in part["of"]:
            found.update({key: value for key, value in part.items() if key != "of"})
    return Installation.model_validate(found)


@functools.cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    text = resources.files("envs.taskimages").joinpath("facts.toml").read_text("utf-8")
    return {name.lower(): entry for name, entry in tomllib.loads(text).items()}

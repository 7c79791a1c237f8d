"""The files of a snapshot that matter for its environment."""

import hashlib
import os
import tarfile
from pathlib import Path
from typing import NamedTuple

from envs.images.recipe import EXTENSION_SOURCE, METADATA, TEST_SOURCE

MAX_BYTES = 4 << 20
"""Larger files are nobody's metadata."""


class Tree(NamedTuple):
    """What a recipe is made from."""

    files: dict[str, str]
    """Text by path of metadata and tests."""
    paths: frozenset[str]
    """Every Python file."""
    extension_digest: str
    """Hash of all sources of compiled modules."""


def read_tree(archive: Path) -> Tree:
    """Read a snapshot's archive, once, without unpacking it."""
    files: dict[str, str] = {}
    paths: set[str] = set()
    sources: dict[str, str] = {}
    with tarfile.open(archive, "r:", encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if not member.isreg() or name.startswith(".git/") or not _is_utf8(name):
                continue
            if name.endswith(".py"):
                paths.add(name)
            wanted = METADATA.fullmatch(name) or TEST_SOURCE.fullmatch(name)
            compiled = EXTENSION_SOURCE.fullmatch(name)
            if (wanted and member.size <= MAX_BYTES) or compiled:
                stream = tar.extractfile(member)
                data = stream.read() if stream else b""
                if wanted:
                    files[name] = data.decode("utf-8", "replace")
                if compiled:
                    sources[name] = hashlib.sha256(data).hexdigest()
    digest = hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()
    return Tree(files, frozenset(paths), digest)


def _is_utf8(name: str) -> bool:
    try:
        os.fsencode(name).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

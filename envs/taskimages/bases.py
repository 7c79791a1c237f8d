"""Which image a task's environment is built on."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from envs.errors import ImageBuildFailed

OFFICIAL = ("3.13", "3.12", "3.11", "3.10", "3.9", "3.8", "3.7", "3.6", "3.5")
"""Versions for which there is a `python` image."""


class Base(NamedTuple):
    """An image to build on."""

    name: str
    version: str
    """Of its Python; empty when it was not said."""
    note: str
    """How it differs from what was wanted; empty when it does not."""


def read_bases(text: str | None) -> Mapping[str, str]:
    """Read `3.9=NAME,3.11=NAME`, or one name for every version.

    Raises:
        ImageBuildFailed: it is malformed.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        version, _, name = part.rpartition("=")
        if version and not re.fullmatch(r"\d+\.\d+", version):
            raise ImageBuildFailed(
                f"{part!r} is no base image.", hint="Write NAME, or VERSION=NAME as in 3.9=python:3.9."
            )
        found[version] = name
    return found


def choose_bases(given: Mapping[str, str], wanted: Sequence[str]) -> tuple[Base, ...]:
    """Return the images to try, best first: an exact one, the nearest above, the nearest below.

    Args:
        given: image by version; under the empty version one for everything. Empty: the official ones.
        wanted: versions, best first; empty: any.
    """
    if list(given) == [""]:
        return (Base(given[""], "", ""),)
    known = {version: name for version, name in given.items() if version} or {v: f"python:{v}" for v in OFFICIAL}
    exact = [Base(known[version], version, _note(wanted[0], version)) for version in wanted if version in known]
    aim = _key(wanted[0]) if wanted else max(map(_key, known))
    above = sorted((v for v in known if _key(v) >= aim), key=_key)
    below = sorted((v for v in known if _key(v) < aim), key=_key, reverse=True)
    near = [Base(known[v], v, _note(wanted[0] if wanted else v, v)) for v in (*above[:2], *below[:1])]
    return tuple(dict.fromkeys((*exact, *near)))


def _note(wanted: str, version: str) -> str:
    return "" if wanted == version else f"Python {version} instead of {wanted}"


def _key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))

"""Which images stay: those that were handed out last, and no longer all that one process ever made."""

from collections.abc import Collection
from typing import Any, cast

import pytest

from envs.datasets.values import Record
from envs.taskimages.find import _RECENT, TaskImages
from envs.values import Task
from sandbox.engine.images import Image
from sandbox.errors import ImageUnavailable


class Engine:
    """Has the images that were built."""

    def __init__(self) -> None:
        self.built: set[str] = set()

    def find(self, name: str) -> Image | None:
        return Image(id=name, tags=(name,), labels={}, size=1, created=0) if name in self.built else None


class Everything:
    """Provider, builder and store in one; keeps what it was told to keep."""

    def __init__(self, *, forgetful: bool = False) -> None:
        self.images = Engine()
        self.kept: Collection[str] = ()
        self.made = 0
        self.trims = 0
        self._forgetful = forgetful

    def build(self, record: Record) -> str:
        if not self._forgetful and record.task.id not in self.images.built:
            self.images.built.add(record.task.id)
            self.made += 1
        return record.task.id

    def trim(self, most_bytes: float, *, keep: Collection[str]) -> tuple[str, ...]:
        self.kept = keep
        self.trims += 1
        return ()


def images(all_in_one: Any) -> TaskImages:
    return TaskImages(cast(Any, all_in_one), all_in_one, pull=False, store=all_in_one, log=lambda _line: None)


def record(name: str) -> Record:
    return Record(task=Task(id=name), repository="a/b", base_commit="0" * 40)


def test_what_was_handed_out_long_ago_may_go() -> None:
    place = Everything()
    found = images(place)
    for number in range(_RECENT + 2):
        found.find(record(f"t{number}"))
    assert "t0" not in place.kept and f"t{_RECENT + 1}" in place.kept and len(place.kept) == _RECENT
    found.find(record("t2"))
    found.find(record("new"))
    assert "t2" in place.kept and len(place.kept) == _RECENT


def test_room_is_looked_for_at_first_and_when_something_was_built() -> None:
    place = Everything()
    found = images(place)
    for name in ("a", "a", "b", "a", "b"):
        found.find(record(name))
    assert place.trims == 2
    again = images(place)
    again.find(record("a"))
    again.find(record("b"))
    assert place.trims == 3


def test_an_image_that_is_gone_at_once_is_a_failure_of_the_machine() -> None:
    with pytest.raises(ImageUnavailable, match="was removed"):
        images(Everything(forgetful=True)).find(record("t"))

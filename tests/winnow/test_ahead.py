"""Workspaces opened ahead: as many as promised, handed out once, and closed whatever happens."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import pytest

from envs.workspace import Workspace
from sandbox.errors import SandboxUnavailable
from winnow.ahead import AT_ONCE, Ahead


class Yard:
    """Opens and counts."""

    def __init__(self, *, fail: int = -1, slow_s: float = 0.0) -> None:
        self.opened, self.closed, self.at_once, self.most = 0, 0, 0, 0
        self.fail, self.slow_s = fail, slow_s
        self.lock = threading.Lock()

    @contextmanager
    def open(self) -> Iterator[Workspace]:
        with self.lock:
            number, self.opened = self.opened, self.opened + 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(self.slow_s)
        with self.lock:
            self.at_once -= 1
        if number == self.fail:
            raise SandboxUnavailable("no room")
        try:
            yield cast("Workspace", number)
        finally:
            with self.lock:
                self.closed += 1


def test_promised_ones_are_taken_first_and_others_opened() -> None:
    yard = Yard()
    with Ahead() as ahead:
        ahead.start(yard.open, 2)
        taken: list[Any] = []
        for _ in range(3):
            with ahead.opened(yard.open) as workspace:
                taken.append(workspace)
        assert sorted(taken) == [0, 1, 2] and yard.opened == 3
    assert yard.closed == 3


def test_what_nobody_took_is_closed() -> None:
    yard = Yard()
    with pytest.raises(KeyError), Ahead() as ahead:
        ahead.start(yard.open, 5)
        raise KeyError
    assert yard.opened == yard.closed


def test_few_at_a_time_and_in_the_background() -> None:
    yard = Yard(slow_s=0.05)
    began = time.monotonic()
    with Ahead() as ahead:
        ahead.start(yard.open, 3 * AT_ONCE)
        assert time.monotonic() - began < 0.05
        with ahead.opened(yard.open):
            pass
    assert yard.most == AT_ONCE
    assert yard.opened == yard.closed, "and none is opened any more once the run has ended"


def test_an_error_comes_out_where_the_workspace_was_asked_for() -> None:
    yard = Yard(fail=0)
    with Ahead() as ahead:
        ahead.start(yard.open, 1)
        with pytest.raises(SandboxUnavailable), ahead.opened(yard.open):
            pass
        with ahead.opened(yard.open) as workspace:
            assert cast("Any", workspace) == 1
    assert yard.closed == 1


def test_an_error_inside_goes_through_the_workspace() -> None:
    seen: list[type[BaseException]] = []

    @contextmanager
    def opening() -> Iterator[Workspace]:
        try:
            yield cast("Workspace", 0)
        except BaseException as error:
            seen.append(type(error))
            raise

    def use(opened: Callable[[], AbstractContextManager[Workspace]]) -> None:
        with Ahead() as ahead:
            ahead.start(opened, 1)
            with ahead.opened(opened):
                raise LookupError

    with pytest.raises(LookupError):
        use(opening)
    assert seen == [LookupError]

"""What was run once is not run again: not after a kill, and not when it is asked for at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.errors import DiskFull, SandboxLost
from sandbox.values import Value
from selection.execution.ledger import Ledger, key_of


class Number(Value):
    value: int


def test_a_result_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "deep/ledger.jsonl"
    assert Ledger(path).once("k", Number, lambda: Number(value=1)).value == 1
    again = Ledger(path)
    assert again.once("k", Number, lambda: pytest.fail("it is known")).value == 1  # type: ignore[arg-type, return-value]
    assert again.done == 0


def test_a_line_that_a_kill_cut_short_is_passed_over_and_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).once("a", Number, lambda: Number(value=1))
    with path.open("ab") as file:
        file.write(b'{"key": "b", "val')
    Ledger(path).once("c", Number, lambda: Number(value=3))
    read = Ledger(path)
    assert [read.once(key, Number, lambda: Number(value=0)).value for key in "abc"] == [1, 0, 3]


def test_what_another_version_wrote_is_run_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"key": "k", "value": {"other": 1}}\nnull\n')
    assert Ledger(path).once("k", Number, lambda: Number(value=2)).value == 2


def test_identical_work_runs_once_when_asked_for_at_once() -> None:
    ledger, begun, go = Ledger(), threading.Event(), threading.Event()
    count = []

    def slow() -> Number:
        count.append(1)
        begun.set()
        go.wait(10)
        return Number(value=7)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ledger.once, "k", Number, slow)
        begun.wait(10)
        others = [pool.submit(ledger.once, "k", Number, slow) for _ in range(3)]
        go.set()
        assert [future.result(10).value for future in (first, *others)] == [7] * 4
    assert len(count) == 1


def test_a_failure_is_not_kept_and_who_waits_tries_for_itself() -> None:
    ledger, begun, go = Ledger(), threading.Event(), threading.Event()

    def lost() -> Number:
        begun.set()
        go.wait(10)
        raise SandboxLost("gone")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ledger.once, "k", Number, lost)
        begun.wait(10)
        second = pool.submit(ledger.once, "k", Number, lambda: Number(value=5))
        go.set()
        with pytest.raises(SandboxLost):
            first.result(10)
        assert second.result(10).value == 5


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskFull, match="cannot be written"):
        Ledger(tmp_path / "file/ledger.jsonl").once("k", Number, lambda: Number(value=1))


def test_keys_depend_on_everything_and_on_no_order_of_names() -> None:
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert len({key_of("a"), key_of("b"), key_of("a", 1), key_of(["a", 1])}) == 4

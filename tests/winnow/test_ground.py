"""The folder that a choice works in."""

import os
from pathlib import Path

import pytest

from sandbox.errors import DiskFull
from winnow.ground import scratch_folder


def test_what_killed_processes_left_goes_and_what_is_live_stays(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as live:
        left = live.parent / "select-left"
        left.mkdir()
        for folder in (left, live):
            os.utime(folder, (0, 0))
        with scratch_folder(tmp_path) as own:
            assert (left.exists(), live.exists(), own.exists()) == (False, True, True)


def test_errors_of_what_works_in_it_are_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError), scratch_folder(tmp_path):
        raise FileExistsError


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(DiskFull, match="is no folder"), scratch_folder(tmp_path / "cache"):
        pass

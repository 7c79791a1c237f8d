"""A kill leaves the old file or the new one, and a run belongs to one process."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.errors import DiskFull
from winnow.errors import RunUnusable
from winnow.store import RunDir, Status, Store, read_lines


def made(store: Store) -> RunDir:
    run = store.create()
    run.save_text("request.json", "{}")
    return run


def test_runs_are_found_by_name_prefix_end_and_last(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = made(store)
    assert [r.id for r in store.all()] == [run.id]
    assert {store.open(name).id for name in (run.id, run.id[:10], run.id[-4:], "last")} == {run.id}


@pytest.mark.parametrize("name", ["nope", "../..", "", "0000"])
def test_an_unknown_run_is_an_error(tmp_path: Path, name: str) -> None:
    made(Store(tmp_path))
    with pytest.raises(RunUnusable):
        Store(tmp_path).open(name)


def test_a_folder_without_a_request_is_a_half(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = store.create()
    assert store.all() == []
    assert store.halves() == [run.path]


def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    run = made(Store(tmp_path))
    assert run.load("status.json", Status) is None
    run.save("status.json", Status(state="failed", detail="ä\n", seconds=1.5))
    assert run.load("status.json", Status) == Status(state="failed", detail="ä\n", seconds=1.5)


def test_a_foreign_format_is_an_error(tmp_path: Path) -> None:
    run = made(Store(tmp_path))
    run.save_text("status.json", '{"state": "dancing"}')
    with pytest.raises(RunUnusable, match="does not parse"):
        run.load("status.json", Status)


def test_a_failed_write_leaves_the_old_file_and_no_scratch(tmp_path: Path) -> None:
    run = made(Store(tmp_path))
    (run.path / "status.json").mkdir()  # replacing a folder by a file fails as a full disk does
    with pytest.raises(DiskFull, match="cannot be written"):
        run.save("status.json", Status(state="running"))
    assert sorted(p.name for p in run.path.iterdir()) == ["request.json", "status.json"]


def test_another_process_keeps_the_run_to_itself_until_it_dies(tmp_path: Path) -> None:
    run = made(Store(tmp_path))
    code = (
        "import sys; from pathlib import Path; from winnow.store import RunDir\n"
        "with RunDir(Path(sys.argv[1])).lock():\n    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert run.is_live()
        with pytest.raises(RunUnusable, match="another process"):
            Store(tmp_path).remove(run)
        other.kill()
    assert not run.is_live()
    Store(tmp_path).remove(run)
    assert Store(tmp_path).all() == []


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text('{"a": 1}\n{"a": 2')
    assert read_lines(file) == [{"a": 1}]
    assert read_lines(tmp_path / "none") == []

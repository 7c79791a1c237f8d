"""The journal survives a kill at any byte."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.journal import Journal

ROOT = Path(__file__).parents[2]
EVENTS = [("reply", {"text": "a\nb\u2028c ä"}), ("observation", {"n": 1}), ("reply", {"text": "\ud800"})]


def write(path: Path) -> bytes:
    with Journal(path) as journal:
        for kind, data in EVENTS:
            journal.append(kind, **data)
    return path.read_bytes()


def test_events_come_back_in_order(tmp_path: Path) -> None:
    write(tmp_path / "events.jsonl")
    with Journal(tmp_path / "events.jsonl") as journal:
        assert [event["kind"] for event in journal.past] == ["reply", "observation", "reply"]
        assert journal.past[0]["text"] == "a\nb\u2028c ä"


@given(cut=st.integers(min_value=0, max_value=200))
@settings(max_examples=60, deadline=None)
def test_a_cut_anywhere_keeps_every_whole_event(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "events.jsonl"
    whole = write(path)
    path.write_bytes(whole[:cut])
    with Journal(path) as journal:
        assert len(journal.past) == whole[:cut].count(b"\n")
        journal.append("again")
    with Journal(path) as journal:
        kinds = [event["kind"] for event in journal.past]
        assert kinds[-1] == "again"
        assert kinds[:-1] == [kind for kind, _ in EVENTS][: len(kinds) - 1]


def test_a_failed_write_is_an_error_and_leaves_the_journal_whole(tmp_path: Path) -> None:
    """A limit on the file's size fails in the middle of a line, as a full disk does."""
    path = tmp_path / "events.jsonl"
    whole = write(path)
    code = (
        "import resource, signal, sys; from pathlib import Path; from agent.journal import Journal; from sandbox.errors import DiskFull\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "with Journal(Path(sys.argv[1])) as journal:\n"
        f"    resource.setrlimit(resource.RLIMIT_FSIZE, ({len(whole) + 10}, {len(whole) + 10}))\n"
        "    try:\n        journal.append('reply', text='x' * 100)\n    except DiskFull:\n        print('full')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "full\n", done.stderr
    assert path.read_bytes() == whole

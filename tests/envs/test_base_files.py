"""All files of a base at once."""

from pathlib import Path
from typing import Any

import pytest

from envs.patches import BaseTree
from envs.snapshot import take_snapshot


def test_regular_files_with_plain_names(repo: Any, into: Path) -> None:
    repo.write({"new\nline.py": "n", "x.bin": b"\0\1", "empty": ""})
    (repo.top / "link").symlink_to("a.py")
    (repo.top / "\udcff.py").write_bytes(b"not UTF-8")
    with BaseTree(take_snapshot(repo.top, into)) as base:
        files = base.tree.files()
        assert [(file.path, file.size) for file in files] == [("a.py", 6), ("empty", 0), ("pkg/b.py", 22), ("x.bin", 2)]
        read = list(base.tree.read_files(reversed(files)))
    assert [(file.path, data) for file, data in read] == [
        ("x.bin", b"\0\1"),
        ("pkg/b.py", b"def f():\n    return 2\n"),
        ("empty", b""),
        ("a.py", b"x = 1\n"),
    ]


def test_equal_contents_and_small_batches(repo: Any, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envs.trees._BATCH_BYTES", 10)
    repo.write({f"f{n}.txt": "same" for n in range(5)} | {"big.txt": "b" * 100})
    with BaseTree(take_snapshot(repo.top, into)) as base:
        files = base.tree.files()
        read = {file.path: data for file, data in base.tree.read_files(files)}
    assert len({file.blob for file in files if file.path.startswith("f")}) == 1
    assert read["f3.txt"] == b"same" and read["big.txt"] == b"b" * 100 and len(read) == 8


def test_an_empty_base(make_repo: Any, into: Path) -> None:
    with BaseTree(take_snapshot(make_repo(commit=False).top, into)) as base:
        assert base.tree.files() == ()
        assert list(base.tree.read_files(())) == []

"""A patch taken apart: the change, the tests that it brings, and what was only made to try something out."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from envs.patches import make_patch
from selection.lifted import Parts, take_apart
from tests.selection.bench_kit import make_base

FILES = {
    "pkg/a.py": "x = 1\n",
    "tests/test_a.py": "def test_a(): pass\n",
    "setup.py": "",
}
TEST = "def test_new(): assert 0\n"


def apart(tmp_path: Path, files: Mapping[str, str | None], *, tests_at_top: bool = False) -> Parts:
    base, _ = make_base(tmp_path, FILES)
    with base:
        patch = make_patch(base, {name: None if text is None else text.encode() for name, text in files.items()})
        return take_apart(patch, base.apply(patch), tests_at_top=tests_at_top)


def test_a_change_with_a_test_and_a_script(tmp_path: Path) -> None:
    files = {"pkg/a.py": "x = 2\n", "tests/test_new.py": TEST, "reproduce.py": "import pkg\n"}
    parts = apart(tmp_path, files)
    assert "reproduce" not in parts.patch.diff
    assert "test_new" in parts.patch.diff
    assert [change.path for change in parts.changes] == ["pkg/a.py"]
    assert parts.core.diff.count("diff --git") == 1
    assert (dict(parts.tests), dict(parts.scripts)) == ({"tests/test_new.py": TEST}, {"reproduce.py": "import pkg\n"})
    assert parts.rewritten == ()


@pytest.mark.parametrize(
    "name",
    [
        "repro.py",
        "reproduce_issue.py",
        "test_fix.py",
        "debug_it.py",
        "verify_fix.sh",
        "pkg/repro.py",
        "a.py.orig",
        "notes_bug.md",
    ],
)
def test_scratch_files(tmp_path: Path, name: str) -> None:
    parts = apart(tmp_path, {"pkg/a.py": "x = 2\n", name: "def test_x(): pass\n"})
    assert name not in parts.patch.diff
    assert "pkg/a.py" in parts.patch.diff


@pytest.mark.parametrize("name", ["pkg/new.py", "NEWS.md", "docs/debug.rst", "pkg/demo.py", "tests/test_b.py"])
def test_files_that_belong_to_a_change(tmp_path: Path, name: str) -> None:
    assert name in apart(tmp_path, {"pkg/a.py": "x = 2\n", name: "y = 1\n"}).patch.diff


def test_a_module_at_the_top_that_the_change_uses_stays(tmp_path: Path) -> None:
    parts = apart(tmp_path, {"pkg/a.py": "import helper\n", "helper.py": "y = 1\n"})
    assert "helper.py" in parts.core.diff


def test_a_test_at_the_top_stays_where_tests_lie_there(tmp_path: Path) -> None:
    files = {"pkg/a.py": "x = 2\n", "test_fix.py": TEST}
    assert "test_fix.py" in apart(tmp_path, files, tests_at_top=True).patch.diff


def test_tests_that_are_rewritten_or_taken_away_are_told(tmp_path: Path) -> None:
    parts = apart(tmp_path, {"pkg/a.py": "x = 2\n", "tests/test_a.py": None})
    assert parts.rewritten == ("tests/test_a.py",)
    assert "test_a.py" not in parts.core.diff


def test_a_change_without_either_is_left_to_the_letter(tmp_path: Path) -> None:
    base, _ = make_base(tmp_path, FILES)
    with base:
        patch = make_patch(base, {"pkg/a.py": b"x = 2\n"})
        parts = take_apart(patch, base.apply(patch), tests_at_top=False)
    assert parts.patch is patch
    assert parts.core is patch

"""What was changed together, read without trusting the repository."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from envs.history import Commit, read_history


def test_newest_first_and_nothing_after_the_base(repo: Any) -> None:
    first = repo.git("rev-parse", "HEAD").decode().strip()
    base = repo.commit({"a.py": "x = 2\n", "n\nl.py": "", "ü.py": ""}, "Fix a\n\nlong story")
    repo.commit({"future.py": ""}, "later")
    assert read_history(repo.top, base) == (
        Commit("Fix a", ("a.py", "n\nl.py", "ü.py")),
        Commit("change", ("a.py", "pkg/b.py")),
    )
    assert [commit.subject for commit in read_history(repo.top, base, most=1)] == ["Fix a"]
    assert [commit.subject for commit in read_history(repo.top, first)] == ["change"]


def test_merges_and_sweeps_are_left_out(repo: Any) -> None:
    repo.git("checkout", "-q", "-b", "side")
    repo.commit({"side.py": ""}, "side")
    repo.git("checkout", "-q", "main")
    repo.commit({f"f{n}.py": "" for n in range(9)}, "sweep")
    repo.git("merge", "-q", "--no-edit", "side")
    head = repo.git("rev-parse", "HEAD").decode().strip()
    assert {commit.subject for commit in read_history(repo.top, head, largest=8)} == {"side", "change"}


def test_names_that_are_not_utf8_are_left_out(repo: Any) -> None:
    blob = repo.git("hash-object", "-w", "--stdin", stdin=b"x").decode().strip()
    repo.git("update-index", "-z", "--index-info", stdin=f"100644 {blob} 0\t".encode() + b"\xff.py\0")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},good.py")
    repo.git("commit", "-q", "-m", "bytes")
    head = repo.git("rev-parse", "HEAD").decode().strip()
    assert read_history(repo.top, head)[0] == Commit("bytes", ("good.py",))


def test_no_history_is_nothing(make_repo: Callable[..., Any], tmp_path: Path) -> None:
    empty = make_repo("empty", commit=False)
    assert read_history(empty.top, None) == ()
    assert read_history(empty.top, "0" * 40) == ()
    assert read_history(tmp_path, "HEAD") == ()
    assert read_history(empty.top, "--output=/tmp/x") == ()


def test_the_repositorys_configuration_changes_nothing(repo: Any, tmp_path: Path) -> None:
    head = repo.commit({"a.py": "x = 3\n", "b.py": ""}, "two")
    plain = read_history(repo.top, head)
    order = tmp_path / "order"
    order.write_text("b.py\n")
    for key, value in {
        "diff.orderFile": str(order),
        "log.showSignature": "true",
        "log.showRoot": "false",
        "diff.renames": "copies",
        "color.ui": "always",
        "format.pretty": "oneline",
        "log.mailmap": "true",
    }.items():
        repo.git("config", key, value)
    changed = read_history(repo.top, head)
    assert changed[0] == plain[0] == Commit("two", ("a.py", "b.py"))

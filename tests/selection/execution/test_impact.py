"""Tests that are near to a change come first, by imports, names, words that they use, and history."""

from collections.abc import Sequence
from pathlib import Path

from envs.history import Commit
from envs.patches import make_patch
from selection.execution.impact import NearTests, find_tests
from tests.selection.bench_kit import make_base

CODE = "def reckon(x):\n    return x\n\n\ndef settle_account(x):\n    return -x\n"
FILES = {
    "pkg/__init__.py": "",
    "pkg/ledger.py": CODE,
    "pkg/other.py": "def other(): pass\n",
    "tests/conftest.py": "def test_is_none(): pass\n",
    "tests/helpers.py": "def help(): pass\n",
    "tests/test_ledger.py": "def test_one(): pass\n",
    "tests/test_uses.py": "from pkg.ledger import reckon\n\ndef test_two(): pass\n",
    "tests/test_words.py": "import pkg\n\ndef test_three():\n    assert pkg.settle_account(1) == -1\n",
    "tests/test_past.py": "def test_four(): pass\n",
    "tests/test_far.py": "def test_five(): pass\n",
}
CHANGED = CODE.replace("return -x", "return 0")


def near(
    tmp_path: Path, files: dict[str, str], commits: Sequence[Commit] = (), within: Sequence[str] = ()
) -> NearTests:
    base, _ = make_base(tmp_path, FILES)
    with base:
        changes = {"c": base.apply(make_patch(base, {name: text.encode() for name, text in files.items()}))}
        return find_tests(base, changes, commits, within=within)


def test_each_signal_brings_its_test_and_the_rest_stays_behind(tmp_path: Path) -> None:
    commits = [Commit("fix", ("pkg/ledger.py", "tests/test_past.py"))] * 2
    found = near(tmp_path, {"pkg/ledger.py": CHANGED}, commits)
    named = set(found.ranked)
    assert {"tests/test_ledger.py", "tests/test_uses.py", "tests/test_words.py", "tests/test_past.py"} <= named
    assert not {"tests/test_far.py", "tests/helpers.py", "tests/conftest.py"} & named
    assert set(found.sizes) == {name for name in FILES if name.startswith("tests/test_")}
    assert 0 < found.share(["tests/test_far.py"]) < 0.3


def test_a_suite_that_is_limited_stays_so(tmp_path: Path) -> None:
    found = near(tmp_path, {"pkg/ledger.py": CHANGED}, within=["tests/test_uses.py"])
    assert found.ranked == ("tests/test_uses.py",)


def test_a_change_of_tests_alone_is_near_to_nothing(tmp_path: Path) -> None:
    assert near(tmp_path, {"tests/test_ledger.py": "def test_one(): assert 1\n"}).ranked == ()

"""Outline and conventions."""

from agent.context.conventions import describe_conventions
from agent.context.outline import draw_outline
from envs.history import Commit
from envs.symbols import find_symbols

PATHS = [
    *(f"src/pkg/m{n}.py" for n in range(60)),
    "src/pkg/deep/er/target.py",
    "src/far/away.py",
    *(f"changelog/{n}.bugfix.rst" for n in range(30)),
    "README.md",
]
SYMBOLS = find_symbols("t.py", b"class Target(Base):\n    def hit(self, x): ...\n\ndef _low(): ...\n")


def test_ranked_parts_are_shown_deeper() -> None:
    text = draw_outline(PATHS, {"src/pkg/deep/er/target.py": SYMBOLS}, {"src/far/away.py": SYMBOLS}, limit=4000)
    lines = text.splitlines()
    at = lines.index("        target.py")
    assert lines[at + 1 : at + 3] == [
        "          1-2 class Target(Base)",
        "          2-2 def hit(self, x)  (Target.hit)",
    ]
    assert "    away.py: Target, _low" in lines
    assert "  … and 22 more files" in lines, "fragments of news are not worth their lines"
    assert "    … and 20 more files" in lines


def test_no_outline_is_longer_than_its_limit_and_the_way_to_ranked_files_comes_first() -> None:
    for limit in (200, 400, 800, 1600, 3200):
        text = draw_outline(PATHS, {"src/pkg/deep/er/target.py": SYMBOLS}, dict.fromkeys(PATHS, SYMBOLS), limit=limit)
        assert 0 < len(text.encode()) <= limit
    small = draw_outline([f"a{n}/b/c.py" for n in range(40)] + ["z/y/x.py"], {"z/y/x.py": ()}, {}, limit=1400)
    assert "    x.py" in small and "a7/ (1 file)" in small
    wide = draw_outline([f"a{n}/b/c.py" for n in range(4000)] + ["z/y/x.py"], {"z/y/x.py": ()}, {}, limit=2500)
    assert "    x.py" in wide and "… 4001 folders in all" in wide
    assert draw_outline([], {}, {}, limit=500) == ""


def test_conventions_of_files() -> None:
    fragments = describe_conventions(
        ["changelog/1.bugfix.rst", "changelog/2.feature.rst", "docs/a.rst", "docs/b.rst"], ()
    )
    assert (
        "changelog/, one file for each change, such as changelog/1.bugfix.rst; kinds in use: bugfix, feature."
        in fragments
    )
    assert "Documentation lies in docs/." in fragments and "No tests were found" in fragments
    assert "Changelog: CHANGES.rst." in describe_conventions(["CHANGES.rst", "a.py"], ())


def test_conventions_of_tests() -> None:
    beside = ["p/a.py", "p/b.py", "p/tests/test_a.py", "p/tests/test_b.py"]
    assert "FOLDER/tests/test_NAME.py (2 files)" in describe_conventions(beside, ())
    flat = ["src/p/a.py", "src/p/b.py", "tests/test_a.py", "tests/test_b.py"]
    assert "tests/test_NAME.py (2 files)" in describe_conventions(flat, ())
    mirrored = ["src/x/a.py", "src/y/b.py", "tests/x/test_a.py", "tests/y/test_b.py"]
    assert "tests/SUBFOLDER/test_NAME.py (2 files)" in describe_conventions(mirrored, ())
    assert "Tests lie in tests/ (1 files)" in describe_conventions(["a.py", "tests/test_all.py"], ())


def test_conventions_of_history() -> None:
    commits = [
        Commit("", ("a.py", "tests/test_a.py", "CHANGES.rst")),
        Commit("", ("a.py", "tests/test_a.py", "changelog/1.bugfix.rst")),
        Commit("", ("a.py",)),
        Commit("", ("docs/x.rst",)),
        Commit("", tuple(f"sweep{n}.py" for n in range(40))),
    ]
    said = describe_conventions(["a.py", "tests/test_a.py", "CHANGES.rst"], commits)
    assert (
        "Of the last 3 commits that changed source, 2 also changed tests, 1 also changed CHANGES.rst, 1 also changed news fragments."
    ) in said
    assert "none changed tests" in describe_conventions(["a.py"], [Commit("", ("a.py",))])
    assert "commit" not in describe_conventions(["a.py"], ())

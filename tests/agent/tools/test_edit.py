"""The tool `edit` in real sandboxes. Each defect is one that an editor for models had."""

from typing import Any

import pytest

CORE = "pkg/core.py"


def test_an_edit_shows_what_it_did(any_bench: Any) -> None:
    done = any_bench.replace(CORE, "        return 1\n", "        return 2\n")
    assert done.ok
    assert dict(done.data) == {"changed": [CORE]}
    assert done.text.splitlines() == [
        "Changed pkg/core.py",
        "pkg/core.py:",
        "3\t",
        "4\tclass Box:",
        "5\t    def size(self):",
        "6\t        return 2",
        "7\t",
        "8\t    def name(self):",
        "9\t        return 'box'",
    ]
    assert any_bench.diff().count("\n-") == 2  # the file's name and one line


def test_every_operation(any_bench: Any) -> None:
    done = any_bench.edit(
        {"op": "insert", "path": CORE, "line": 0, "new": '"""Core."""'},
        {"op": "insert", "path": CORE, "line": -1, "new": "END = 1\n"},
        {"op": "create", "path": "pkg/new/deep.py", "new": "x = 1\n"},
        {"op": "rename", "path": "docs/guide.md", "to": "docs/manual.md"},
        {"path": "docs/manual.md", "old": "# Guide", "new": "# Manual"},
        {"op": "delete", "path": "tests/test_core.py"},
    )
    assert done.ok, done.text
    assert any_bench.read(CORE).startswith(b'"""Core."""\nLIMIT = 3\n')
    assert any_bench.read(CORE).endswith(b"    return 0\nEND = 1\n")
    assert any_bench.read("pkg/new/deep.py") == b"x = 1\n"
    assert any_bench.read("docs/manual.md") == b"# Manual\n\nThe size of a Box.\n"
    for gone in ("docs/guide.md", "tests/test_core.py"):
        with pytest.raises(FileNotFoundError):
            any_bench.read(gone)
    assert done.data["changed"] == [CORE, "pkg/new/deep.py", "docs/guide.md", "docs/manual.md", "tests/test_core.py"]
    assert "Renamed docs/guide.md to docs/manual.md" in done.text
    assert '1\t"""Core."""' in done.text


def test_all_or_none(bench: Any) -> None:
    before = bench.read(CORE)
    for wrong, said in (
        ({"path": CORE, "old": "not there at all", "new": "x"}, "Edit 3 of 3: `old` was not found"),
        ({"op": "create", "path": CORE, "new": "x"}, "Edit 3 of 3: pkg/core.py exists already"),
        ({"op": "create", "path": "docs/guide.md/below", "new": "x"}, "cannot be written"),
        ({"op": "create", "path": "pkg/bad.py", "new": "def"}, "would not parse"),
        ({"op": "rename", "path": "docs/guide.md"}, "Edit 3 of 3: `to` is missing"),
    ):
        done = bench.edit(
            {"path": CORE, "old": "return 1", "new": "return 2"},
            {"op": "create", "path": "made.py", "new": "x = 1\n"},
            wrong,
        )
        assert not done.ok
        assert said in done.text
        assert "Nothing was changed." in done.text
        assert bench.read(CORE) == before
        assert bench.diff() == ""


def test_later_edits_see_earlier_ones(bench: Any) -> None:
    done = bench.edit(
        {"path": CORE, "old": "LIMIT = 3", "new": "LIMIT = 4\nMORE = 5"},
        {"path": CORE, "old": "MORE = 5", "new": "MORE = 6"},
        {"path": f"./{CORE}", "old": "return 0", "new": "return 9"},
    )
    assert done.ok, done.text
    assert bench.read(CORE).startswith(b"LIMIT = 4\nMORE = 6\n")
    assert "2\tMORE = 6" in done.text
    assert "16\t    return 9" in done.text


def test_several_occurrences_are_listed_and_chosen(bench: Any) -> None:
    bench.workspace.write("t.txt", b"one\ntwo\none\ntwo\none\n")
    refused = bench.replace("t.txt", "one", "1")
    assert "occurs 3 times in t.txt, in lines 1, 3, 5" in refused.text
    assert not refused.ok
    assert bench.replace("t.txt", "one", "1", line=4).ok
    assert bench.read("t.txt") == b"one\ntwo\n1\ntwo\none\n"
    assert "in 2 places" in bench.replace("t.txt", "one", "1", all=True).text
    assert bench.read("t.txt") == b"1\ntwo\n1\ntwo\n1\n"
    bench.workspace.write("a.txt", b"aaaa")
    assert bench.replace("a.txt", "aa", "b", all=True).ok
    assert bench.read("a.txt") == b"bb"


def test_an_edit_that_changes_nothing_is_refused(bench: Any) -> None:
    for edit in (
        {"path": CORE, "old": "LIMIT = 3", "new": "LIMIT = 3"},
        {"op": "create", "path": CORE, "new": bench.read(CORE).decode(), "overwrite": True},
        {"path": CORE, "old": "", "new": "x"},
        {"op": "insert", "path": CORE, "line": 1, "new": ""},
        {"op": "rename", "path": CORE, "to": f"./{CORE}"},
    ):
        assert not bench.edit(edit).ok
    assert bench.diff() == ""
    assert not bench.call("edit", edits=[]).ok


def test_the_last_line_without_an_end(bench: Any) -> None:
    bench.workspace.write("last.txt", b"a\nb")
    assert bench.replace("last.txt", "a\nb\n", "a\nc\n").ok
    assert bench.read("last.txt") == b"a\nc"
    assert bench.edit({"op": "insert", "path": "last.txt", "line": -1, "new": "d"}).ok
    assert bench.read("last.txt") == b"a\nc\nd"
    patch = bench.workspace.diff()
    bench.workspace.reset()
    bench.workspace.apply(patch)
    assert bench.read("last.txt") == b"a\nc\nd"


def test_line_ends_encodings_marks_and_modes_stay(bench: Any) -> None:
    bench.workspace.write("dos.py", b"\xef\xbb\xbfx = 1\r\ny = 2\r\n", mode=0o755)
    assert bench.replace("dos.py", "x = 1\ny = 2", "x = 1\nz = 3\ny = 2").ok
    assert bench.read("dos.py") == b"\xef\xbb\xbfx = 1\r\nz = 3\r\ny = 2\r\n"
    assert bench.call("shell", command="stat -c %a dos.py").text.startswith("755")
    bench.workspace.write("latin.txt", b"caf\xe9\nna\xefve\n")
    assert bench.replace("latin.txt", "café", "thé").ok
    assert bench.read("latin.txt") == b"th\xe9\nna\xefve\n"
    refused = bench.replace("latin.txt", "thé", "€")
    assert "cannot be written in latin-1" in refused.text
    bench.workspace.write("mixed.txt", "é".encode() + b" \xff a\n")
    assert bench.replace("mixed.txt", " a", " è").ok
    assert bench.read("mixed.txt") == "é".encode() + b" \xff " + "è\n".encode()
    bench.workspace.write("binary", b"\0\1\2")
    assert "binary" in bench.replace("binary", "a", "b").text


ODD = ("it's.py", 'a"b.py', "$(touch pwned).py", "a b.py", "-rf.py", "`id`.py", "é☃.py", "a\\b.py", "[x]*.py", "a;b.py")


@pytest.mark.parametrize("path", ODD)
def test_any_name_is_only_a_name(bench: Any, path: str) -> None:
    assert bench.edit({"op": "create", "path": path, "new": "x = 1\n"}).ok
    assert bench.replace(path, "x = 1", "x = 2").ok
    assert "1\tx = 2" in bench.call("view", path=path).text
    assert bench.edit({"op": "rename", "path": path, "to": f"sub/{path}"}).ok
    assert bench.read(f"./sub/{path}") == b"x = 2\n"
    assert bench.edit({"op": "delete", "path": f"sub/{path}"}).ok
    assert bench.diff() == ""


def test_large_content_and_content_like_options(bench: Any) -> None:
    large = "x = 1\n" * 50_000
    assert bench.edit({"op": "create", "path": "large.py", "new": large}).ok
    assert bench.read("large.py") == large.encode()
    for content in (
        "--flag",
        "- item",
        "-",
        "\n\n",
        "  leading and trailing  \n\n",
        "=======\n>>>>>>> REPLACE\n",
        "a\\nb",
        "'''\"\"\"",
    ):
        assert bench.edit({"op": "create", "path": "odd.txt", "new": content, "overwrite": True}).ok
        assert bench.read("odd.txt") == content.encode()
    assert bench.replace("odd.txt", "'''", "--- a/x\n+++ b/x\n@@").ok
    assert bench.read("odd.txt") == b'--- a/x\n+++ b/x\n@@"""'


def test_the_order_of_files_is_that_of_the_edits(bench: Any) -> None:
    names = [f"f{number}.txt" for number in (3, 1, 2, 0)]
    done = bench.edit(*({"op": "create", "path": name, "new": name} for name in names))
    assert done.data["changed"] == names
    assert done.text.splitlines() == [f"Created {name} (1 lines)" for name in names]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (".git/config", "belongs to git"),
        ("pkg/../.git/hooks/pre-commit", "belongs to git"),
        ("hooks/x", "belongs to git"),
        ("../outside.txt", "outside of the work tree"),
        ("/etc/passwd", "outside of the work tree"),
        ("/tmp/x", "outside of the work tree"),
        ("out/x", "outside of the work tree"),
        ("out", "outside of the work tree"),
        ("dangling", "outside of the work tree"),
        (".", "work tree itself"),
        ("pkg", "is a folder"),
        ("pipe", "no regular file"),
        ("", "is no path"),
        ("a\0b", "is no path"),
        ("a" * 5000, "is no path"),
        ("b" * 300, "cannot be written"),
    ],
)
def test_places_that_may_not_be_changed(bench: Any, path: str, said: str) -> None:
    bench.call("shell", command="ln -s /tmp out; ln -s /tmp/nothing dangling; ln -s .git/hooks hooks; mkfifo pipe")
    done = bench.edit({"op": "create", "path": path, "new": "x", "overwrite": True})
    assert not done.ok
    assert said in done.text
    assert "Nothing was changed." in done.text


def test_links_inside_of_the_tree_are_followed(bench: Any) -> None:
    bench.call("shell", command="ln -s pkg/core.py link.py; ln -s pkg folder")
    done = bench.edit(
        {"path": "link.py", "old": "LIMIT = 3", "new": "LIMIT = 4"},
        {"path": "folder/core.py", "old": "LIMIT = 4", "new": "LIMIT = 5"},
    )
    assert done.ok, done.text
    assert bench.read(CORE).startswith(b"LIMIT = 5")
    assert "link" in bench.call("shell", command="test -L link.py && echo link").text
    assert "symbolic link" in bench.edit({"op": "delete", "path": "link.py"}).text
    assert bench.read(CORE)


def test_what_breaks_the_syntax_is_refused_with_its_place(any_bench: Any) -> None:
    before = any_bench.read(CORE)
    done = any_bench.replace(CORE, "        return 1\n", "        return (\n")
    assert not done.ok
    assert "pkg/core.py:6: SyntaxError" in done.text
    assert "> 6\t        return (" in done.text
    assert any_bench.read(CORE) == before
    assert "was never closed" in any_bench.edit({"path": CORE, "old": "return 1", "new": "return ("}, force=True).text
    # It does not parse now, so further edits need not mend it.
    done = any_bench.replace(CORE, "LIMIT = 3", "LIMIT = 4")
    assert done.ok
    assert "does not parse, as before" in done.text


def test_a_file_that_never_parsed_can_be_renamed(bench: Any) -> None:
    bench.workspace.write("template.py", b"{{ name }} = {% x %}\n")
    done = bench.edit(
        {"op": "rename", "path": "template.py", "to": "pkg/other.py"}, {"path": "pkg/other.py", "old": "x", "new": "y"}
    )
    assert done.ok, done.text
    assert "pkg/other.py does not parse, as before" in done.text
    assert not bench.edit(
        {"op": "rename", "path": CORE, "to": "c.py"}, {"path": "c.py", "old": "return 1", "new": "return ("}
    ).ok


@pytest.mark.parametrize(
    ("path", "good", "bad", "said"),
    [
        ("a.json", '{"a": 1}', '{"a": 1,}', "JSON"),
        ("a.toml", "a = 1\n", "a = 1\nb = \n", "a.toml:2: TOML"),
        ("a.py", "def f():\n    return 1\n", "return 1\n", "'return' outside function"),
        ("b.py", "def f():\n    return 1\n", "def f():\nreturn 1\n", "IndentationError"),
        ("c.pyi", "x: int\n", "x: int int\n", "SyntaxError"),
    ],
)
def test_syntax_by_kind(bench: Any, path: str, good: str, bad: str, said: str) -> None:
    refused = bench.edit({"op": "create", "path": path, "new": bad})
    assert said in refused.text
    assert not refused.ok
    assert bench.edit({"op": "create", "path": path, "new": good}).ok
    assert not bench.edit({"op": "create", "path": path, "new": bad, "overwrite": True}).ok
    assert bench.read(path) == good.encode()
    assert bench.edit({"op": "create", "path": "free.txt", "new": bad}).ok


def test_the_syntax_says_which_reading_is_meant(bench: Any) -> None:
    assert bench.replace(CORE, "return 0", "if box is None:\n    return 0\nreturn -1").ok
    assert bench.read(CORE).endswith(
        b"        return box.size()\n    if box is None:\n        return 0\n    return -1\n"
    )


def test_indentation_is_taken_over(bench: Any) -> None:
    done = bench.replace(CORE, "def size(self):\n  return 1\n", "def size(self):\n  x = 1\n  return x\n")
    assert "white space differed" in done.text
    assert b"    def size(self):\n        x = 1\n        return x\n\n    def name" in bench.read(CORE)


def test_what_is_nearly_there_is_shown(bench: Any) -> None:
    done = bench.replace(CORE, "    if bx:\n        return box.sizes()\n", "x")
    assert "Most alike is line 13" in done.text
    assert "-\t        return box.sizes()" in done.text
    assert "+14\t        return box.size()" in done.text
    assert "there already, in line 14" in bench.replace(CORE, "nowhere to be seen", "return box.size()").text
    assert "leave out the line numbers" in bench.replace(CORE, "14\t        return box.size()", "x").text
    assert "Did you mean pkg/core.py?" in bench.replace("core.py", "a", "b").text


def test_a_file_that_cannot_be_written_leaves_the_others_as_they_were(bench: Any) -> None:
    bench.workspace.write("locked/a.txt", b"a\n")
    bench.call("shell", command="chmod 555 locked; chmod 444 locked/a.txt")
    before = bench.read(CORE)
    done = bench.edit(
        {"path": CORE, "old": "return 1", "new": "return 2"}, {"path": "locked/a.txt", "old": "a", "new": "b"}
    )
    assert "cannot be written" in done.text
    assert bench.read(CORE) == before
    done = bench.edit({"op": "create", "path": "new.txt", "new": "x"}, {"op": "delete", "path": "locked/a.txt"})
    assert "cannot be written" in done.text
    assert bench.diff().count("diff --git") == 1  # the locked file itself
    assert bench.read("locked/a.txt") == b"a\n"


def test_an_edit_can_be_taken_back(bench: Any) -> None:
    bench.replace(CORE, "return 1", "return 2")
    assert bench.call("shell", command=f"git checkout -- {CORE}").data["exit_code"] == 0
    assert bench.diff() == ""


def test_long_changes_are_shown_in_part(bench: Any) -> None:
    done = bench.replace(CORE, "LIMIT = 3", "\n".join(f"L{number} = {number}" for number in range(1000)))
    assert "lines as you wrote them" in done.text
    assert len(done.text.splitlines()) < 40
    bench.workspace.write("many.txt", b"x\n\n\n\n\n\n\n\n\n" * 100)
    done = bench.replace("many.txt", "x", "y", all=True)
    assert "in 100 places" in done.text
    assert "… and at lines 55, 64" in done.text

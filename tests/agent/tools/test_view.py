from typing import Any

from agent.tools.values import ToolLimits


def test_a_file_with_line_numbers(any_bench: Any) -> None:
    done = any_bench.call("view", path="docs/guide.md")
    assert done.text == "docs/guide.md (lines 1-3 of 3)\n1\t# Guide\n2\t\n3\tThe size of a Box."
    assert any_bench.call("view", path="/repo/docs/guide.md", start=3).text.endswith(
        "(lines 3-3 of 3)\n3\tThe size of a Box."
    )
    assert any_bench.call("view", path="docs/guide.md", start=2, end=99).text.startswith(
        "docs/guide.md (lines 2-3 of 3)"
    )
    assert any_bench.call("view", path="docs/guide.md", start=0, end=-1).text.startswith(
        "docs/guide.md (lines 1-3 of 3)"
    )


def test_ranges_that_are_none(bench: Any) -> None:
    for start, end in ((4, None), (3, 2), (2, 0)):
        done = bench.call("view", path="docs/guide.md", start=start, end=end)
        assert not done.ok
        assert "has 3 lines" in done.text


def test_folders(any_bench: Any) -> None:
    any_bench.workspace.write("build/ignored.txt", b"x")
    any_bench.workspace.write("new/deep/er/file.txt", b"x")
    any_bench.call("shell", command="rm docs/guide.md")
    done = any_bench.call("view", path=".")
    assert done.text.splitlines()[1:] == [
        ".gitignore",
        "new/ (1 files)",
        "new/deep/ (1 files)",
        "pkg/ (2 files)",
        "pkg/__init__.py",
        "pkg/core.py",
        "tests/ (1 files)",
        "tests/test_core.py",
    ]
    assert any_bench.call("view", path="new/").text.splitlines()[1:] == ["deep/ (1 files)", "deep/er/ (1 files)"]
    assert any_bench.call("view", path="build").text.splitlines()[1:] == ["ignored.txt"]
    assert "passwd" in any_bench.call("view", path="/etc").text.splitlines()


def test_folders_with_many_entries_are_bounded(bench: Any) -> None:
    bench.call("shell", command="mkdir many; cd many; seq -f 'file-%g.txt' 5000 | xargs touch")
    done = bench.call("view", path="many")
    assert "many/ has 5000 entries" in done.text
    assert "… 4700 more" in done.text
    bench.call("shell", command="mkdir -p out/sub{1,2}; touch out/sub{1,2}/f{1..200}")
    lines = bench.call("view", path="out").text.splitlines()
    assert lines == ["out/ has 2 entries in its first level", "sub1/ (200 files)", "sub2/ (200 files)"]


def test_a_long_file_is_outlined(bench: Any) -> None:
    source = "import os\n\n\n@decorated\nclass Big:\n" + "".join(
        f"    def method_{number}(self, x):\n        return x + {number}\n\n" for number in range(300)
    )
    bench.workspace.write("big.py", source.encode())
    done = bench.call("view", path="big.py")
    assert "big.py (905 lines): too long to show at once" in done.text
    assert "4-904\t@decorated class Big\n6-7\t  def method_0(self, x)" in done.text
    assert "Lines 1-60:\n1\timport os\n" in done.text
    assert len(done.text.encode()) <= 16_000
    assert bench.call("view", path="big.py", start=6, end=7).text.splitlines()[1] == "6\t    def method_0(self, x):"
    done = bench.call("view", path="big.py", start=1, end=905)
    assert done.text.splitlines()[1] == "1\timport os"
    last = int(done.text.splitlines()[-2].split("\t")[0])
    assert done.text.endswith(f"… lines {last + 1}-905 left out; go on with start={last + 1}")
    bench.workspace.write("big.txt", b"line\n" * 1000)
    assert "Outline" not in bench.call("view", path="big.txt").text


def test_odd_files(bench: Any) -> None:
    bench.workspace.write("long.js", b"x" * 1_000_000 + b"\nend\n")
    assert "… [999,600 more characters]\n2\tend" in bench.call("view", path="long.js").text
    bench.workspace.write("binary.bin", bytes(range(256)))
    assert "cannot be shown as text: it is binary (256 bytes)" in bench.call("view", path="binary.bin").text
    bench.workspace.write("dos.txt", b"a\r\nb")
    about = "CRLF line ends, no line end after the last line"
    assert bench.call("view", path="dos.txt").text == f"dos.txt (lines 1-2 of 2, {about})\n1\ta\n2\tb"
    bench.workspace.write("latin.txt", b"caf\xe9 \x1b[31m\x0c\n")
    assert bench.call("view", path="latin.txt").text.endswith("latin-1)\n1\tcafé \\x1b[31m\\x0c")
    bench.workspace.write("empty", b"")
    assert bench.call("view", path="empty").text == "empty is empty."
    bench.call("shell", command="mkfifo pipe; truncate -s 20M huge; mkdir hollow; ln -s loop loop")
    assert "not a regular file" in bench.call("view", path="pipe").text
    assert "larger than 16 MiB" in bench.call("view", path="huge").text
    assert bench.call("view", path="hollow").text == "hollow/ is empty"
    assert not bench.call("view", path="loop").ok


def test_what_is_not_there(bench: Any) -> None:
    for path, meant in (
        ("core.py", "pkg/core.py"),
        ("src/pkg/core.py", "pkg/core.py"),
        ("pkg/cor.py", "pkg/core.py"),
        ("PKG/CORE.PY", "pkg/core.py"),
        ("pkg/core.py/x", ""),
    ):
        done = bench.call("view", path=path)
        assert not done.ok
        assert "does not exist" in done.text
        assert f"Did you mean {meant}?" in done.text if meant else "mean" not in done.text
    for path in ("", "a\0b", "x" * 5000, "y" * 300):
        assert not bench.call("view", path=path).ok


def test_the_environment_can_be_viewed(any_bench: Any) -> None:
    found = any_bench.call(
        "shell", command=f"{any_bench.brief.image.python} -c 'import json; print(json.__file__)'"
    ).text
    done = any_bench.call("view", path=found.splitlines()[0])
    assert done.ok
    assert "JSON" in done.text


def test_nothing_is_longer_than_it_may_be(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, limits=ToolLimits(observation_bytes=1000))
    bench.workspace.write("wide.txt", "é☃".encode() * 3000 + b"\n" * 3000)
    bench.workspace.write("f.py", "".join(f"def function_{n}(argument, another): pass\n" for n in range(1000)).encode())
    for path, ranges in (
        ("wide.txt", {}),
        ("wide.txt", {"start": 1}),
        ("f.py", {}),
        ("f.py", {"start": 2}),
        ("/usr/bin", {}),
        (".", {}),
    ):
        assert len(bench.call("view", path=path, **ranges).text.encode()) <= 1000

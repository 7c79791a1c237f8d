from typing import Any

from agent.tools.values import ToolLimits

FILES = {
    "pkg/a.py": b"def target(x):\n    return x\n\n\nclass Thing:\n    target = 3\n\n    async def run(self):\n        return target(1)\n",
    "pkg/web.js": b"export function target(a) {}\n",
    "django/test/client.py": b"target = None\n",
    "tests/test_a.py": b"from pkg.a import target\n\n\ndef test_target():\n    assert target(1) == 1\n",
    "README.md": b"Call `target(x)` or --flag [x].\n",
    ".gitignore": b"*.log\n",
}


def test_text_comes_in_groups_code_first(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, FILES)
    bench.workspace.write("x.log", b"target\n")
    bench.workspace.write("pkg/new.py", b"target()\n")
    done = bench.call("search", pattern=r"\btarget\(")
    assert done.text.splitlines() == [
        "6 lines in 5 files",
        "pkg/a.py",
        "1\tdef target(x):",
        "9\t        return target(1)",
        "pkg/new.py",
        "1\ttarget()",
        "pkg/web.js",
        "1\texport function target(a) {}",
        "tests/test_a.py",
        "5\t    assert target(1) == 1",
        "README.md",
        "1\tCall `target(x)` or --flag [x].",
    ]
    assert bench.call("search", pattern="target", path="tests").data["hits"] == 3
    assert bench.call("search", pattern="target", path="*.md").data["hits"] == 1
    assert bench.call("search", pattern="target", path="pkg/*.js").data["hits"] == 1
    assert bench.call("search", pattern="TARGET", path="./pkg/web.js", ignore_case=True).data["hits"] == 1
    assert bench.call("search", pattern="target", path="/repo").data["hits"] == 10
    assert bench.call("search", pattern="def target(", path="pkg").text.startswith("Not a regular expression")


def test_patterns_are_only_patterns(any_bench: Any) -> None:
    any_bench.workspace.write("odd.txt", b"--flag -e x\n$(id) `id` 'q' \"d\"\n[x] a+b (\n")
    for pattern, fixed, line in (
        ("--flag", False, 1),
        ("-e", False, 1),
        ("$(id) `id` 'q' \"d\"", True, 2),
        ("[x] a+b (", True, 3),
        (r"^\[x\]\s", False, 3),
        (r"(?i)FLAG\b", False, 1),
    ):
        done = any_bench.call("search", pattern=pattern, fixed=fixed, path="odd.txt")
        assert done.text.splitlines()[2].startswith(f"{line}\t"), done.text


def test_nothing_found_is_said(bench: Any) -> None:
    assert bench.call("search", pattern="no such text").text.startswith("Nothing matches no such text")
    assert "Did you mean pkg/core.py" in bench.call("search", pattern="x", path="core.py").text
    for wrong in (
        {},
        {"pattern": "a", "symbol": "b"},
        {"pattern": "a\nb"},
        {"pattern": "a\0"},
        {"pattern": "a" * 5000},
        {"symbol": "a b"},
    ):
        assert not bench.call("search", **wrong).ok


def test_definitions(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, FILES)
    lines = bench.call("search", symbol="target").text.splitlines()
    assert lines[:3] == [
        "django/test/client.py:1-1 constant target = None",
        "pkg/a.py:1-2 function def target(x)",
        "pkg/web.js:1 export function target(a) {}",
    ]
    uses = lines[4:]
    assert lines[3] == f"target occurs in {len(uses)} other lines of {len({use.split(':')[0] for use in uses})} files:"
    assert "  pkg/a.py:9 return target(1)" in uses
    assert (
        bench.call("search", symbol="Thing.run()").text.splitlines()[0]
        == "pkg/a.py:8-9 method async def run(self)  (Thing.run)"
    )
    assert bench.call("search", symbol="Other.run").text.startswith(
        "No definition of Other.run was found; run occurs in 1 other"
    )
    assert bench.call("search", symbol="nowhere").text.startswith(
        "No definition of nowhere was found; nowhere occurs in 0"
    )
    assert bench.call("search", symbol="test_target", path="tests").data["definitions"] == 1


def test_many_hits_are_bounded_and_counted(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, limits=ToolLimits(observation_bytes=3000))
    for number in range(50):
        bench.workspace.write(f"pkg/m{number:02}.py", b"needle = 1\n" * 40)
    done = bench.call("search", pattern="needle")
    assert done.text.startswith("2000 lines in 50 files\npkg/m00.py\n1\tneedle = 1\n")
    assert "… 28 more in this file" in done.text
    shown = done.text.count("pkg/m")
    assert f"… {2000 - 40 * shown} lines in {50 - shown} more files left out" in done.text
    assert len(done.text.encode()) <= 3000
    bench.workspace.write("wide.txt", b"y" * 100_000 + b"needle2\n")
    assert len(bench.call("search", pattern="needle2").text.encode()) <= 3000
    assert len(bench.call("search", symbol="needle").text.encode()) <= 3000


def test_without_a_repository_and_outside_of_it(bench: Any) -> None:
    outside = bench.call("search", pattern="JSONDecodeError", path=_library(bench))
    assert "class JSONDecodeError" in outside.text
    bench.workspace.write("not utf8 \xe9.txt", b"needle\n")
    bench.call("shell", command="rm -rf .git")
    done = bench.call("search", pattern="needle|LIMIT")
    assert done.text.startswith("2 lines in 2 files\npkg/core.py\n1\tLIMIT = 3\n")


def _library(bench: Any) -> str:
    command = f"{bench.brief.image.python} -c 'import json, os; print(os.path.dirname(json.__file__))'"
    return bench.call("shell", command=command).text.splitlines()[0]

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.models.values import ToolCall
from agent.probe import Probe
from agent.tools.values import ToolLimits
from sandbox.errors import SandboxLost

NAMES = ("shell", "view", "search", "edit", "run_tests", "write_probe", "submit")


def ask(name: str, arguments: object = "") -> ToolCall:
    return ToolCall(id="1", name=name, arguments=arguments if isinstance(arguments, str) else json.dumps(arguments))


def test_what_the_model_is_told_is_short(bench: Any) -> None:
    assert tuple(spec.name for spec in bench.tools.specs) == NAMES
    told = json.dumps([spec.model_dump() for spec in bench.tools.specs])
    assert len(told) < 4600, "these are paid in every prompt: about four characters make a token"
    for spec in bench.tools.specs:
        assert spec.parameters["type"] == "object"
        assert set(spec.parameters.get("required", ())) <= set(spec.parameters["properties"])


def test_calls_are_done_in_order_and_told_apart(any_bench: Any) -> None:
    calls = [
        ask("shell", {"command": "echo a > f.txt;\ncat f.txt"}),
        ask("edit", {"path": "f.txt", "old": "a", "new": "b"}),
        ask("edit", {"edits": [{"op": "delete", "path": "g.txt"}, {"op": "delete", "path": "h.txt"}]}),
        ask("view", {"path": "f.txt"}),
        ask("search", {"symbol": "Box"}),
        ask("nothing"),
        ask("shell", "{"),
    ]
    done = any_bench.tools.call_all(calls)
    assert [observation.text.splitlines()[0] for observation in done] == [
        "[shell echo a > f.txt; cat f.txt]",
        "[edit f.txt]",
        "[edit g.txt h.txt]",
        "[view f.txt]",
        "[search Box]",
        "[nothing]",
        "[shell]",
    ]
    assert done[3].text.endswith("1\tb")
    assert [observation.ok for observation in done] == [True, True, False, True, True, False, False]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bash", "shell"),
        ("Edit", "edit"),
        ("str_replace_editor", "edit"),
        ("run_test", "run_tests"),
        ("functions.bash", "shell"),
        ("finish", "submit"),
    ],
)
def test_unknown_tools(bench: Any, name: str, meant: str) -> None:
    done = bench.call(name, command="x")
    assert not done.ok
    assert f"There is no tool `{name}`. Did you mean `{meant}`? Tools: {', '.join(NAMES)}." in done.text
    assert "Did you mean" not in bench.call("xyzzy").text


@pytest.mark.parametrize(
    "name", ["functions.submit", " submit", "default_api:submit", "submit<|channel|>json", "tools/submit"]
)
def test_namespaces_and_leftovers_around_a_name(bench: Any, name: str) -> None:
    assert bench.tools.name_of(name) == "submit"
    assert bench.call(name, summary="done").ok


@pytest.mark.parametrize("name", ["view.edit", "do not submit", "", ".", "submitted"])
def test_a_name_that_means_nothing_is_not_guessed(bench: Any, name: str) -> None:
    assert bench.tools.name_of(name) == name.strip()
    assert not bench.call(name, summary="done").ok


def test_submit_marks_and_decides_nothing(bench: Any) -> None:
    assert dict(bench.call("submit", summary=" done ").data) == {"summary": "done", "waiver": ""}
    assert bench.call("submit", summary="x", waiver="no probe is possible").data["waiver"] == "no probe is possible"
    assert not bench.call("submit", summary=" ").ok


def test_a_probe_is_stored_and_is_no_part_of_the_change(any_bench: Any) -> None:
    done = any_bench.call("write_probe", content="raise SystemExit(2)\n")
    assert Probe.model_validate(done.data["probe"]) == Probe(
        kind="script", path=".winnow/probe.py", content="raise SystemExit(2)\n"
    )
    assert any_bench.read(".winnow/probe.py") == b"raise SystemExit(2)\n"
    assert any_bench.diff() == ""
    assert any_bench.call("write_probe", content="raise SystemExit(2)\n").ok
    assert (
        any_bench.call("write_probe", content="raise SystemExit(0)\n", path=".winnow/other.py").data["probe"]["kind"]
        == "script"
    )
    refused = any_bench.call("write_probe", content="def f(:\n")
    assert "does not parse: line 1" in refused.text
    assert not refused.ok


def test_a_probe_in_the_repository(bench: Any) -> None:
    content = "def test_it():\n    assert 0\n"
    done = bench.call("write_probe", content=content, path="tests/test_it.py")
    assert done.data["probe"] == {
        "kind": "test",
        "path": "tests/test_it.py",
        "content": content,
        "test": "",
        "support": [],
    }
    assert bench.call("write_probe", content=content + "\n", path="./tests/test_it.py").ok
    for path, said in (
        ("tests/test_core.py", "exists already"),
        ("../x.py", "outside"),
        (".git/x.py", "belongs to git"),
        ("pkg", "folder"),
    ):
        done = bench.call("write_probe", content=content, path=path)
        assert not done.ok
        assert said in done.text
    assert not bench.call("write_probe", content=" ").ok


def test_a_lost_machine_is_an_exception(bench: Any) -> None:
    bench.workspace.box.kill()
    for name, arguments in (
        ("shell", {"command": "ls"}),
        ("view", {"path": "."}),
        ("edit", {"op": "delete", "path": "x"}),
        ("run_tests", {}),
    ):
        with pytest.raises(SandboxLost):
            bench.tools.call(ask(name, arguments))


texts = st.sampled_from(
    [
        "",
        "pkg/core.py",
        ".",
        "/",
        "..",
        "\0",
        "\udc80",
        "a" * 5000,
        "LIMIT",
        "é☃",
        "-e",
        "*",
        "\n",
        "true",
        "[",
        "(",
        "1",
    ]
)
values = texts | st.integers() | st.booleans() | st.none() | st.lists(texts, max_size=2)
keys = (
    "command",
    "timeout",
    "path",
    "start",
    "end",
    "pattern",
    "symbol",
    "fixed",
    "op",
    "old",
    "new",
    "line",
    "all",
    "to",
    "summary",
)
arguments = st.dictionaries(st.sampled_from(keys), values, max_size=4).map(json.dumps) | st.text(max_size=20)
wanted = st.sampled_from(["shell", "view", "search", "edit", "submit", "write_probe"])


def test_nothing_a_model_writes_raises_or_is_too_long(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, limits=ToolLimits(command_s=5, observation_bytes=1000))

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(wanted, arguments)
    def play(name: str, text: str) -> None:
        required = next(spec for spec in bench.tools.specs if spec.name == name).parameters
        known = [key for key in required["properties"] if key != "edits"]
        try:
            found = json.loads(text)
        except ValueError:
            found = text
        if isinstance(found, dict) and name != "edit":
            text = json.dumps({key: value for key, value in found.items() if key in known})
        for observation in (bench.tools.call(ask(name, text)), *bench.tools.call_all([ask(name, text)])):
            assert len(observation.text.encode()) <= 1000
            json.dumps(dict(observation.data))

    play()


def test_the_frame_around_a_command_is_cheap(bench: Any) -> None:
    """Less than a millisecond per call on top of what the sandbox takes for the same command."""
    argv = ("sh", "-c", "exec bash -c true")

    def best(action: Any) -> float:
        times = []
        for _ in range(40):
            start = time.thread_time()
            action()
            times.append(time.thread_time() - start)
        return min(times)

    bare = best(lambda: bench.workspace.box.exec(argv, timeout=10))
    framed = best(lambda: bench.tools.call(ask("shell", {"command": "true"})))
    assert framed - bare < 0.001

"""The host's side: the engine in a real sandbox, and scripts of what an engine could say."""

import json
import sys

import pytest

from agent.repair.search import run_search
from agent.repair.values import RepairEdit, RepairRequest, apply_edit
from envs.values import Suite
from sandbox.errors import SandboxLost
from sandbox.host import HostProvider
from sandbox.scripted import ScriptedSandbox, Step
from sandbox.values import ExecResult, SandboxSpec

SUITE = Suite(kind="pytest", argv=(sys.executable, "-m", "pytest", "-q"))
EDIT = {
    "path": "a.py",
    "start": 1,
    "end": 2,
    "replacement": "x",
    "operator": "o",
    "function": "f",
    "line": 1,
    "index": 0,
    "score": 0.5,
    "flags": [],
}


class Speaking(ScriptedSandbox):
    """A scripted sandbox whose command also streams its output in small pieces."""

    def exec(self, argv, *, on_output=None, **options):
        result = super().exec(argv, **options)
        for start in range(0, len(result.stdout) if on_output else 0, 7):
            on_output(result.stdout[start : start + 7])
        return result


FOLDER = Step(expect=("mktemp", "-d"), result=ExecResult(exit_code=0, stdout=b"/tmp/folder\n"))
"""Where the engine is put."""


def said(*lines, exit_code=0, **result):
    """The result of an engine that printed these lines."""
    data = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    return Speaking([FOLDER, Step(result=ExecResult(exit_code=exit_code, stdout=data, **result))])


def ask(box, **fields):
    events = []
    result = run_search(
        box, RepairRequest(workdir="/work", suite=SUITE, failing=("t",), **fields), on_event=events.append
    )
    return result, events


def test_repairs_in_a_sandbox():
    code = b"def double(n):\n    return n * 3  # twice\n"
    test = b"from double import double\n\n\ndef test_double():\n    assert double(2) == 4\n    assert double(5) == 10\n"
    with HostProvider().open(SandboxSpec()) as box:
        box.write("double.py", code)
        box.write("test_double.py", test)
        workdir = box.exec(["pwd"], timeout=10).out.strip()
        events = []
        request = RepairRequest(workdir=workdir, suite=SUITE, failing=("test_double.py::test_double",), max_plausible=3)
        result = run_search(box, request, on_event=events.append)
        assert box.read("double.py") == code
    assert result.reason in ("enough", "exhausted")
    assert b"    return n * 2  # twice\n" in [
        apply_edit(code, edit).splitlines(keepends=True)[1] for edit in result.edits
    ]
    assert result.failing == ("test_double.py::test_double",)
    assert result.cpu_seconds > 0
    assert result.best is not None
    assert [event["event"] for event in events][:2] == ["started", "baseline"]


def test_reads_what_an_engine_says_and_leaves_out_what_is_none():
    box = said(
        {"event": "started"},
        b"\xff\xfe no json",
        b"[1, 2]",
        b'{"event": 7}',
        {"event": "baseline", "tests": 4, "failing": ["t"]},
        {"event": "plausible", **EDIT},
        {"event": "plausible", **EDIT, "start": -1},
        {"event": "plausible", "path": "a.py"},
        {"event": "progress", "tried": 50},
        {"event": "done", "reason": "budget", "tried": 99, "cpu_s": 1.5},
        cpu_seconds=2.5,
    )
    result, events = ask(box)
    assert (result.reason, result.tried, result.tests, result.failing) == ("budget", 99, 4, ("t",))
    assert result.edits == (RepairEdit(**{**EDIT, "flags": ()}),)
    assert result.cpu_seconds == 2.5
    assert [event["event"] for event in events] == ["started", "baseline", "plausible", "progress", "done"]


@pytest.mark.parametrize(
    ("box", "reason", "word"),
    [
        (said({"event": "started"}, exit_code=-9), "died", "-9"),
        (said(exit_code=127, stderr=b"python: not found\n"), "died", "not found"),
        (said({"event": "plausible", **EDIT}, exit_code=None, timed_out=True), "timed_out", ""),
        (said({"event": "done", "reason": "of its own making"}), "died", ""),
    ],
)
def test_a_dead_engine_is_a_result(box, reason, word):
    result, _ = ask(box)
    assert result.reason == reason
    assert word in result.detail


def test_edits_survive_a_time_out():
    result, _ = ask(said({"event": "plausible", **EDIT}, exit_code=None, timed_out=True))
    assert len(result.edits) == 1


def test_a_dead_machine_is_an_error():
    with pytest.raises(SandboxLost):
        ask(ScriptedSandbox([Step(result=SandboxLost("gone"))]))


@pytest.mark.parametrize("argv", [("make", "test"), (), ("tox",)])
def test_other_suites_cannot_be_searched(argv):
    request = RepairRequest(
        workdir="/work", suite=Suite(kind="command" if argv[:1] == ("make",) else "pytest", argv=argv), failing=("t",)
    )
    assert run_search(ScriptedSandbox([]), request, on_event=print).reason == "unusable"


def test_passes_the_interpreters_options_and_the_runners():
    box = said({"event": "done", "reason": "hopeless"})
    suite = Suite(kind="unittest", argv=("python", "-X", "dev", "-m", "unittest", "discover", "-s", "tests"))
    run_search(
        box, RepairRequest(workdir="/work", suite=suite, failing=("t",), seed=4, skip=7), on_event=lambda event: None
    )
    assert box.commands[1][:3] == ("python", "-X", "dev")
    request = json.loads(box.files[box.commands[1][-1]])
    assert request["arguments"] == ["discover", "-s", "tests"]
    assert (request["kind"], request["seed"], request["skip"]) == ("unittest", 4, 7)


def test_an_edit_outside_the_file_is_refused():
    edit = RepairEdit(**{**EDIT, "flags": (), "start": 5, "end": 9})
    with pytest.raises(ValueError, match="outside"):
        apply_edit(b"short", edit)
    assert apply_edit(b"shortlong", edit) == b"shortx"

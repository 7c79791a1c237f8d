"""The scripted machine keeps the port's promises, and its script."""

import errno

import pytest

from sandbox.errors import SandboxLost
from sandbox.scripted import ScriptedProvider, ScriptError, Step
from sandbox.values import ExecResult, SandboxSpec


def test_plays_in_order():
    provider = ScriptedProvider(
        [
            Step(["make"], ExecResult(exit_code=2, stdout=b"no\n")),
            Step(lambda argv: argv[0] == "pytest", writes={"report.xml": b"<r/>"}),
            Step(),
        ]
    )
    with provider.open(SandboxSpec(workdir="/repo", run_id="r")) as machine:
        pieces: list[bytes] = []
        assert machine.exec(["make"], timeout=1, on_output=pieces.append).exit_code == 2
        assert pieces == [b"no\n"]
        assert machine.exec(["pytest", "-q"], timeout=1).ok
        assert machine.read("report.xml") == machine.read("/repo/report.xml") == b"<r/>"
        assert machine.exec(["anything"], timeout=1).ok
    assert provider.opened[0].commands == [("make",), ("pytest", "-q"), ("anything",)]
    assert provider.specs[0].run_id == "r"


def test_unexpected_command():
    with pytest.raises(ScriptError, match="expected"), ScriptedProvider([Step(["a"])]).open(SandboxSpec()) as machine:
        machine.exec(["b"], timeout=1)


def test_script_that_runs_out():
    with pytest.raises(ScriptError, match="run out"), ScriptedProvider([]).open(SandboxSpec()) as machine:
        machine.exec(["b"], timeout=1)


def test_steps_left_over():
    with pytest.raises(ScriptError, match="not played"), ScriptedProvider([Step(["a"])]).open(SandboxSpec()):
        pass


def test_more_machines_than_scripts():
    with pytest.raises(ScriptError, match="another machine"), ScriptedProvider().open(SandboxSpec()):
        pass


def test_an_error_is_not_masked_by_the_script():
    with pytest.raises(KeyError), ScriptedProvider([Step(["a"])]).open(SandboxSpec()):
        raise KeyError


def test_machine_that_dies():
    provider = ScriptedProvider([Step(result=SandboxLost("gone"))])
    with provider.open(SandboxSpec()) as machine, pytest.raises(SandboxLost, match="gone"):
        machine.exec(["a"], timeout=1)
    with pytest.raises(SandboxLost, match="closed"):
        machine.read("x")


def test_files(make_tar):
    with ScriptedProvider([]).open(SandboxSpec()) as machine:
        machine.write("a/b", b"12345")
        assert machine.read("/work/a/b") == b"12345"
        for path, code in (("none", errno.ENOENT), ("a", errno.EISDIR), (".", errno.EISDIR)):
            with pytest.raises(OSError, match=path) as caught:
                machine.read(path)
            assert caught.value.errno == code
        with pytest.raises(OSError, match="large"):
            machine.read("a/b", max_bytes=4)
        machine.unpack(make_tar({"d": None, "d/f": b"x"}))
        assert machine.read("d/f") == b"x"
        for name in ("/evil", "../evil"):
            with pytest.raises(ValueError, match="outside"):
                machine.unpack(make_tar({name: b""}))

import time
from typing import Any

import pytest

from agent.tools.values import ToolLimits


def test_output_is_in_order_and_the_exit_code_is_named(any_bench: Any) -> None:
    done = any_bench.call("shell", command="for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 3")
    assert done.text == "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n[exit code 3]"
    assert done.ok
    assert done.data["exit_code"] == 3
    assert any_bench.call("shell", command="true").text == "[exit code 0, no output]"
    assert any_bench.call("shell", command="[[ a == a ]] && echo $BASH_VERSION").text[0].isdigit()
    assert any_bench.call("shell", command="git status --short && git log --oneline | wc -l").text == "1\n[exit code 0]"


def test_only_files_stay(bench: Any) -> None:
    bench.call("shell", command="cd /tmp; export A=1; touch made")
    assert bench.call("shell", command="pwd; echo [$A]; ls /tmp/made").text.splitlines()[:3] == [
        "/repo",
        "[]",
        "/tmp/made",
    ]
    assert bench.call("shell", command="cat; read x; echo done").text.startswith("done")


def test_a_time_out_shows_what_was_printed_and_kills_everything(any_bench: Any) -> None:
    start = time.monotonic()
    done = any_bench.call("shell", command="echo begun; (sleep 2; touch late) & sleep 60", timeout=1)
    assert time.monotonic() - start < 5
    assert done.text.startswith("begun\n[timed out after 1 s: the command and everything that it started was killed.")
    assert "up to 120 s" in done.text
    assert dict(done.data) | {"seconds": 0} == {"exit_code": None, "timed_out": True, "seconds": 0}
    time.sleep(2)
    assert any_bench.call("shell", command="ls late").data["exit_code"] != 0


def test_background_processes_end_with_the_command(bench: Any) -> None:
    assert bench.call("shell", command="(sleep 1; touch late) & echo ok").text == "ok\n[exit code 0]"
    time.sleep(1.3)
    assert bench.call("shell", command="test -e late").data["exit_code"] == 1


def test_limits_hold_and_are_said(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, limits=ToolLimits(command_s=1.5, observation_bytes=2000))
    spec = next(spec for spec in bench.tools.specs if spec.name == "shell")
    assert "1.5 s" in spec.description
    assert "2 kB" in spec.description
    done = bench.call("shell", command="sleep 5", timeout=100)
    assert done.data["timed_out"]
    assert "timeout 100 s is over the limit; 1.5 s was used" in done.text
    done = bench.call("shell", command="seq 100000")
    assert len(done.text.encode()) <= 2000
    assert done.text.startswith("1\n2\n3\n")
    assert done.text.endswith("99999\n100000\n[exit code 0]")
    assert "lines left out; redirect to a file and look at parts of it with view or grep" in done.text


def test_one_long_line_and_endless_output_are_clipped(bench: Any) -> None:
    done = bench.call("shell", command="head -c 5000000 /dev/zero | tr '\\0' x")
    assert len(done.text.encode()) <= 16_000
    assert "4,98" in done.text
    done = bench.call("shell", command="yes", timeout=1)
    assert len(done.text.encode()) <= 16_000
    assert "bytes left out" in done.text


def test_bytes_of_every_kind(bench: Any) -> None:
    done = bench.call("shell", command="head -c 100000 /dev/urandom; printf '\\033[31mred\\033[0m\\n'")
    assert done.text.isprintable() or set(done.text) - {"\n", "\t"} == {
        sign for sign in done.text if sign not in "\n\t"
    }
    assert "red" in done.text
    assert not any(ord(sign) < 32 and sign not in "\n\t" for sign in done.text)
    assert len(done.text.encode()) <= 16_000


@pytest.mark.parametrize("command", ["-c", "--version", "- item", "echo '-e'"])
def test_commands_that_look_like_options(bench: Any, command: str) -> None:
    assert "usage" not in bench.call("shell", command=command).text.lower()


def test_commands_longer_than_an_argument_may_be(bench: Any) -> None:
    done = bench.call("shell", command=f"x={'a' * 300_000}; echo ${{#x}}; cat; echo end")
    assert done.text == "300000\nend\n[exit code 0]"
    assert bench.call("shell", command="ls -A .winnow").text == "[exit code 0, no output]"


def test_commands_that_are_none(bench: Any) -> None:
    assert not bench.call("shell", command="  ").ok
    assert not bench.call("shell", command="a\0b").ok
    assert bench.call("shell", command="no_such_program").text.endswith("[exit code 127]")
    assert "signal 9" in bench.call("shell", command="kill -9 $$").text
    assert bench.call("shell", command="echo '\ud83d\ude00 \udc00'").text.startswith("\U0001f600 \ufffd")

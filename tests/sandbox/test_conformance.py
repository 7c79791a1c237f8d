"""What every machine promises (`sandbox.port`), asked of each kind that can be had here."""

import os
import signal
import time

import pytest

from sandbox.port import Sandbox


def sh(machine: Sandbox, script: str, timeout: float = 20, **more):
    return machine.exec(["sh", "-c", script], timeout=timeout, **more)


def py(machine: Sandbox, source: str, timeout: float = 20, **more):
    return machine.exec(["python3", "-c", source], timeout=timeout, **more)


class TestExec:
    def test_success(self, machine):
        result = machine.exec(["echo", "a b", "$HOME"], timeout=10)
        assert (result.exit_code, result.stdout, result.stderr, result.ok) == (0, b"a b $HOME\n", b"", True)
        assert not result.timed_out
        assert 0 < result.seconds < 10

    @pytest.mark.parametrize("code", [1, 2, 77, 255])
    def test_exit_codes(self, machine, code):
        assert sh(machine, f"exit {code}").exit_code == code

    def test_program_that_does_not_exist(self, machine):
        result = machine.exec(["no-such-program"], timeout=10)
        assert result.exit_code == 127
        assert "no-such-program" in result.err

    @pytest.mark.parametrize("path", ["/etc/passwd", "/"])
    def test_program_that_cannot_be_executed(self, machine, path):
        assert machine.exec([path], timeout=10).exit_code == 126

    def test_script_without_interpreter_line(self, machine):
        machine.write("plain", b"echo hello\n", mode=0o755)
        assert machine.exec(["./plain"], timeout=10).exit_code == 126

    @pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV"])
    def test_signal_is_negative_exit_code(self, machine, name):
        assert sh(machine, f"kill -{name} $$").exit_code == -getattr(signal, f"SIG{name}")

    def test_starts_in_the_work_tree(self, machine):
        assert machine.exec(["pwd"], timeout=10).out.strip() == machine.workdir

    def test_cwd(self, machine):
        machine.write("sub/dir/file", b"")
        assert sh(machine, "pwd", cwd="sub/dir").out.strip() == f"{machine.workdir}/sub/dir"
        assert sh(machine, "pwd", cwd="/usr").out.strip() == "/usr"

    def test_cwd_that_does_not_exist(self, machine):
        assert sh(machine, "pwd", cwd="nowhere").exit_code == 127

    def test_environment_is_clean(self, machine):
        os.environ["WINNOW_TEST_SECRET"] = "canary"
        try:
            printed = machine.exec(["env"], timeout=10).out
        finally:
            del os.environ["WINNOW_TEST_SECRET"]
        assert "canary" not in printed
        names = {line.partition("=")[0] for line in printed.splitlines()}
        assert {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "TERM"} <= names

    def test_environment_is_given(self, machine):
        env = {"TERM": "vt100", "GREETING": "grüß dich\nzweite Zeile", "EMPTY": ""}
        result = sh(machine, 'printf %s "$GREETING"; printf "|%s|%s" "$TERM" "${EMPTY-unset}"', env=env)
        assert result.out == "grüß dich\nzweite Zeile|vt100|"
        assert machine.exec(["printenv", "GREETING"], timeout=10).exit_code == 1

    def test_home_and_tmpdir_are_writable(self, machine):
        assert sh(machine, 'touch "$HOME/a" "$TMPDIR/b" && rm "$HOME/a" "$TMPDIR/b"').ok

    def test_stdin_ends(self, machine):
        assert machine.exec(["cat"], timeout=10).stdout == b""
        assert machine.exec(["cat"], timeout=10, stdin=b"\0\xff\n").stdout == b"\0\xff\n"

    def test_large_binary_round_trip(self, machine):
        data = os.urandom(1 << 20) * 12
        result = machine.exec(["cat"], timeout=60, stdin=data, max_bytes=len(data))
        assert result.stdout == data

    def test_stdin_that_nobody_reads(self, machine):
        assert machine.exec(["true"], timeout=10, stdin=b"x" * (4 << 20)).ok

    def test_both_streams_at_once(self, machine):
        source = "import os\nfor i in range(300): os.write(1, b'o' * 5000); os.write(2, b'e' * 5000)"
        result = py(machine, source, max_bytes=2_000_000)
        assert (result.stdout, result.stderr) == (b"o" * 1_500_000, b"e" * 1_500_000)

    def test_output_that_is_not_utf8(self, machine):
        result = sh(machine, r"printf '\377\376ok\200'")
        assert result.stdout == b"\xff\xfeok\x80"
        assert result.out == "��ok�"

    def test_character_split_over_writes(self, machine):
        source = "import os, time\nfor byte in '€'.encode(): os.write(1, bytes([byte])); time.sleep(0.05)"
        pieces: list[bytes] = []
        assert py(machine, source, on_output=pieces.append).out == "€"
        assert b"".join(pieces).decode() == "€"

    def test_long_output_keeps_both_ends(self, machine):
        source = "import sys\nfor i in range(200000): print('%07d' % i)\nprint('last', file=sys.stderr)"
        result = py(machine, source, max_bytes=1000)
        assert result.stdout_bytes == 1_600_000
        assert len(result.stdout) == 1000
        assert result.stdout.startswith(b"0000000\n")
        assert result.stdout.endswith(b"0199999\n")
        assert (result.stderr, result.stderr_bytes) == (b"last\n", 5)

    @pytest.mark.parametrize(
        ("cap", "kept"), [(0, b""), (1, b"9"), (3, b"089"), (9, b"012356789"), (10, b"0123456789")]
    )
    def test_clipping_at_the_edges(self, machine, cap, kept):
        result = sh(machine, "printf 0123456789", max_bytes=cap)
        assert (result.stdout, result.stdout_bytes) == (kept, 10)

    def test_output_is_streamed_as_it_comes(self, machine):
        seen: list[float] = []
        sh(machine, "echo a; sleep 0.5; echo b", on_output=lambda data: seen.append(time.monotonic()))
        assert seen[-1] - seen[0] > 0.3

    def test_streaming_is_not_clipped(self, machine):
        pieces: list[bytes] = []
        result = sh(machine, "yes | head -c 5000000", max_bytes=100, on_output=pieces.append)
        assert sum(map(len, pieces)) == 5_000_000 == result.stdout_bytes
        assert len(result.stdout) == 100

    def test_callback_that_fails_ends_the_command(self, machine):
        def fail(data: bytes) -> None:
            raise KeyError("callback")

        begin = time.monotonic()
        with pytest.raises(KeyError, match="callback"):
            sh(machine, "echo a; sleep 60", timeout=60, on_output=fail)
        assert time.monotonic() - begin < 20
        assert sh(machine, "echo still here").out == "still here\n"

    def test_no_terminal_and_no_input(self, machine):
        assert sh(machine, "test -t 0 || test -t 1 || (exec 3</dev/tty) 2>/dev/null").exit_code != 0

    def test_times_are_told(self, machine):
        result = py(machine, "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass")
        assert 0.25 < result.cpu_seconds < 5
        assert result.seconds >= result.cpu_seconds * 0.5

    @pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
    def test_wrong_timeouts_are_refused(self, machine, timeout):
        with pytest.raises(ValueError, match="timeout"):
            machine.exec(["true"], timeout=timeout)

    @pytest.mark.parametrize("argv", [[], [""], "ls", ["a\0b"]])
    def test_wrong_commands_are_refused(self, machine, argv):
        with pytest.raises(ValueError, match=r"argv|NUL"):
            machine.exec(argv, timeout=1)


class TestTimeout:
    def test_partial_output(self, machine):
        result = sh(machine, "echo before; echo oops >&2; sleep 60", timeout=0.5)
        assert (result.exit_code, result.timed_out, result.ok) == (None, True, False)
        assert (result.stdout, result.stderr) == (b"before\n", b"oops\n")
        assert 0.4 < result.seconds < 10

    def test_grandchildren_die(self, machine):
        script = "setsid sh -c 'sleep 61 & wait' & (trap '' TERM HUP INT; sleep 62) & nohup sleep 63 & wait"
        assert sh(machine, script, timeout=0.5).timed_out
        assert count_sleeps(machine) == 0

    def test_ignoring_every_signal_gains_nothing(self, machine):
        source = (
            "import signal, time\n"
            "for s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(s, signal.SIG_IGN)\n"
            "print('deaf', flush=True)\ntime.sleep(64)"
        )
        begin = time.monotonic()
        result = py(machine, source, timeout=1)
        assert result.timed_out
        assert time.monotonic() - begin < 10

    def test_stopped_processes_die(self, machine):
        assert sh(machine, "sleep 65 & kill -STOP $!; wait", timeout=0.5).timed_out
        assert count_sleeps(machine) == 0

    def test_next_command_is_unharmed(self, machine):
        sh(machine, "sleep 66", timeout=0.2)
        assert sh(machine, "echo fine").out == "fine\n"


def count_sleeps(machine: Sandbox) -> int:
    """Sleeping processes with the work tree as their folder, seen from inside."""
    source = """
import os
n = 0
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        cwd, args = os.readlink(f'/proc/{pid}/cwd'), open(f'/proc/{pid}/cmdline').read()
    except OSError:
        continue
    n += cwd == os.getcwd() and args.startswith('sleep')
print(n)"""
    return int(py(machine, source).out)


class TestBackground:
    def test_background_processes_do_not_survive(self, machine):
        result = sh(machine, "sleep 70 & setsid sleep 71 & nohup sleep 72 >/dev/null 2>&1 & echo done")
        assert (result.exit_code, result.out) == (0, "done\n")
        assert count_sleeps(machine) == 0

    def test_daemon_that_holds_the_output_open(self, machine):
        source = "import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: time.sleep(73)\n os._exit(0)"
        begin = time.monotonic()
        assert py(machine, source).ok
        assert time.monotonic() - begin < 10

    def test_no_zombies(self, machine):
        sh(machine, "for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.05")
        printed = sh(machine, "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '").out
        if machine.id.startswith("host"):
            pytest.skip("the host has processes of its own")
        assert printed.strip() == "0"

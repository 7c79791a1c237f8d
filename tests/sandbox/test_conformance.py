"""What every machine promises (`sandbox.port`), asked of each kind that can be had here."""

import io
import os
import signal
import tarfile
import threading
import time
from pathlib import Path

import pytest

from sandbox.errors import DiskFull, SandboxLost
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


class TestFiles:
    def test_round_trip(self, machine):
        data = bytes(range(256)) * 5000
        machine.write("deep/er/file.bin", data)
        assert machine.read("deep/er/file.bin") == data
        assert machine.read(f"{machine.workdir}/deep/er/file.bin") == data
        machine.write("deep/er/file.bin", b"")
        assert machine.read("deep/er/file.bin") == b""

    def test_mode(self, machine):
        machine.write("tool", b"#!/bin/sh\necho ran\n", mode=0o755)
        assert machine.exec(["./tool"], timeout=10).out == "ran\n"
        machine.write("tool", b"", mode=0o600)
        assert sh(machine, "stat -c %a tool").out.strip() == "600"

    def test_commands_own_what_is_written(self, machine):
        machine.write("mine/file", b"x")
        assert sh(machine, "echo more >> mine/file && rm -r mine").ok

    @pytest.mark.parametrize(
        ("path", "error"),
        [
            ("not/there", FileNotFoundError),
            ("/", IsADirectoryError),
            (".", IsADirectoryError),
            ("/etc/passwd/x", NotADirectoryError),
        ],
    )
    def test_read_errors(self, machine, path, error):
        with pytest.raises(error):
            machine.read(path)

    def test_read_what_may_not_be_read(self, machine, kind):
        if kind.name == "host":
            pytest.skip("with the rights of root everything can be read")
        sh(machine, "echo x > secret && chmod 000 secret")
        with pytest.raises(PermissionError):
            machine.read("secret")

    def test_read_over_the_cap(self, machine):
        machine.write("big", b"x" * 101)
        assert len(machine.read("big", max_bytes=101)) == 101
        with pytest.raises(OSError, match="too large"):
            machine.read("big", max_bytes=100)

    def test_read_neither_blocks_nor_overflows(self, machine):
        sh(machine, "rm -f pipe; mkfifo pipe")
        for path in ("pipe", "/dev/zero"):
            with pytest.raises(OSError, match="not a regular file"):
                machine.read(path)

    def test_write_errors(self, machine):
        machine.write("plain-file", b"")
        with pytest.raises(OSError, match=r"plain-file/below"):
            machine.write("plain-file/below", b"")
        with pytest.raises(IsADirectoryError):
            machine.write(".", b"")

    def test_system_is_not_writable(self, machine, kind):
        if kind.name == "host":
            pytest.skip("the host has no walls")
        for path in ("/usr/x", "/etc/x", "/x"):
            with pytest.raises(OSError, match=r"Read-only file system|Permission denied"):
                machine.write(path, b"")

    def test_names_that_are_not_utf8(self, machine):
        name = os.fsdecode(b"caf\xe9 \xff\n\t'\"")
        machine.write(name, b"content")
        assert machine.read(name) == b"content"
        assert machine.exec(["cat", name], timeout=10).stdout == b"content"
        assert (
            sh(machine, "ls -1 --quoting-style=literal --show-control-chars caf*").stdout == os.fsencode(name) + b"\n"
        )


class TestUnpack:
    def test_files_folders_and_links(self, machine, tmp_path, make_tar):
        bad = os.fsdecode(b"b\xff\xfe.txt")
        archive = make_tar(
            {"a/": None, "a/one": b"1", "./two": b"2", "new/parent/three": b"3" * 3_000_000, bad: b"bytes"},
            {
                "link": (tarfile.SYMTYPE, "a/one"),
                "outward": (tarfile.SYMTYPE, "/etc/hostname"),
                "hard": (tarfile.LNKTYPE, "a/one"),
            },
        )
        machine.unpack(archive, "unpacked")
        assert machine.read("unpacked/link") == b"1"
        assert machine.read("unpacked/hard") == b"1"
        assert machine.read("unpacked/new/parent/three") == b"3" * 3_000_000
        assert machine.read(f"unpacked/{bad}") == b"bytes"
        assert sh(machine, "readlink outward", cwd="unpacked").out == "/etc/hostname\n"

    def test_again_over_itself(self, machine, tmp_path, make_tar):
        archive = make_tar({"d": None, "d/f": b"new"}, {"l": (tarfile.SYMTYPE, "d/f")})
        machine.unpack(archive, "twice")
        sh(machine, "chmod 400 twice/d/f")
        machine.unpack(archive, "twice")
        assert machine.read("twice/l") == b"new"

    def test_modes_and_times(self, machine, tmp_path):
        with tarfile.open(tmp_path / "m.tar", "w") as tar:
            info = tarfile.TarInfo("run.sh")
            info.mode, info.mtime, info.size = 0o4755, 1_000_000_000, 0
            tar.addfile(info, io.BytesIO())
        machine.unpack(tmp_path / "m.tar", "modes")
        assert sh(machine, "stat -c '%a %Y' modes/run.sh").out == "755 1000000000\n"

    @pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
    def test_compressed(self, machine, tmp_path, compression):
        with tarfile.open(tmp_path / "c.tar", f"w:{compression}") as tar:
            tar.add(__file__, "self.py")
        machine.unpack(tmp_path / "c.tar", compression)
        assert machine.read(f"{compression}/self.py") == Path(__file__).read_bytes()

    @pytest.mark.parametrize("name", ["/tmp/evil", "../evil", "a/../../evil"])
    def test_members_outside_are_refused(self, machine, tmp_path, name, make_tar):
        with pytest.raises(ValueError, match="outside"):
            machine.unpack(make_tar({name: b"evil"}))

    def test_members_beneath_a_link_are_refused(self, machine, tmp_path):
        archive = tmp_path / "l.tar"
        with tarfile.open(archive, "w") as tar:
            link = tarfile.TarInfo("door")
            link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
            tar.addfile(link)
            file = tarfile.TarInfo("door/evil")
            tar.addfile(file, io.BytesIO())
        with pytest.raises(ValueError, match="no folder"):
            machine.unpack(archive, "links")

    def test_hard_links_out_are_refused(self, machine, tmp_path, make_tar):
        for target in ("/etc/passwd", "../outside"):
            with pytest.raises(ValueError, match="outside"):
                machine.unpack(make_tar({}, {"h": (tarfile.LNKTYPE, target)}), "hard")

    @pytest.mark.parametrize("type_", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
    def test_devices_are_refused(self, machine, tmp_path, type_, make_tar):
        with pytest.raises(ValueError, match="neither"):
            machine.unpack(make_tar({}, {"dev": (type_, "")}), "devices")

    def test_rubbish_is_refused(self, machine, tmp_path, make_tar):
        (tmp_path / "r.tar").write_bytes(os.urandom(100_000))
        with pytest.raises(ValueError, match="tar"):
            machine.unpack(tmp_path / "r.tar")
        whole = make_tar({"f": b"x" * 100_000}).read_bytes()
        (tmp_path / "half.tar").write_bytes(whole[:50_000])
        with pytest.raises(ValueError, match="tar"):
            machine.unpack(tmp_path / "half.tar", "half")
        assert sh(machine, "echo fine").out == "fine\n"

    def test_missing_archive(self, machine, tmp_path):
        with pytest.raises(FileNotFoundError):
            machine.unpack(tmp_path / "none.tar")

    @pytest.mark.slow
    def test_fifty_thousand_files(self, kind, tmp_path, make_tar):
        files = {f"pkg{i // 500}/mod{i % 500}.py": b"x = 1\n" for i in range(50_000)}
        archive = make_tar(files)
        with kind.open(disk_mb=512) as machine:
            begin = time.monotonic()
            machine.unpack(archive)
            seconds = time.monotonic() - begin
            assert sh(machine, "find . -type f | wc -l").out.strip() == "50000"
        assert seconds < 30


class TestLife:
    def test_threads_take_turns(self, machine):
        results: dict[int, str] = {}

        def work(number: int) -> None:
            results[number] = sh(machine, f"echo {number}; sleep 0.02").out

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {number: f"{number}\n" for number in range(16)}

    def test_work_tree_is_empty_and_separate(self, kind):
        with kind.open() as one, kind.open() as two:
            assert one.id != two.id
            one.write("file", b"")
            assert two.exec(["ls", "-A"], timeout=10).out == ""

    def test_opens_in_parallel(self, kind):
        outputs = []

        def work() -> None:
            with kind.open() as machine:
                outputs.append(sh(machine, "echo hi").out)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outputs == ["hi\n"] * 6

    def test_work_tree_anywhere(self, kind):
        place = "/home/someone/project"
        with kind.open(workdir=place) as machine:
            assert sh(machine, "pwd; touch x").out.strip() == machine.workdir
            assert machine.workdir == place or kind.name == "host"
        assert not Path(place).exists()

    def test_after_closing_it_is_lost(self, kind):
        with kind.open() as machine:
            pass
        for call in (lambda: sh(machine, "true"), lambda: machine.read("x"), lambda: machine.write("x", b"")):
            with pytest.raises(SandboxLost, match="closed"):
                call()

    def test_leaving_by_exception_closes_too(self, kind):
        with pytest.raises(KeyError), kind.open() as machine:
            raise KeyError
        with pytest.raises(SandboxLost):
            sh(machine, "true")

    def test_lifetime_ends_it(self, kind):
        with kind.open(lifetime_s=1.0) as machine:
            begin = time.monotonic()
            with pytest.raises(SandboxLost):
                sh(machine, "sleep 30", timeout=30)
            assert time.monotonic() - begin < 15

    def test_spec_environment(self, kind):
        with kind.open(env={"COLOUR": "red", "PATH": "/nowhere:/usr/bin:/bin"}) as machine:
            assert sh(machine, "echo $COLOUR $PATH").out == "red /nowhere:/usr/bin:/bin\n"
            assert sh(machine, "echo $COLOUR", env={"COLOUR": "blue"}).out == "blue\n"


class TestFullDisk:
    def test_by_a_command(self, kind):
        with kind.open(disk_mb=16) as machine:
            result = sh(machine, "head -c 40000000 /dev/zero > big")
            assert result.exit_code != 0
            machine.exec(["rm", "-f", "big"], timeout=10)
            assert sh(machine, "echo fine").out == "fine\n"

    def test_by_writing(self, kind):
        if kind.name == "host":
            pytest.skip("the host's disk has no limit of ours")
        with kind.open(disk_mb=16) as machine:
            with pytest.raises(DiskFull):
                machine.write("big", b"x" * (20 << 20))
            machine.exec(["rm", "-f", "big"], timeout=10)
            machine.write("small", b"fine")
            assert machine.read("small") == b"fine"

    def test_by_unpacking(self, kind, tmp_path, make_tar):
        if kind.name == "host":
            pytest.skip("the host's disk has no limit of ours")
        archive = make_tar({f"f{i}": b"x" * (1 << 20) for i in range(20)})
        with kind.open(disk_mb=16) as machine:
            with pytest.raises(DiskFull):
                machine.unpack(archive)
            assert sh(machine, "rm -f f* && echo fine").out == "fine\n"

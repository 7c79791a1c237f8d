"""Commands that want out, or want to take the machine down: none gets anywhere, and the machine serves the next command."""

import os
import socket
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def cell(walled):
    with walled.open(memory_mb=256, disk_mb=64, pids=64) as machine:
        yield machine
        assert machine.exec(["echo", "fine"], timeout=10).out == "fine\n"


def sh(machine, script, timeout=20.0, **more):
    return machine.exec(["sh", "-c", script], timeout=timeout, **more)


def py(machine, source, timeout=20.0, **more):
    return machine.exec(["python3", "-c", source], timeout=timeout, **more)


class TestGreed:
    def test_fork_bomb(self, cell):
        begin = time.monotonic()
        result = py(cell, "import os\nwhile True:\n try: os.fork()\n except OSError: pass", timeout=2)
        assert result.timed_out
        assert time.monotonic() - begin < 20
        assert cell.exec(["echo", "fine"], timeout=10).out == "fine\n"

    def test_fork_bomb_by_the_shell(self, cell):
        sh(cell, "bomb() { bomb | bomb & }; bomb; sleep 2", timeout=4)
        assert cell.exec(["echo", "fine"], timeout=10).out == "fine\n"

    def test_processes_are_counted(self, cell):
        source = "import os, time\nn = 0\ntry:\n while n < 500:\n  if os.fork() == 0: time.sleep(20); os._exit(0)\n  n += 1\n"
        printed = py(cell, source + "except OSError: pass\nprint(n)").out
        assert 32 <= int(printed) <= 64

    def test_endless_output(self, cell):
        result = sh(cell, "yes & yes >&2", timeout=1.5, max_bytes=10_000)
        assert result.timed_out
        assert len(result.stdout) == len(result.stderr) == 10_000
        assert result.stdout_bytes > 1_000_000

    def test_endless_line_streamed(self, cell):
        got = 0

        def count(data):
            nonlocal got
            got += len(data)

        assert sh(cell, "cat /dev/zero", timeout=1.5, max_bytes=100, on_output=count).timed_out
        assert got > 1_000_000

    def test_slow_reader_does_not_hold_the_timeout_up(self, cell):
        begin = time.monotonic()
        result = sh(cell, "yes", timeout=1, max_bytes=100, on_output=lambda data: time.sleep(0.02))
        assert result.timed_out
        assert result.seconds < 5
        assert time.monotonic() - begin < 30

    def test_memory_eater(self, cell):
        result = py(cell, "b = []\nwhile True: b.append(bytearray(5 << 20))", timeout=30)
        assert result.exit_code == -9
        assert not result.timed_out

    def test_many_small_eaters(self, cell):
        source = "import os, time\nfor _ in range(10):\n if os.fork() == 0: b = bytearray(60 << 20); time.sleep(20); os._exit(0)\n"
        result = py(cell, source + "time.sleep(20)", timeout=30)
        assert result.exit_code == -9

    def test_shared_memory_is_limited(self, cell):
        assert sh(cell, "head -c 200000000 /dev/zero > /dev/shm/big").exit_code != 0
        sh(cell, "rm -f /dev/shm/big")

    @pytest.mark.parametrize("place", ["/tmp", "/var/tmp", ".", "$HOME"])
    def test_disk_eater(self, walled, cell, place):
        if walled.name == "docker" and place == "/var/tmp":
            pytest.skip("belongs to the image there, read-only")
        assert sh(cell, f"head -c 1000000 /dev/zero > {place}/big").ok
        assert sh(cell, f"head -c 200000000 /dev/zero > {place}/big").exit_code != 0
        assert sh(cell, f"rm -f {place}/big").ok

    def test_sleep_that_ignores_sigterm(self, cell):
        begin = time.monotonic()
        assert sh(cell, "trap '' TERM INT HUP; sleep 300 & wait; sleep 300", timeout=1).timed_out
        assert time.monotonic() - begin < 10

    def test_core_dumps_are_off(self, cell):
        sh(cell, "sleep 10 & kill -SEGV $!; wait")
        assert "core" not in sh(cell, "ls").out


class TestFiles:
    @pytest.mark.parametrize(
        "place", ["/", "/usr", "/etc", "/bin", "/opt", "/dev", "/home", "/root", "/var", "/proc", "/run"]
    )
    def test_writing_outside_the_work_tree(self, cell, place):
        assert sh(cell, f"echo x > {place}/winnow-was-here").exit_code != 0
        assert not Path(place, "winnow-was-here").exists()

    def test_changing_the_system(self, cell):
        for script in (
            "mount -o remount,rw /usr",
            "mount -t tmpfs none /usr",
            "umount -l /usr",
            "chmod 777 /etc/passwd",
            "echo 1 > /proc/sys/kernel/core_uses_pid",
            "echo b > /proc/sysrq-trigger",
            "mknod disk b 8 0",
            "chroot / true",
        ):
            assert sh(cell, script).exit_code != 0, script

    def test_private_tmp(self, cell, tmp_path):
        (tmp_path / "canary").write_text("secret")
        assert sh(cell, f"cat {tmp_path}/canary").exit_code != 0
        assert sh(cell, f"mkdir -p {tmp_path} && echo evil > {tmp_path}/canary && rm -r {tmp_path}")
        assert (tmp_path / "canary").read_text() == "secret"

    def test_reading_the_home_of_the_host(self, cell):
        assert sh(cell, f"ls -A {Path.home()}/").out == ""
        assert sh(cell, f"cat {Path(__file__)}").exit_code != 0
        assert sh(cell, "cat /etc/shadow").exit_code != 0

    def test_sockets_of_the_host(self, cell):
        assert sh(cell, "ls /run/docker.sock /var/run/docker.sock /run/systemd /run/dbus").out == ""

    def test_disks(self, cell):
        names = set(sh(cell, "ls /dev").out.split())
        assert names <= {
            *("null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr"),
            *("ptmx", "pts", "shm", "console", "core", "mqueue"),
        }

    def test_conftest_that_tries_to_escape(self, cell, tmp_path):
        """What a repository under test may well hold: code that runs when its tests are collected."""
        target = tmp_path / "escaped"
        source = f"""
import os, pathlib, subprocess
for path in ("{target}", "/proc/1/root{target}", "../../../../../../../..{target}", "/proc/1/cwd/../..{target}"):
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True); pathlib.Path(path).write_text("out")
    except OSError as error:
        pass
os.symlink("/", "root")
try:
    open("root/etc/winnow", "w")
except OSError:
    print("contained")
"""
        cell.write("conftest.py", source.encode())
        assert cell.exec(["python3", "conftest.py"], timeout=10).out == "contained\n"
        assert not target.exists()


class TestPeeping:
    def test_environment_of_the_host(self, cell, monkeypatch):
        monkeypatch.setenv("WINNOW_TEST_SECRET", "canary")
        assert "canary" not in sh(cell, "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'").out

    def test_processes_of_the_host(self, cell):
        pids = sh(cell, "ls /proc | grep -E '^[0-9]+$'").out.split()
        assert len(pids) <= 5
        assert sh(cell, f"kill -0 {os.getpid()}").exit_code != 0

    def test_identity(self, cell):
        status = dict(line.split(":\t") for line in sh(cell, "cat /proc/self/status").out.splitlines() if ":\t" in line)
        assert status["Uid"].split() == ["1000"] * 4
        assert status["Gid"].split() == ["1000"] * 4
        assert status["Groups"].strip() in ("", "1000")
        for sort in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[sort], 16) == 0, sort
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")

    def test_files_of_commands_belong_to_nobody_else(self, walled, cell):
        assert sh(cell, "touch f && stat -c '%u %g' f .").out == "1000 1000\n1000 1000\n"


class TestNetwork:
    def test_no_route(self, cell):
        assert sh(cell, "tail -n +2 /proc/net/route").out == ""
        assert sh(cell, "cut -d: -f1 -s /proc/net/dev").out.split() == ["lo"]

    def test_loopback_server_of_the_host(self, cell):
        with socket.create_server(("0.0.0.0", 0)) as server:
            port = server.getsockname()[1]
            addresses = {"127.0.0.1", "172.17.0.1", "10.0.2.2", socket.gethostname(), "localhost"}
            source = f"""
import socket
for address in {sorted(addresses)}:
    try:
        socket.create_connection((address, {port}), 2); print("reached", address)
    except OSError: pass
"""
            assert py(cell, source).out == ""
            server.settimeout(0.1)
            with pytest.raises(TimeoutError):
                server.accept()

    def test_abstract_socket_of_the_host(self, cell):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("\0winnow-test")
            server.listen()
            result = py(cell, "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0winnow-test')")
            assert "ConnectionRefused" in result.err

    def test_own_loopback_works(self, cell):
        source = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), 5)
print("works")"""
        assert py(cell, source).out == "works\n"

    def test_network_when_asked_for(self, walled):
        if walled.name == "docker":
            pytest.skip("needs a bridge to the outside, which test machines lack")
        with socket.create_server(("127.0.0.1", 0)) as server, walled.open(network=True) as machine:
            address = server.getsockname()
            assert py(machine, f"import socket\nsocket.create_connection({address}, 5)").ok


class TestSupervisor:
    """It is PID 1, has the same user as the commands, and must not be reachable for them."""

    def test_forging_frames(self, cell):
        source = r"""
import ctypes, os
for path, flags in [("/proc/1/fd/1", os.O_WRONLY), ("/proc/1/fd/0", os.O_RDWR), ("/proc/1/mem", os.O_RDWR),
                    ("/proc/1/environ", os.O_RDONLY), ("/proc/1/maps", os.O_RDONLY), ("/proc/1/task/1/fd/1", os.O_WRONLY)]:
    try:
        os.open(path, flags); print("opened", path)
    except OSError: pass
try:
    print("listed", os.listdir("/proc/1/fd"))
except OSError: pass
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, 1, 0, 0) == 0: print("attached")
pidfd = libc.syscall(434, 1, 0)
if pidfd >= 0 and libc.syscall(438, pidfd, 1, 0) >= 0: print("stole a descriptor")
"""
        assert py(cell, source).out == ""

    def test_its_descriptors_are_not_inherited(self, cell):
        assert sh(cell, "ls /proc/self/fd").out.split() == ["0", "1", "2", "3"]

    @pytest.mark.parametrize("number", range(1, 65))
    def test_killing_it(self, cell, number):
        sh(cell, f"kill -{number} 1", timeout=5)
        assert cell.exec(["echo", "alive"], timeout=10).out == "alive\n"

    def test_killing_everything(self, cell):
        sh(cell, "kill -9 -1", timeout=5)
        assert cell.exec(["echo", "alive"], timeout=10).out == "alive\n"

    def test_starving_it(self, cell):
        source = """
import resource
for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC):
    try:
        resource.prlimit(1, kind, (0, 0)); print("limited", kind)
    except OSError: pass
"""
        assert py(cell, source).out == ""
        assert cell.exec(["echo", "alive"], timeout=10).out == "alive\n"

    def test_nested_namespaces(self, cell):
        assert sh(cell, "unshare -U true").exit_code != 0
        assert sh(cell, "unshare -Ur true").exit_code != 0
        source = "import ctypes, errno\nl = ctypes.CDLL(None, use_errno=True)\nl.unshare(0x10000000)\nprint(ctypes.get_errno())"
        assert py(cell, source).out == "1\n"

    def test_raising_limits(self, cell):
        source = "import resource\nresource.setrlimit(resource.RLIMIT_CORE, (1, 1))"
        assert "not allowed" in py(cell, source).err or "Error" in py(cell, source).err

    def test_gone_work_tree(self, walled):
        with walled.open() as machine:
            sh(machine, "rm -rf ./* .[!.]*; mv /work /elsewhere; rmdir /work")
            assert machine.exec(["echo", "alive"], timeout=10).out == "alive\n"

    def test_threads_still_start(self, cell):
        """The filter reports clone3 as missing; libc must fall back."""
        source = "import threading\nt = threading.Thread(target=print, args=('thread',))\nt.start(); t.join()"
        assert py(cell, source).out == "thread\n"

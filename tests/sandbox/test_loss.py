"""Machines that die, owners that die, and what is left behind: nothing."""

import itertools
import os
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.engine.machine import DockerProvider
from sandbox.errors import SandboxLost

OWNER = """
import sys, threading
from sandbox.choose import choose
from sandbox.values import SandboxSpec
spec = SandboxSpec(image={image!r}, memory_mb=256, disk_mb=64, lifetime_s=300)
with choose({kind!r}).open(spec) as machine:
    print(machine.id, flush=True)
    machine.exec(["sh", "-c", "setsid sleep {seconds} & trap '' TERM; sleep {seconds}"], timeout=200)
"""


def sleepers(seconds: str) -> list[int]:
    """Processes on this host that sleep for that many seconds."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"sleep\0{seconds}\0" in (entry / "cmdline").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def eventually(condition, seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def containers(id_: str) -> str:
    command = ["docker", "ps", "-aq", "--filter", f"id={id_}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_killed_owner_leaves_nothing(kind, in_a_process, tmp_path):
    seconds = f"3{os.getpid()}.{time.monotonic_ns() % 1000}"
    source = OWNER.format(image=kind.spec().image, kind=kind.name, seconds=seconds)
    process = in_a_process(source)
    id_ = process.stdout.readline().strip()
    assert eventually(lambda: len(sleepers(seconds)) >= 2)
    process.kill()
    assert eventually(lambda: not sleepers(seconds))
    if kind.name == "docker":
        assert eventually(lambda: not containers(id_))
    assert eventually(lambda: not list(tmp_path.iterdir()))


def test_closing_leaves_nothing(kind, private_tmp):
    with kind.open() as machine:
        machine.exec(["true"], timeout=10)
        id_ = machine.id
    if kind.name == "docker":
        assert containers(id_) == ""
    assert list(private_tmp.iterdir()) == []


def test_supervisor_killed_from_outside(kind, monkeypatch):
    """As the kernel does when the host is out of memory."""
    with kind.open() as machine:
        machine.exec(["true"], timeout=10)
        victim = _supervisor_of(kind, machine)
        killer = threading.Timer(0.5, os.kill, (victim, 9))
        killer.start()
        begin = time.monotonic()
        with pytest.raises(SandboxLost, match=machine.id):
            machine.exec(["sleep", "60"], timeout=60)
        assert time.monotonic() - begin < 20
        with pytest.raises(SandboxLost):
            machine.exec(["true"], timeout=10)


def _supervisor_of(kind, machine) -> int:
    if kind.name == "docker":
        command = ["docker", "inspect", "-f", "{{.State.Pid}}", machine.id]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    child = int(machine.id.split("-")[1])
    while kind.name == "unshare" or kind.name == "bubblewrap":
        below = Path(f"/proc/{child}/task/{child}/children").read_text().split()
        if not below:
            break
        child = int(below[0])
    return child


@pytest.mark.docker
class TestDocker:
    def test_removed_by_somebody(self, docker_kind):
        with docker_kind.open() as machine:
            subprocess.run(["docker", "rm", "-f", machine.id], check=True, capture_output=True)
            with pytest.raises(SandboxLost, match="gone"):
                machine.exec(["true"], timeout=10)

    def test_daemon_stops_half_way(self, docker_kind):
        with _Relay("/var/run/docker.sock") as relay:
            provider = DockerProvider(url=f"unix://{relay.path}")
            with provider.open(docker_kind.spec()) as machine:
                threading.Timer(0.5, relay.stop).start()
                with pytest.raises(SandboxLost):
                    machine.exec(["sleep", "30"], timeout=30)
            assert eventually(lambda: not containers(machine.id))

    def test_container_out_of_memory_spares_the_supervisor(self, docker_kind):
        """The cgroup's limit is reached before the supervisor looks: the kernel must take the command."""
        with docker_kind.open(memory_mb=64, disk_mb=16) as machine:
            source = "import mmap\nm = mmap.mmap(-1, 1 << 30)\nm.write(b'x' * (1 << 30))"
            result = machine.exec(["python3", "-c", source], timeout=30)
            assert result.exit_code == -9
            assert machine.exec(["echo", "fine"], timeout=10).out == "fine\n"


class _Relay:
    """Passes bytes between a socket of its own and a daemon's, until it is stopped: a daemon that can be killed."""

    def __init__(self, target: str) -> None:
        self.target, self.path = target, f"/tmp/relay-{os.getpid()}-{time.monotonic_ns()}.sock"
        self._server = socket.socket(socket.AF_UNIX)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "_Relay":
        self._server.bind(self.path)
        self._server.listen()
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for thread in self._threads:
            thread.join()
        for connection in itertools.chain(*self._pairs):
            connection.close()

    def stop(self) -> None:
        for connection in (self._server, *itertools.chain(*self._pairs)):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.close()
        Path(self.path).unlink(missing_ok=True)

    def _start(self, work, *arguments) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                daemon = socket.socket(socket.AF_UNIX)
                self._pairs.append((client, daemon))
                daemon.connect(self.target)
                self._start(self._pass, client, daemon)
                self._start(self._pass, daemon, client)

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

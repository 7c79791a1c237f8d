"""What a sandbox costs, beside the raw ways of running a command in a container, in one run.

    PYTHONPATH=. python bench/sandbox_cost.py [--commands 200] [--image NAME] [--files 2000]

Prints Markdown tables. Needs no quiet machine: everything is interleaved in one run, so compare within it.
"""

import argparse
import io
import statistics
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import docker

from sandbox.choose import check_all, choose
from sandbox.port import Sandbox, SandboxProvider
from sandbox.values import SandboxSpec


def timed(work: Callable[[], object], count: int) -> list[float]:
    """Milliseconds of each call, after two that do not count."""
    work(), work()
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1e3)
    return times


def row(name: str, times: list[float], unit: str = "ms") -> float:
    """Print one line of a table; return the median."""
    median = statistics.median(times)
    print(f"| {name} | {len(times)} | {min(times):.2f} | **{median:.2f}** | {max(times):.2f} | {unit} |")
    return median


def header(title: str) -> None:
    """Begin a table."""
    print(f"\n### {title}\n\n| what | n | min | median | max | unit |\n|---|--:|--:|--:|--:|---|")


class Pipe:
    """The floor: a bash kept alive behind `docker exec -i`, told what to run and asked for an end mark."""

    def __init__(self, container: str) -> None:
        self.process = subprocess.Popen(
            ["docker", "exec", "-i", container, "bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def run(self, command: bytes) -> None:
        """Run one shell command and wait for it."""
        self.process.stdin.write(command + b"\necho .\n")
        while self.process.stdout.read(2) != b".\n":
            pass

    def close(self) -> None:
        """End the shell."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def raw_docker(image: str, count: int) -> dict[str, float]:
    """The ways without a supervisor, in one container."""
    client = docker.from_env()
    container = client.containers.run(image, ["sleep", "600"], detach=True, network_mode="none")
    pipe = Pipe(container.id)
    few = max(10, count // 10)
    try:
        return {
            "cli": row(
                "`docker exec C true` (CLI)",
                timed(lambda: subprocess.run(["docker", "exec", container.id, "true"], check=True), few),
            ),
            "sdk": row("`exec_run` (Docker SDK)", timed(lambda: container.exec_run(["true"]), few)),
            "builtin": row("raw persistent pipe, shell builtin", timed(lambda: pipe.run(b"true"), count)),
            "fork": row("raw persistent pipe, fork and exec", timed(lambda: pipe.run(b"/bin/true"), count)),
        }
    finally:
        pipe.close()
        container.remove(force=True)
        client.close()


def open_eight(provider: SandboxProvider, spec: SandboxSpec) -> float:
    """Milliseconds until eight machines have run their first command."""
    barrier = threading.Barrier(9)

    def work() -> None:
        with provider.open(spec) as machine:
            machine.exec(["true"], timeout=30)
            barrier.wait()

    threads = [threading.Thread(target=work) for _ in range(8)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    barrier.wait()
    elapsed = (time.perf_counter() - begin) * 1e3
    for thread in threads:
        thread.join()
    return elapsed


def open_and_run(provider: SandboxProvider, spec: SandboxSpec) -> Callable[[], object]:
    """The whole life of a machine with one command in it."""

    def work() -> None:
        with provider.open(spec) as machine:
            machine.exec(["true"], timeout=30)

    return work


def tree(files: int, folder: Path) -> Path:
    """Write a tar file with that many small modules."""
    path = folder / "tree.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(files):
            info = tarfile.TarInfo(f"package{number // 50}/module{number}.py")
            info.size = 2000
            tar.addfile(info, io.BytesIO(b"x = 1\n" * 333 + b"##"))
    return path


def resident_kib(machine: Sandbox) -> list[float]:
    """Memory of the supervisor: all of it, and what it shares with nobody, as the kernel counts them for its parent too."""
    found = machine.exec(["sh", "-c", "cat /proc/$PPID/status"], timeout=10).out
    return [float(line.split()[1]) for line in found.splitlines() if line.startswith("VmRSS")]


def main() -> None:
    """Measure everything that can be had here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", type=int, default=200)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--image", default="winnow-test-base:bookworm")
    options = parser.parse_args()

    kinds = [found.kind for found in check_all() if found.available]
    specs = {kind: SandboxSpec(image=options.image if kind == "docker" else None) for kind in kinds}
    providers = {kind: choose(kind) for kind in kinds}

    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        machines = {kind: stack.enter_context(providers[kind].open(specs[kind])) for kind in kinds}

        header("One command (`true`)")
        ours = {
            kind: row(f"Winnow, {kind}", timed(lambda m=machine: m.exec(["true"], timeout=10), options.commands))
            for kind, machine in machines.items()
        }
        raw = raw_docker(options.image, options.commands) if "docker" in kinds else {}

        header("Opening")
        for kind in kinds:
            row(f"open, first command, close: {kind}", timed(open_and_run(providers[kind], specs[kind]), 7))
        for kind in kinds:
            row(
                f"8 at once until the first command: {kind}",
                [open_eight(providers[kind], specs[kind]) for _ in range(3)],
            )

        header("Files and memory")
        archive = tree(options.files, Path(folder))
        for kind, machine in machines.items():
            row(f"unpack {options.files} files: {kind}", timed(lambda m=machine: m.unpack(archive, "tree"), 5))
        for kind, machine in machines.items():
            row(f"resident memory of the supervisor: {kind}", [kib / 1024 for kib in resident_kib(machine)], "MiB")

    if raw:
        times = raw["cli"] / ours["docker"]
        print(
            f"\nDocker: {ours['docker']:.2f} ms per command (target: under 5), {times:.0f} times less than `docker exec` (target: 20)."
        )


if __name__ == "__main__":
    main()

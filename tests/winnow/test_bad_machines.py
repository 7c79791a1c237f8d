"""The machine fails under a run: one sentence, what to do, a code of its own, and `winnow resume` finishes."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Winnow = Callable[..., subprocess.CompletedProcess[str]]
TARGET = "tests.test_prices.Prices.test_total"
TESTS = """import time
import unittest

from shop.prices import total


class Prices(unittest.TestCase):
    def test_total(self):
        self.assertEqual(total([1, 2, 3]), 6)

    def test_nothing(self):
        time.sleep({seconds})
        self.assertEqual(total([]), 0)
"""
SMALL_SEARCH = {"WINNOW_REPAIR_MAX_CANDIDATES": "200", "WINNOW_REPAIR_MAX_PLAUSIBLE": "1"}


@pytest.fixture
def plain_shop(shop: Path) -> Path:
    """The shop with tests that need no pytest."""
    (shop / "tests/__init__.py").write_text("")
    (shop / "tests/test_prices.py").write_text(TESTS.format(seconds=0))
    return shop


def one_sentence(said: str) -> str:
    """What is said at the end, on one line; no traceback."""
    assert "Traceback" not in said
    text = " ".join(said.split("winnow: ", 1)[1].split())
    assert text.count("winnow resume ") == 1, said
    return text


class Daemon:
    """A Docker Engine of our own, that may be killed."""

    def __init__(self, home: Path) -> None:
        self.home, self.url = home, f"unix://{home}/docker.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start it and wait until it answers; what a killed one left behind may end the first try."""
        folders = ["--data-root", self.home / "data", "--exec-root", self.home / "exec", "--pidfile", self.home / "pid"]
        # In a network namespace of its own: `--bridge=none` removes the bridge that another engine here may use.
        command = ["unshare", "--net", "dockerd", *folders, "-H", self.url, "--bridge=none", "--iptables=false"]
        end = time.monotonic() + 60
        while time.monotonic() < end:
            (self.home / "pid").unlink(missing_ok=True)
            with (self.home / "log").open("ab") as log:
                self.process = subprocess.Popen(command, stdout=log, stderr=log)
            while time.monotonic() < end and self.process.poll() is None:
                if self.docker("info").returncode == 0:
                    return True
                time.sleep(0.2)
            time.sleep(1)
        return False

    def docker(self, *words: str, stdin: object = None) -> subprocess.CompletedProcess[str]:
        """The client, on this engine."""
        return subprocess.run(
            ["docker", "-H", self.url, *words], check=False, capture_output=True, text=True, stdin=stdin
        )  # type: ignore[call-overload, no-any-return]

    def kill(self) -> None:
        """End the engine at once, and nothing else: containers live on."""
        assert self.process
        self.process.kill()
        self.process.wait(60)

    def remove(self) -> None:
        """End whatever is left of it."""
        if self.process and self.process.poll() is None:
            self.kill()
        helper = self.home / "exec/containerd/containerd.pid"
        if helper.exists():
            os.kill(int(helper.read_text()), signal.SIGKILL)
            time.sleep(1)
        subprocess.run(["umount", self.home / "data"], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture
def daemon(docker_base: str) -> Iterator[Daemon]:
    """A second engine that has the base image; it takes root."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("not run: a second Docker Engine takes root and dockerd")
    home = Path(
        subprocess.run(["mktemp", "-d", "/tmp/engine.XXXX"], check=True, capture_output=True, text=True).stdout.strip()
    )
    engine = Daemon(home)
    try:
        assert engine.start(), (home / "log").read_text()[-2000:]
        with subprocess.Popen(["docker", "save", docker_base], stdout=subprocess.PIPE) as saved:
            loaded = engine.docker("load", stdin=saved.stdout)
        assert loaded.returncode == 0, loaded.stderr
        yield engine
    finally:
        engine.remove()


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_daemon_that_dies_half_way(winnow: Winnow, plain_shop: Path, daemon: Daemon, docker_base: str) -> None:
    (plain_shop / "tests/test_prices.py").write_text(TESTS.format(seconds=1.5))
    env = {**SMALL_SEARCH, "DOCKER_HOST": daemon.url}
    fix = ["fix", "-C", plain_shop, "-t", TARGET, "--sandbox", "docker", "--image", docker_base]
    unittest = ["--test-command", "python3 -m unittest"]
    shown = plain_shop.parent / "shown"

    def kill_when_tests_run() -> None:
        end = time.monotonic() + 60
        while "running the tests" not in (shown.read_text() if shown.exists() else "") and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.7)
        daemon.kill()

    done = run_beside(winnow, kill_when_tests_run, shown, *fix, *unittest, env=env)
    assert done.returncode == 32, shown.read_text()
    said = one_sentence(shown.read_text())
    assert "the Docker daemon no longer answers" in said
    run = re.search(r"winnow resume (\S+)", said)
    assert run
    down = winnow("resume", run[1], env=env)
    assert down.returncode == 30
    assert "no Docker daemon answers" in down.stderr
    assert daemon.start()
    again = winnow("resume", run[1], "--json", env=env)
    assert again.returncode == 0, again.stderr
    assert "result += discount" in json.loads(again.stdout)["patch"]
    winnow("clean", env=env)
    assert daemon.docker("ps", "-aq", "--filter", f"label=winnow.run={run[1]}").stdout == ""


def run_beside(
    winnow: Winnow, action: Callable[[], None], shown: Path, *argv: str | Path, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the command with its standard error in a file, and something else meanwhile."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool, shown.open("w") as err:
        meanwhile = pool.submit(action)
        done = winnow(*argv, env=env, stdout=subprocess.DEVNULL, stderr=err)
        meanwhile.result()
    return done


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`full_disk(n)`: a folder on a disk of its own with n kilobytes left; `folder/filler` takes up the rest."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("not run: mounting a small disk takes root")

    def leave(kilobytes: int) -> Path:
        left = shutil.disk_usage(folder).free
        (folder / "filler").write_bytes(b"x" * (left - kilobytes * 1024))
        return folder

    try:
        yield leave
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [0, 48, 112])
def test_a_full_disk_loses_nothing(
    winnow: Winnow, plain_shop: Path, full_disk: Callable[[int], Path], kilobytes: int, digest: Callable[[Path], str]
) -> None:
    state, before = full_disk(kilobytes), digest(plain_shop)
    fix = ["fix", "-C", plain_shop, "-t", TARGET, "--state-dir", state, "--json"]
    command = ["--test-command", "python -m unittest"]
    done = winnow(*fix, *command, env=SMALL_SEARCH)
    assert digest(plain_shop) == before
    assert done.returncode == 33, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    error = json.loads(done.stdout)["error"]
    assert "\n" not in error["message"]
    assert error["hint"]
    (state / "filler").unlink()
    again = winnow("resume", "last", "--state-dir", state, "--json", env=SMALL_SEARCH)
    if again.returncode == 40:  # there was not even room to say what was asked
        again = winnow(*fix, *command, env=SMALL_SEARCH)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "result += discount" in json.loads(again.stdout)["patch"]

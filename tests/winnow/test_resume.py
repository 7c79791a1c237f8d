"""Killed, interrupted or half-way lost: a run goes on, the repository is untouched, and nothing is left behind."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Winnow = Callable[..., subprocess.CompletedProcess[str]]
WINNOW = Path(sys.executable).with_name("winnow")
FAILING = "tests/test_prices.py::test_total"
MOMENTS = 10


def started(shop: Path, confined: str, environments: Path, *argv: str) -> subprocess.Popen[str]:
    """`winnow fix`, in a process group of its own as a shell would start it."""
    env = {**os.environ, "WINNOW_RUN_CACHE_DIR": str(environments), "WINNOW_SANDBOX_KIND": confined}
    command = [str(WINNOW), "fix", "-C", str(shop), "-t", FAILING, "-n", "2", *argv]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def processes_of(marker: str) -> list[str]:
    """Command lines of live processes that mention a path."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if marker in line:
                found.append(line)
    return found


@pytest.fixture
def temporaries(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], set[str]]]:
    """What lies in the folder for temporary files, which no test that runs at the same time shares; its path is short, for sockets."""
    with tempfile.TemporaryDirectory(prefix="wt-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield lambda: {path.name for path in Path(folder).iterdir()}


def eventually_empty(look: Callable[[], object], seconds: float = 10.0) -> object:
    end = time.monotonic() + seconds
    while (left := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return left


@pytest.fixture
def whole_seconds(winnow: Winnow, shop: Path) -> float:
    """Length of an undisturbed run with a ready environment."""
    assert winnow("fix", "-C", shop, "-t", FAILING, "-n", "2").returncode == 0
    began = time.monotonic()
    assert winnow("fix", "-C", shop, "-t", FAILING, "-n", "2", "--json").returncode == 0
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kill_at_ten_random_moments(
    winnow: Winnow,
    shop: Path,
    environments: Path,
    confined: str,
    digest: Callable[[Path], str],
    temporaries: Callable[[], set[str]],
    whole_seconds: float,
) -> None:
    expected = json.loads(winnow("show", "last", "--json").stdout)
    before = digest(shop)
    moments = random.Random(7)
    for _ in range(MOMENTS):
        process = started(shop, confined, environments, "--json")
        time.sleep(moments.uniform(0.05, whole_seconds))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        rows = json.loads(winnow("runs", "--json").stdout)
        if rows and rows[-1]["state"] == "killed":
            done = winnow("resume", rows[-1]["run_id"], "--json")
            assert done.returncode == 0, done.stdout + done.stderr
            assert json.loads(done.stdout)["patch"] == expected["patch"]
        assert digest(shop) == before
    winnow("clean")
    assert eventually_empty(temporaries) == set()
    assert (
        eventually_empty(
            lambda: [line for line in processes_of("winnow") if str(environments) in line or str(shop) in line]
        )
        == []
    )
    rows = json.loads(winnow("runs", "--json").stdout)
    assert {row["state"] for row in rows} == {"finished"}


@pytest.fixture
def slow_shop(shop: Path) -> Iterator[Path]:
    """A test that takes its time, so that there is a middle to interrupt."""
    (shop / "tests/test_slow.py").write_text("import time\n\n\ndef test_slow():\n    time.sleep(3)\n")
    yield shop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_cleanly_and_says_how_to_go_on(
    winnow: Winnow, slow_shop: Path, environments: Path, confined: str, number: signal.Signals
) -> None:
    process = started(slow_shop, confined, environments)
    assert process.stderr is not None
    for line in process.stderr:
        if "running the tests" in line:
            break
    time.sleep(0.5)
    began = time.monotonic()
    os.kill(process.pid, number)
    rest = process.communicate(timeout=20)[1]
    assert process.returncode == 130, rest
    assert time.monotonic() - began < 2.5  # it does not wait for the slow test
    assert "Traceback" not in rest
    run = json.loads(winnow("runs", "--json").stdout)[-1]
    assert run["state"] == "interrupted"
    assert f"winnow resume {run['run_id']}" in rest
    done = winnow("resume", run["run_id"], "--json")
    assert done.returncode == 0, done.stderr
    assert "result += discount" in json.loads(done.stdout)["patch"]


def test_a_run_that_somebody_works_on_is_not_resumed(
    winnow: Winnow, slow_shop: Path, environments: Path, confined: str
) -> None:
    process = started(slow_shop, confined, environments)
    assert process.stderr is not None
    process.stderr.readline()
    done = winnow("resume", "last")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert (done.returncode, done.stdout) == (40, "")
    assert "another process" in done.stderr


def test_a_later_change_of_the_checkout_does_not_move_the_base(
    winnow: Winnow, slow_shop: Path, environments: Path, confined: str
) -> None:
    process = started(slow_shop, confined, environments)
    assert process.stderr is not None
    for line in process.stderr:
        if "running the tests" in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    prices = slow_shop / "shop/prices.py"
    prices.write_text(prices.read_text().replace("result -= discount", "result -= 2 * discount"))
    done = winnow("resume", "last", "--json")
    assert "-        result -= discount(price, percent)" in json.loads(done.stdout)["patch"]


def forget_delivery(user: Path) -> Path:
    """Puts the last run back to where it was before its delivery was written down; returns its folder."""
    run = max((user / ".local/state/winnow/runs").iterdir())
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps({**result, "delivered": {}}))
    return run


def test_a_branch_that_was_made_before_the_kill_is_known_again(winnow: Winnow, shop: Path, user: Path) -> None:
    first = json.loads(winnow("fix", "-C", shop, "-t", FAILING, "--branch", "repair", "--json").stdout)
    run = forget_delivery(user)
    again = winnow("resume", run.name, "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    assert json.loads(again.stdout)["delivered"] == first["delivered"]


def test_a_tree_that_was_changed_before_the_kill_is_known_again(
    winnow: Winnow, shop: Path, user: Path, environments: Path, confined: str, digest: Callable[[Path], str]
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_SAVING, shop, FAILING],
        env={**os.environ, "WINNOW_SANDBOX_KIND": confined, "WINNOW_RUN_CACHE_DIR": str(environments)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert "result += discount" in (shop / "shop/prices.py").read_text()
    run = max((user / ".local/state/winnow/runs").iterdir())
    assert json.loads((run / "result.json").read_text())["delivered"] == {}
    mark = json.loads((run / "apply.json").read_text())["mark"]
    (shop / "shop" / f".prices.py.{mark}.winnow").write_text("half of it")
    before = digest(shop / "tests")
    assert f"file {shop}/shop/.prices.py.{mark}.winnow" in winnow("clean").stdout
    assert not list(shop.rglob("*.winnow"))
    done = winnow("resume", run.name, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["delivered"] == {"applied": "shop/prices.py"}
    assert not (run / "apply.json").exists()
    assert digest(shop / "tests") == before


KILLED_BEFORE_SAVING = """
import os, signal, sys
import winnow

def hook(event, words):
    if event == "open" and str(words[0]).endswith(".result.json." + str(os.getpid())) and hook.applied:
        os.kill(os.getpid(), signal.SIGKILL)
    if event == "os.rename" and str(words[1]).endswith("shop/prices.py"):
        hook.applied = True

hook.applied = False
sys.addaudithook(hook)
winnow.fix(sys.argv[1], failing_tests=[sys.argv[2]], fix={"apply": True})
"""
"""Dies when it has changed the work tree and is about to say so."""


@pytest.mark.docker
@pytest.mark.slow
def test_a_killed_run_leaves_no_container(
    winnow: Winnow, slow_shop: Path, environments: Path, confined: str, docker_base: str
) -> None:
    docker = ["--sandbox", "docker", "--base-image", docker_base]
    winnow("fix", "-C", slow_shop, "-t", FAILING, *docker)  # makes the image
    process = started(slow_shop, confined, environments, *docker)
    assert process.stderr is not None
    for line in process.stderr:
        if "running the tests" in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    run = json.loads(winnow("runs", "--json").stdout)[-1]["run_id"]
    listed = ["docker", "ps", "-aq", "--filter", f"label=winnow.run={run}"]
    assert eventually_empty(lambda: subprocess.run(listed, capture_output=True, text=True, check=True).stdout) == ""
    assert winnow("resume", run, "--json").returncode == 0

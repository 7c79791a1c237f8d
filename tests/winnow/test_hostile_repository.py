"""A repository that tries to get out of its sandbox through its own tests and settings."""

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Winnow = Callable[..., subprocess.CompletedProcess[str]]

CONFTEST = '''
"""Tries everything that a conftest could, and reports through a test's outcome what worked."""
import os, pathlib, socket

ESCAPES = []

def attempt(name, action):
    try:
        action()
        ESCAPES.append(name)
    except Exception:
        pass

def read_secret():
    assert "canary" in pathlib.Path(HOME, "secret.txt").read_text()

def environment():
    assert any("canary" in value for value in os.environ.values())

def others():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if "canary" in pathlib.Path("/proc", pid, "environ").read_text(errors="replace"):
            return
    raise AssertionError

def connect():
    socket.create_connection(("127.0.0.1", PORT), timeout=2)

attempt("home", read_secret)
attempt("environment", environment)
attempt("processes", others)
attempt("network", connect)
attempt("original", lambda: pathlib.Path(HOME, "owned.txt").write_text("owned"))
attempt("system", lambda: pathlib.Path("/etc/winnow-owned").write_text("owned"))

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"ESCAPES {ESCAPES}")

import pytest

@pytest.fixture
def escapes():
    return ESCAPES
'''


def test_a_conftest_gets_nowhere(winnow: Winnow, shop: Path, user: Path) -> None:
    (user / "secret.txt").write_text("canary")
    server = socket.create_server(("127.0.0.1", 0))
    head = f"HOME = {str(user)!r}\nPORT = {server.getsockname()[1]}\n"
    (shop / "tests/conftest.py").write_text(head + CONFTEST)
    (shop / "tests/test_escape.py").write_text("def test_escape(escapes):\n    assert escapes == ['none of them']\n")
    done = winnow(
        "fix",
        "-C",
        shop,
        "-t",
        "tests/test_escape.py::test_escape",
        "--max-candidates",
        "20",
        "--json",
        env={"SECRET": "canary"},
    )
    result = json.loads(done.stdout)
    brief = json.loads((Path(result["run_dir"]) / "brief.json").read_text())
    message = brief["base_report"]["messages"]["tests/test_escape.py::test_escape"]
    assert "assert [] ==" in message, message
    assert not (user / "owned.txt").exists()
    assert not Path("/etc/winnow-owned").exists()
    server.setblocking(False)
    with server, pytest.raises(BlockingIOError):
        server.accept()  # nobody waits there
    everything = b"".join(
        path.read_bytes() for path in Path(result["run_dir"]).rglob("*") if path.is_file() and path.suffix != ".tar"
    )
    assert b"SECRET" not in everything


def test_its_settings_cannot_take_the_sandbox_away(winnow: Winnow, shop: Path) -> None:
    (shop / "winnow.toml").write_text('[sandbox]\nkind = "host"\n')
    done = winnow("fix", "-C", shop)
    assert done.returncode == 2
    assert "sandbox.kind cannot be set by a repository" in " ".join(done.stderr.split())

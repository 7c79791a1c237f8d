"""`winnow eval grade` from a repository and a dataset to official reports, with an image that is built on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from winnow.cli import app

pytestmark = [pytest.mark.docker, pytest.mark.slow]
BASE = os.environ.get("WINNOW_TEST_IMAGE", "winnow-test-base:bookworm")
PROJECT = {
    "pyproject.toml": "[build-system]\nrequires=['setuptools']\nbuild-backend='setuptools.build_meta'\n"
    "[project]\nname='half-thing'\nversion='1'\noptional-dependencies={test=['pytest']}\n[tool.setuptools]\npy-modules=['half_thing']\n",
    "half_thing.py": "def half(n):\n    return n // 3\n",
    "tests/test_half.py": "from half_thing import half\n\n\ndef test_zero():\n    assert half(0) == 0\n",
}
FIXED = {
    "half_thing.py": "def half(n):\n    return n // 2\n",
    "tests/test_half.py": PROJECT["tests/test_half.py"] + "\n\ndef test_four():\n    assert half(4) == 2\n",
}


ASKS = """import json
import ssl
import urllib.request


def asked(url, **more):
    return json.load(urllib.request.urlopen(url, timeout=20, **more))


def test_plain():
    assert asked("http://httpbin.org/get?a=b")["args"] == {"a": "b"}


def test_over_tls():
    trusted = ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")
    assert asked("https://httpbin.org/get?a=b", context=trusted)["args"] == {"a": "b"}
"""


def write_task(top: Path, repository: str = "some/half", version: str = "") -> tuple[Path, str]:
    """Make a mirror whose history goes on after the base, and a dataset of its one task; return it and the later commit."""
    work = top / "work"
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(work))

    def commit(files: dict[str, str]) -> str:
        for name, text in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    def diff(path: str) -> str:
        return subprocess.run([*git, "diff", base, fix, "--", path], check=True, capture_output=True, text=True).stdout

    subprocess.run(["git", "init", "-q", str(work)], check=True)
    base, fix = commit(PROJECT), commit(FIXED)
    subprocess.run(
        ["git", "clone", "-q", "--bare", str(work), str(top / f"mirrors/{repository.replace('/', '__')}.git")],
        check=True,
    )
    row = {
        "instance_id": f"{repository.replace('/', '__')}-1",
        "repo": repository,
        "version": version,
        "base_commit": base,
        "problem_statement": "half(4) is 1",
        "patch": diff("half_thing.py"),
        "test_patch": diff("tests"),
        "FAIL_TO_PASS": ["tests/test_half.py::test_four"],
        "PASS_TO_PASS": ["tests/test_half.py::test_zero"],
    }
    (top / "tasks.jsonl").write_text(json.dumps(row))
    return top / "tasks.jsonl", fix


def is_installing(top: Path) -> bool:
    """Whether the installation that hangs is under way; the engine's processes are this machine's."""
    shown = subprocess.run(["ps", "-ww", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    return f"echo {top} && sleep" in shown


def winnow(*words: str) -> tuple[int, Any]:
    done = CliRunner().invoke(app, ["eval", *words, "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, json.loads(done.stdout)


def test_from_a_repository_to_reports(docker_base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks, later = write_task(tmp_path)
    monkeypatch.setenv("WINNOW_RUN_CACHE_DIR", str(tmp_path / "cache"))
    where = ("--mirror", str(tmp_path / "mirrors"), "--repository-url", "", "--base-image", BASE, "--no-pull")
    code, (ready,) = winnow("images", "build", str(tasks), *where)
    assert code == 0, ready
    image = ready["place"]["image"]
    try:
        look = "git log --all --format=%H; git cat-file --batch-all-objects --batch-check; git status --short; cat /opt/winnow/notes"
        shown = subprocess.run(
            ["docker", "run", "--rm", "-w", "/testbed", image, "sh", "-c", look],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert shown.splitlines()[0] == json.loads(tasks.read_text())["base_commit"]
        assert later not in shown

        wrong = json.loads(tasks.read_text())["patch"].replace("n // 2", "n // 1")
        (tmp_path / "p.jsonl").write_text(
            json.dumps({"instance_id": "some__half-1", "model_name_or_path": "me", "model_patch": wrong})
        )
        grade = (
            "grade",
            str(tasks),
            "--gold",
            "--empty",
            "-p",
            str(tmp_path / "p.jsonl"),
            "--run-id",
            "r",
            *where,
            "-o",
            str(tmp_path / "out"),
        )
        code, said = winnow(*grade)
        assert code == 0
        assert {one["system"]: one["resolved"] for one in said["systems"]} == {"gold": 1, "empty": 0, "me": 0}, said
        assert [one["unresolved"] for one in said["systems"]] == [1, 0, 1] or {o["system"]: o["unresolved"] for o in said["systems"]} == {
            "gold": 0, "empty": 1, "me": 1,
        }  # fmt: skip
        summary = json.loads((tmp_path / "out/gold.r.json").read_text())
        assert (summary["resolved_ids"], summary["schema_version"]) == (["some__half-1"], 2)
        assert (tmp_path / "out/logs/run_evaluation/r/me/some__half-1/report.json").exists()

        code, again = winnow(*grade)
        assert [one["cached"] for one in again["systems"]] == [1, 1, 1]

        _, listed = winnow("images", "list")
        assert image in [one["name"] for one in listed]
    finally:
        _, removed = winnow("images", "clean", "some__half-1")
    assert removed["removed"] == [image]


def test_tests_that_ask_the_web_are_answered_inside(
    docker_base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROJECT, "tests/test_asks.py", ASKS)
    tasks, _ = write_task(tmp_path, "psf/requests", "2.3")
    row = json.loads(tasks.read_text())
    row["PASS_TO_PASS"] += ["tests/test_asks.py::test_plain", "tests/test_asks.py::test_over_tls"]
    # A touched file is run; this one only gets a line more.
    lines = ASKS.count("\n")
    row["test_patch"] += (
        "diff --git a/tests/test_asks.py b/tests/test_asks.py\n--- a/tests/test_asks.py\n+++ b/tests/test_asks.py\n"
        f"@@ -{lines} +{lines},2 @@\n {ASKS.splitlines()[-1]}\n+# asked\n"
    )
    tasks.write_text(json.dumps(row))
    monkeypatch.setenv("WINNOW_RUN_CACHE_DIR", str(tmp_path / "cache"))
    where = ("--mirror", str(tmp_path / "mirrors"), "--repository-url", "", "--base-image", BASE, "--no-pull")
    try:
        code, said = winnow("grade", str(tasks), "--gold", "--run-id", "r", *where, "-o", str(tmp_path / "out"))
        logs = [path.read_text() for path in tmp_path.glob("out/**/test_output.txt")]
        assert (code, said["systems"][0]["resolved"]) == (0, 1), logs
    finally:
        winnow("images", "clean", "psf__requests-1")


@pytest.mark.parametrize(
    ("command", "number"), [(("images", "build"), signal.SIGINT), (("grade", "--gold"), signal.SIGTERM)]
)
def test_a_build_is_left_when_the_user_says_stop(
    docker_base: str, tmp_path: Path, command: tuple[str, ...], number: signal.Signals
) -> None:
    tasks, _ = write_task(tmp_path)
    row = json.loads(tasks.read_text())
    # Not what another test built: what is asked for names the images.
    row["install_config"] = {"install": f"echo {tmp_path} && sleep 300 && pip install .", "test_cmd": "pytest -rA"}
    tasks.write_text(json.dumps(row))
    first, *more = command
    words = [str(Path(sys.executable).with_name("winnow")), "eval", first, *more, str(tasks)]
    words += [] if first == "grade" else ["-v"]
    words += ["--mirror", str(tmp_path / "mirrors"), "--repository-url", "", "--base-image", BASE, "--no-pull"]
    (tmp_path / "tmp").mkdir()
    env = {**os.environ, "WINNOW_RUN_CACHE_DIR": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(words, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            seen = b""
            while b"Building winnow/task-environment" not in seen:
                line = process.stderr.readline()
                assert line, seen
                seen += line
            while not is_installing(tmp_path):
                time.sleep(0.2)
            process.send_signal(number)
            began = time.monotonic()
            assert process.wait(timeout=30) == 130
            assert time.monotonic() - began < 15
        finally:
            process.kill()
    assert not list((tmp_path / "tmp").iterdir())
    deadline = time.monotonic() + 20  # the engine ends the step when it notices
    while is_installing(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_nothing_to_grade_is_bad_usage(tmp_path: Path) -> None:
    code, said = winnow("grade", str(tmp_path / "absent.jsonl"))
    assert (code, said["error"]["message"]) == (2, "There is nothing to grade.")
    code, said = winnow("grade", str(tmp_path / "absent.jsonl"), "--gold")
    assert (code, said["error"]["kind"]) == (26, "DatasetUnusable")

"""One clear sentence, what to do about it, a code of its own, and nothing lost."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]
Winnow = Callable[..., subprocess.CompletedProcess[str]]


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Exactly one sentence and perhaps a hint on standard error, nothing else, no traceback."""
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in " ".join(done.stderr.split()), done.stderr


def test_no_repository(winnow: Winnow, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    refused(winnow("fix", "-C", tmp_path / "plain"), 20, "not", "git repository")
    refused(winnow("fix", "-C", tmp_path / "absent"), 20, "absent")


def test_a_bare_repository(winnow: Winnow, tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    refused(winnow("fix", "-C", tmp_path / "bare.git"), 20, "bare")


@pytest.mark.parametrize("issue", ["", "   \n", "missing.md", "#7"])
def test_an_issue_that_cannot_be_used(winnow: Winnow, shop: Path, issue: str) -> None:
    refused(winnow("fix", "-C", shop, "--issue", issue), 21)


def test_an_empty_standard_input(winnow: Winnow, shop: Path) -> None:
    refused(winnow("fix", "-C", shop, "--issue", "-", input=""), 21, "empty")


def test_an_unknown_test_names_the_nearest(winnow: Winnow, shop: Path) -> None:
    done = winnow("fix", "-C", shop, "-t", "tests/test_prices.py::test_totl")
    refused(done, 22, "test_totl", "Did you mean tests/test_prices.py::test_total")


def test_a_test_that_passes(winnow: Winnow, shop: Path) -> None:
    refused(winnow("fix", "-C", shop, "-t", "tests/test_prices.py::test_cheapest"), 22, "does not fail")


def test_a_suite_that_cannot_start(winnow: Winnow, shop: Path) -> None:
    done = winnow("fix", "-C", shop, "--test-command", "no-such-runner --now")
    refused(done, 22, "no-such-runner")


@pytest.mark.parametrize(
    "argv",
    [["--trajectories", "0"], ["--sandbox", "moon"], ["--memory-mb", "1"], ["--config", "absent.toml"], ["--nonsense"]],
)
def test_bad_usage(winnow: Winnow, shop: Path, argv: list[str]) -> None:
    done = winnow("fix", "-C", shop, *argv)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_unknown_run(winnow: Winnow) -> None:
    refused(winnow("resume", "nope"), 40, "no run")
    refused(winnow("show", "last"), 40, "no run")


def test_errors_are_json_where_json_was_asked_for(winnow: Winnow, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    done = winnow("fix", "-C", tmp_path / "plain", "--json")
    value = json.loads(done.stdout)
    assert (done.returncode, value["exit_code"], value["status"]) == (20, 20, "error")
    assert value["error"]["kind"] == "RepositoryUnusable"
    assert value["error"]["hint"]


def test_a_state_folder_that_cannot_be_written(winnow: Winnow, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(winnow("fix", "-C", shop, "--state-dir", tmp_path / "file"), 33, "cannot be written")


@pytest.mark.docker
def test_an_image_that_does_not_exist(winnow: Winnow, shop: Path, docker_base: str) -> None:
    del docker_base
    refused(
        winnow("fix", "-C", shop, "--sandbox", "docker", "--image", "winnow-test-no-such-image:1"),
        31,
        "winnow-test-no-such-image:1",
    )


def test_no_daemon(winnow: Winnow, shop: Path) -> None:
    done = winnow("fix", "-C", shop, "--sandbox", "docker", env={"DOCKER_HOST": "unix:///nonexistent/docker.sock"})
    refused(done, 30, "Docker")

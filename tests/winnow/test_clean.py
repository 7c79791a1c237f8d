"""What `winnow clean` removes of what the user or the engine keeps, and what it leaves."""

import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.engine.images import DockerImages
from winnow.clean import clear_images

Winnow = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.docker
def test_images_of_ours_are_named_as_they_go_and_as_they_stay(docker_base: str, tmp_path: Path) -> None:
    """By a label of this test: the engine is shared."""
    label, images = f"winnow.test.{uuid.uuid4().hex}", DockerImages()
    (tmp_path / "Dockerfile").write_text(f"FROM {docker_base}\nLABEL {label}=1\n")
    for name in ("winnow/test-unused", "winnow/test-used"):
        (tmp_path / "name").write_text(name)
        (tmp_path / "Dockerfile").write_text(f"FROM {docker_base}\nLABEL {label}=1\nRUN echo {name} > /name\n")
        subprocess.run(["docker", "build", "-q", "-t", name, tmp_path], check=True, capture_output=True)
    used = ["docker", "create", "winnow/test-used", "true"]
    container = subprocess.run(used, check=True, capture_output=True, text=True).stdout.strip()
    try:
        assert clear_images(None, label) == [
            "image winnow/test-unused:latest",
            "image winnow/test-used:latest stays: a container uses it",
        ]
    finally:
        subprocess.run(["docker", "rm", container], check=True, capture_output=True)
        clear_images(None, label)
    assert images.list(label) == ()


def test_environments_go_and_a_daemon_that_does_not_answer_is_said(winnow: Winnow, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for name in ("environments", "grades/ab", "selections", "scratch/running"):
        (cache / name).mkdir(parents=True)
    (cache / "interpreters.json").write_text("{}")
    absent = {"WINNOW_RUN_CACHE_DIR": str(cache), "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    done = winnow("clean", "--environments", env=absent)
    assert done.returncode == 0, done.stderr
    # What was paid for stays, and what another process is working on.
    assert sorted(path.name for path in cache.iterdir()) == ["grades", "scratch", "selections"]
    assert f"environments in {cache}" in done.stdout
    assert "Docker images stay" in done.stdout
    done = winnow("clean", "--results", env=absent)
    assert (done.returncode, [path.name for path in cache.iterdir()]) == (0, ["scratch"])
    assert f"results in {cache}" in done.stdout

"""The image of Winnow itself: built by the engine's own builder, run by ordinary users."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.engine.images import DockerImages

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

PRICES = "def total(prices):\n    result = 0\n    for price in prices:\n        result -= price\n    return result\n"
TESTS = (
    "import unittest\nfrom prices import total\n\n\nclass Prices(unittest.TestCase):\n"
    "    def test_total(self):\n        self.assertEqual(total([1, 2, 3]), 6)\n"
)


@pytest.fixture(scope="module")
def image(needed: Callable[[str], None], image_name: str) -> Iterator[str]:
    """Built on the tests' base image: the official one comes from a registry."""
    if os.environ.get("WINNOW_TEST_REQUIRE_DOCKER") != "1":
        pytest.skip("not run: building Winnow's own image takes a minute; set WINNOW_TEST_REQUIRE_DOCKER=1")
    needed("docker")
    base = image_name
    name = f"winnow-test-self:{uuid.uuid4().hex[:8]}"
    mirror = [
        f"--build-arg={key}" for key in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL") if "://" in os.environ.get(key, "")
    ]
    build = ["docker", "build", "-q", "--build-arg", f"PYTHON_IMAGE={base}", *mirror, str(ROOT)]
    # The first stage has a name too, so that it can be removed.
    names = {f"{name}-stage": ["--target", "build"], name: []}
    try:
        for tag, more in names.items():
            done = subprocess.run(
                [*build, *more, "-t", tag],
                env={**os.environ, "DOCKER_BUILDKIT": "0"},
                check=False,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout + done.stderr
        yield name
    finally:
        for tag in names:
            DockerImages().remove(tag)


def run(image: str, *words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "run", "--rm", *options, image, *words], check=False, capture_output=True, text=True
    )


def test_it_runs_as_nobody_in_particular(image: str) -> None:
    assert run(image, "--version").stdout.strip() == "0.1.0"
    assert run(image, "-c", "id -u", options=("--entrypoint", "sh")).stdout.strip() == "10001"
    doctor = json.loads(run(image, "doctor", "--json").stdout)
    assert not next(entry for entry in doctor["sandboxes"] if entry["kind"] == "docker")["available"]


def test_it_repairs_through_the_engine_of_its_host(image: str, image_name: str, tmp_path: Path) -> None:
    """As the Dockerfile says: as the repository's owner, whoever that is."""
    socket = Path("/var/run/docker.sock")
    if not socket.exists():
        pytest.skip("not run: the engine has another socket")
    repository = tmp_path / "shop"
    repository.mkdir()
    (repository / "prices.py").write_text(PRICES)
    (repository / "test_prices.py").write_text(TESTS)
    subprocess.run(["git", "init", "-q", repository], check=True)
    if os.geteuid() == 0:
        for path in (repository, *repository.rglob("*")):
            shutil.chown(path, 4321, 4321)
    owner = repository.stat()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    options = (
        f"--user={owner.st_uid}:{owner.st_gid}",
        f"--volume={repository}:/repo:ro",
        f"--volume={socket}:{socket}",
        f"--group-add={socket.stat().st_gid}",
    )
    fix = ["fix", "--image", image_name, "--test-command", "python3 -m unittest", "--json"]
    done = run(image, *fix, options=options)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert (result["sandbox"], result["files"]) == ("docker", ["prices.py"])
    assert "result += price" in result["patch"]

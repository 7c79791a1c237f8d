"""What machines the tests find here. A kind that is missing is skipped with its reason, or is a failure where it is required."""

import os
import subprocess
from collections.abc import Callable
from functools import cache

import pytest

from sandbox.choose import check_all

IMAGE = os.environ.get("WINNOW_TEST_IMAGE", "winnow-test-base:bookworm")
"""Made by `scripts/base-image`, from Debian packages alone."""
REQUIRED = os.environ.get("WINNOW_TEST_REQUIRE_DOCKER") == "1"


@cache
def missing(kind: str) -> str:
    """Why machines of a kind cannot be had here; empty when they can."""
    found = next(entry for entry in check_all() if entry.kind == kind)
    if not found.available:
        return f"{found.detail}. {found.hint}"
    if (
        kind == "docker"
        and subprocess.run(["docker", "image", "inspect", IMAGE], check=False, capture_output=True).returncode
    ):
        return f"there is no image {IMAGE}: run scripts/base-image {IMAGE}"
    return ""


RAW = {
    "bubblewrap": ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"],
    "unshare": ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "true"],
}


@cache
def works_by_itself(kind: str) -> bool:
    """Whether the bare tool works, so that a skip cannot hide a machine that we broke."""
    try:
        return kind in RAW and subprocess.run(RAW[kind], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def need(kind: str) -> None:
    """Skip, or fail, when a kind is missing."""
    reason = missing(kind)
    if reason and works_by_itself(kind):
        pytest.fail(f"{kind} works by itself, but not here: {reason}")
    if reason and kind == "docker" and REQUIRED:
        pytest.fail(f"Docker is required: {reason}")
    if reason:
        pytest.skip(f"{kind}: {reason}")


@pytest.fixture(scope="session")
def needed() -> Callable[[str], None]:
    """`needed(kind)` skips, or fails, when a kind of machine is missing."""
    return need


@pytest.fixture(scope="session")
def image_name() -> str:
    """Name of a Docker image with Python, pip and git; whether it is there is `needed("docker")`'s to say."""
    return IMAGE


@pytest.fixture
def docker_base(needed: Callable[[str], None], image_name: str) -> str:
    """That image, where there is an engine."""
    needed("docker")
    return image_name


@pytest.fixture(scope="session")
def confined() -> str:
    """The first kind of confined machine that works here."""
    kinds = ("bubblewrap", "unshare")
    for kind in kinds:
        if not missing(kind):
            return kind
    pytest.skip("; ".join(f"{kind}: {missing(kind)}" for kind in kinds))

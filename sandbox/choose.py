"""Which machine, when the user did not say: the strongest wall that can be had."""

import os
from typing import Literal

from sandbox.bubblewrap import BubblewrapProvider
from sandbox.engine.places import usual_url
from sandbox.errors import SandboxUnavailable
from sandbox.host import HostProvider
from sandbox.port import SandboxProvider
from sandbox.unshare import UnshareProvider
from sandbox.values import Availability

Kind = Literal["docker", "bubblewrap", "unshare", "host"]

AUTOMATIC: tuple[Kind, ...] = ("docker", "bubblewrap", "unshare")
"""Strongest first. `host` has no walls and is never chosen unnamed."""

NO_DOCKER = Availability(
    kind="docker",
    available=False,
    detail="there is no Docker socket",
    hint="Install Docker Engine, or start it with 'sudo systemctl start docker'.",
)


def choose(
    kind: Kind | None = None,
    *,
    docker_url: str | None = None,
    docker_user: str = "1000:1000",
    host_path: str = os.defpath,
) -> SandboxProvider:
    """Return the provider of a kind, or of the first kind that can be had.

    Args:
        kind: None to choose; a named one is not checked here, since opening says what is wrong.
        docker_url: the daemon; None for the usual one.
        docker_user: "uid:gid" of commands in containers.
        host_path: PATH of commands of the host kind.

    Raises:
        SandboxUnavailable: `kind` is None and none can be had; the message has every reason.
    """
    if kind:
        return _provider(kind, docker_url, docker_user, host_path)
    reasons = []
    for candidate in AUTOMATIC:
        found = _check(candidate, docker_url)
        if found.available:
            return _provider(candidate, docker_url, docker_user, host_path)
        reasons.append(f"{found.kind}: {found.detail}. {found.hint}")
    raise SandboxUnavailable(
        "no sandbox can be had here. " + " ".join(reasons),
        hint="As a last resort '--sandbox host' runs commands with your own rights, without any isolation.",
    )


def check_all(*, docker_url: str | None = None) -> list[Availability]:
    """Say of every kind whether it can be had here; for `winnow doctor`."""
    return [_check(kind, docker_url) for kind in (*AUTOMATIC, "host")]


def _check(kind: Kind, docker_url: str | None) -> Availability:
    if kind == "docker" and not (docker_url or usual_url()):
        return NO_DOCKER
    return _provider(kind, docker_url, "1000:1000", os.defpath).check()


def _provider(kind: Kind, docker_url: str | None, docker_user: str, host_path: str) -> SandboxProvider:
    if kind == "docker":
        from sandbox.engine.machine import DockerProvider  # noqa: PLC0415  (a quarter second, only when it is wanted)

        return DockerProvider(url=docker_url, user=docker_user)
    if kind == "host":
        return HostProvider(path=host_path)
    return BubblewrapProvider() if kind == "bubblewrap" else UnshareProvider()

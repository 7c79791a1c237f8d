"""Machines that are Docker containers.

The supervisor is the container's main process. We attach to its input and output before it starts, and the daemon closes
that input when our connection goes away (StdinOnce): when Winnow dies, however it dies, the container ends and removes
itself.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound

from sandbox.engine.client import connected, knock
from sandbox.engine.failure import translate, translated
from sandbox.engine.hardening import command, host_options, labels, variables
from sandbox.engine.images import DockerImages, ensure
from sandbox.errors import ImageUnavailable, SandboxError, SandboxLost, SandboxUnavailable
from sandbox.port import Sandbox
from sandbox.session import Session
from sandbox.values import Availability, SandboxSpec
from sandbox.wire import MuxWire, SocketWire

HELLO = 30.0
"""Seconds that a started container may take until its supervisor speaks."""


class DockerProvider:
    """Opens containers.

    Args:
        url: the daemon; None for the usual one (see `connected`).
        user: "uid:gid" of commands, numbers that are not root's.
        pull: get images from a registry when they are not here.
    """

    kind = "docker"

    def __init__(self, *, url: str | None = None, user: str = "1000:1000", pull: bool = True) -> None:
        self._url, self._pull = url, pull
        uid, _, gid = user.partition(":")
        if not uid.isdigit() or not gid.isdigit() or int(uid) == 0:
            raise ValueError(f"user must be 'uid:gid' in numbers, and not root: {user!r}")
        self._user = int(uid), int(gid)

    @property
    def images(self) -> DockerImages:
        """The images of the same daemon."""
        return DockerImages(url=self._url)

    def check(self) -> Availability:
        """See `SandboxProvider.check`."""
        try:
            with connected(self._url, timeout=4) as api, translated("ask the Docker daemon", "opening"):
                version = api.version()
        except SandboxError as error:
            return Availability(kind=self.kind, available=False, detail=str(error), hint=error.hint)
        detail = f"Docker Engine {version['Version']}, API {api.api_version}"
        if version["Os"] != "linux":
            return Availability(kind=self.kind, available=False, detail=f"{detail} runs no Linux containers")
        return Availability(kind=self.kind, available=True, detail=detail)

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """See `SandboxProvider.open`."""
        if spec.readonly or spec.writable:
            raise ValueError("containers show no paths of the host: leave out `readonly` and `writable`")
        return self._open(spec)

    @contextmanager
    def _open(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        with connected(self._url) as api:
            if not spec.image:
                raise ImageUnavailable("no image was named", hint="Name one with --image.")
            image = ensure(api, spec.image, pull=self._pull)
            container = self._create(api, spec, image)
            try:
                with translated("attach to a container", "opening"):
                    wire = _attach(api, container)
                session = Session(container[:12], spec.workdir, wire, partial(self._autopsy, api, container, wire))
                try:
                    with translated("start a container", "opening"):
                        api.start(container)
                    _greet(session, wire, spec.image)
                    yield session
                finally:
                    session.end()
            finally:
                self._remove(api, container)

    def _create(self, api: docker.APIClient, spec: SandboxSpec, image: dict[str, Any]) -> str:
        volumes = image["Config"].get("Volumes") or {}
        with translated("create a container", "opening"):
            created = api.create_container(
                image["Id"],
                entrypoint=[],
                command=command(spec),
                environment=variables(spec),
                labels=labels(spec),
                user=":".join(map(str, self._user)),
                working_dir="/",
                hostname="sandbox",
                stdin_open=True,
                stop_signal="SIGKILL",  # PID 1 ignores the usual one, and a daemon that shuts down would wait ten seconds
                healthcheck={"test": ["NONE"]},
                use_config_proxy=False,  # a proxy's address may hold a password
                host_config=api.create_host_config(**host_options(spec, self._user, volumes)),
            )
        container: str = created["Id"]
        return container

    def _autopsy(self, api: docker.APIClient, container: str, wire: MuxWire) -> str:
        """Say what the daemon knows of the container's end."""
        printed = wire.errors.decode("utf-8", "replace").strip()
        try:
            knock(self._url)
            state = api.inspect_container(container)["State"]
        except NotFound:
            return "; ".join(filter(None, ("the container is gone", printed)))
        except OSError:
            return "the Docker daemon no longer answers"
        except DockerException as error:
            return str(translate(error, "look at the container", "running"))
        reason = (
            "out of memory" if state["OOMKilled"] else f"container {state['Status']}, exit code {state['ExitCode']}"
        )
        return "; ".join(filter(None, (reason, printed)))

    def _remove(self, api: docker.APIClient, container: str) -> None:
        """Kill and remove in one call. A container that is being removed already is waited for; a dead daemon is not."""
        with suppress(DockerException, OSError):
            knock(self._url)
            try:
                api.remove_container(container, force=True, v=True)
            except APIError as error:
                if error.response is None or error.response.status_code != 409:
                    raise
                _until_gone(api, container)


def _attach(api: docker.APIClient, container: str) -> MuxWire:
    stream = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    connection: socket.socket = getattr(stream, "_sock", stream)
    return MuxWire(SocketWire(connection, stream))


def _greet(session: Session, wire: MuxWire, image: str) -> None:
    try:
        session.greet(HELLO)
    except SandboxLost as error:
        printed = wire.errors.decode("utf-8", "replace").strip().splitlines()
        if not printed:
            raise SandboxUnavailable(f"no container came up: {error}") from error
        raise ImageUnavailable(
            f"{image} cannot run the supervisor: {printed[-1]}",
            hint="The image needs /bin/sh and Python 3.6 or later as python3.",
        ) from error


def _until_gone(api: docker.APIClient, container: str, patience: float = 10.0) -> None:
    end = time.monotonic() + patience
    with suppress(NotFound):
        while time.monotonic() < end:
            api.inspect_container(container)
            time.sleep(0.02)

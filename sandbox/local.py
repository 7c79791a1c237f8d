"""What the machines without Docker have in common: a supervisor as our child, spoken to through pipes."""

import errno
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from sandbox.bundle import SUPERVISOR, program
from sandbox.errors import DiskFull, SandboxLost, SandboxUnavailable
from sandbox.session import Session
from sandbox.values import SandboxSpec
from sandbox.wire import FdWire

HELLO = 20.0
"""Seconds that a machine may take to come up."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(spec: SandboxSpec, *, home: str, tmp: str, path: str = PATH) -> dict[str, str]:
    """Return the whole environment of a machine's commands."""
    base = {
        "PATH": path,
        "HOME": home,
        "USER": "sandbox",
        "LOGNAME": "sandbox",
        "LANG": "C.UTF-8",
        "TMPDIR": tmp,
        "TERM": "dumb",
    }
    return {**base, **spec.env}


def configuration(spec: SandboxSpec, **more: object) -> dict[str, object]:
    """Return the supervisor's configuration with nothing but the lifetime set; see `sandbox.inside.supervisor`."""
    base = {
        "workdir": spec.workdir,
        "init": True,
        "memory": 0,
        "lifetime": spec.lifetime_s,
        "rlimits": {},
        "cores": [],
        "become": None,
        "remove": None,
    }
    return {**base, **more}


def without_image(kind: str, spec: SandboxSpec) -> None:
    """Raise `SandboxUnavailable` when something is wanted that needs an image or Docker, and would be ignored silently otherwise."""
    if spec.hosts:
        raise SandboxUnavailable(
            f"{kind} machines cannot stand for {', '.join(spec.hosts)}", hint="Start a Docker Engine."
        )
    if spec.image or spec.keep:
        raise SandboxUnavailable(
            f"{kind} machines have no images, but {spec.image!r} was named",
            hint="Start a Docker Engine, or leave the image out.",
        )


def some_cores(count: float) -> list[int]:
    """Return CPU numbers to pin a machine to, chosen at random so that machines spread out; empty where that is unknown."""
    if sys.platform != "linux":
        return []
    allowed = sorted(os.sched_getaffinity(0))
    wanted = max(1, round(count))
    return random.sample(allowed, wanted) if wanted < len(allowed) else []


def supervisor(interpreter: Sequence[str], config: Mapping[str, object]) -> list[str]:
    """Return the command line that runs the supervisor."""
    return [*interpreter, "-I", "-S", "-c", *program(*SUPERVISOR), json.dumps(config)]


@contextmanager
def room_on_disk() -> Iterator[None]:
    """Raise `DiskFull` when the body finds no room for a temporary file."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"no room left in {tempfile.gettempdir()}", hint="Free space there, or name another folder with TMPDIR."
        ) from error


@contextmanager
def running(
    kind: str,
    argv: Sequence[str],
    *,
    workdir: str,
    env: Mapping[str, str],
    explain: Callable[[str], SandboxUnavailable],
) -> Iterator[Session]:
    """Start a supervisor, hand out its session, and end it with everything that it started.

    Args:
        kind: for the name of the machine.
        argv: ends in a supervisor that speaks on the standard streams.
        workdir: absolute path of the work tree inside.
        env: whole environment of the process.
        explain: turns what was printed on standard error into the reason why no machine came up.
    """
    with ExitStack() as stack:
        with room_on_disk():
            errors = stack.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(env),
            cwd="/",
            bufsize=0,
            start_new_session=True,  # Ctrl-C on our terminal is ours to handle
        )
        assert process.stdin
        assert process.stdout

        def autopsy() -> str:
            code = _ended(process, patience=2.0)
            return f"exit code {code}: {_tail(errors.fileno())}" if code is not None else "it hangs"

        def hang_up() -> None:
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()

        wire = FdWire(process.stdout.fileno(), process.stdin.fileno(), hang_up)
        session = Session(f"{kind}-{process.pid}-{os.urandom(4).hex()}", workdir, wire, autopsy)
        try:
            try:
                session.greet(HELLO)
            except SandboxLost as error:
                _ended(process, patience=2.0)
                raise explain(_tail(errors.fileno()) or str(error)) from error
            yield session
        finally:
            session.end()
            _finish(process)


def _finish(process: "subprocess.Popen[bytes]") -> None:
    """The closed line ends the supervisor; help only when it hangs."""
    if _ended(process, patience=15.0) is None:
        process.kill()
    process.wait()


def _ended(process: "subprocess.Popen[bytes]", patience: float) -> int | None:
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        return None


def _tail(fd: int) -> str:
    size = os.fstat(fd).st_size
    return os.pread(fd, 2000, max(0, size - 2000)).decode("utf-8", "replace").strip()

"""What bubblewrap and unshare have in common: a supervisor that is PID 1 in namespaces of its own on this machine.

Cgroups need a right that ordinary users lack, so limits are: processes by RLIMIT_NPROC (which counts per user namespace
since Linux 5.14), memory by the supervisor's look every 50 ms, disk by the size of each tmpfs, cores by pinning.
"""

import platform
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from sandbox.errors import SandboxUnavailable
from sandbox.local import configuration, environment, running, some_cores
from sandbox.port import Sandbox
from sandbox.values import Availability, SandboxSpec
from sandbox.view import HOME, OUTER_UID, UID, as_root

OLDEST_KERNEL = (5, 14)


def confinement(spec: SandboxSpec) -> dict[str, object]:
    """Return the supervisor's configuration."""
    owned = [spec.workdir, *spec.writable]
    return configuration(
        spec,
        memory=spec.memory_mb << 20,
        rlimits={"NPROC": spec.pids + 1},  # the supervisor itself counts
        cores=some_cores(spec.cpus),
        become={"outer": OUTER_UID, "uid": UID, "folders": owned} if as_root() else None,
    )


@contextmanager
def confined(kind: str, argv: list[str], spec: SandboxSpec, *, package: str) -> Iterator[Sandbox]:
    """Run a command line that ends in the supervisor; see `sandbox.local.running`."""
    env = environment(spec, home=HOME, tmp="/tmp")  # noqa: S108  (inside)
    explain = partial(refusal, kind, package)
    with running(kind, argv, workdir=spec.workdir, env=env, explain=explain) as sandbox:
        yield sandbox


def possible() -> None:
    """Raise `SandboxUnavailable` where no confined machine can exist."""
    if sys.platform != "linux":
        raise SandboxUnavailable("only Linux has namespaces", hint="Start a Docker Engine.")
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if release < OLDEST_KERNEL:
        raise SandboxUnavailable(f"Linux {platform.release()} is older than 5.14", hint="Start a Docker Engine.")


def refusal(kind: str, package: str, printed: str) -> SandboxUnavailable:
    """Turn what a failed start printed into a reason and something to do."""
    last = printed.splitlines()[-1] if printed else "it ended without a word"
    hint = f"Is the package {package} complete? Otherwise start a Docker Engine."
    if any(sign in printed for sign in ("Permission denied", "Operation not permitted", "uid_map", "No space left")):
        hint = (
            "The kernel forbids user namespaces to ordinary users. Ubuntu: install the AppArmor profile "
            "bwrap-userns-restrict (package apparmor-profiles) or, as root, "
            "'sysctl kernel.apparmor_restrict_unprivileged_userns=0'; elsewhere 'sysctl kernel.unprivileged_userns_clone=1' "
            "and 'sysctl user.max_user_namespaces=10000'. In a container: use the Docker Engine of its host."
        )
    return SandboxUnavailable(f"{kind}: {last}", hint=hint)


def probe(kind: str, opened: AbstractContextManager[Sandbox], detail: str) -> Availability:
    """Open a machine, run `true` in it, and say how it went."""
    begin = time.monotonic()
    try:
        with opened as sandbox:
            result = sandbox.exec(["true"], timeout=4.0)
    except SandboxUnavailable as error:
        return Availability(kind=kind, available=False, detail=str(error), hint=error.hint)
    if not result.ok:
        return Availability(kind=kind, available=False, detail=f"`true` gave {result.exit_code}: {result.err}")
    return Availability(
        kind=kind, available=True, detail=f"{detail}, {time.monotonic() - begin:.2f} s to open and close"
    )

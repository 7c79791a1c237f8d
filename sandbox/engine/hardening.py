"""What a container may do, as Docker's options. Pure: nothing here talks to a daemon."""

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

from docker.types import Ulimit

from sandbox.bundle import SUPERVISOR, program
from sandbox.engine.labels import EXPIRES, OWNER, RUN
from sandbox.local import configuration, environment
from sandbox.owner import me
from sandbox.values import SandboxSpec

GRACE_S = 120
"""Seconds that a container may outlive its lifetime before it counts as litter."""
SHM_MB = 64
SLACK_MB = 64
"""For the supervisor and the kernel's own structures."""
HOME = "/tmp/home"  # noqa: S108  (inside; a private tmpfs)

FIND_PYTHON = """\
for python in python3 /usr/bin/python3 /usr/local/bin/python3 python; do
  path=$(command -v "$python") && exec "$path" -I -S -c "$@"
done
echo "there is no python3" >&2; exit 97"""


def command(spec: SandboxSpec) -> list[str]:
    """Return the main process of the container: the supervisor, run by the image's own Python."""
    rlimits = {
        "NOFILE": 65536,
        **({"FSIZE": spec.disk_mb << 20} if spec.keep else {}),
    }  # some engines set a billion files
    config = configuration(spec, memory=spec.memory_mb << 20, rlimits=rlimits)
    return ["/bin/sh", "-c", FIND_PYTHON, "sh", *program(*SUPERVISOR), json.dumps(config)]


def variables(spec: SandboxSpec) -> dict[str, str]:
    """Return variables over those of the image; its PATH is kept."""
    ours = environment(spec, home=HOME, tmp="/tmp")  # noqa: S108  (inside)
    return {name: value for name, value in ours.items() if name != "PATH" or "PATH" in spec.env}


def labels(spec: SandboxSpec) -> dict[str, str]:
    """Return what tells a later sweep whose container this is."""
    expires = int(time.time() + spec.lifetime_s + GRACE_S)
    return {RUN: spec.run_id, OWNER: me().model_dump_json(), EXPIRES: str(expires)}


def host_options(spec: SandboxSpec, user: Sequence[int], volumes: Iterable[str]) -> dict[str, Any]:
    """Return the limits and walls of a container, as arguments of `create_host_config`.

    The kernel counts files in a tmpfs as memory. So the container's hard limit is memory and disk together, and the
    supervisor watches the resident memory of the processes alone.

    Args:
        spec: what was asked for.
        user: user and group number of commands.
        volumes: paths that the image declares as volumes, which would otherwise be writable without limit.
    """
    uid, gid = user
    private = f"rw,exec,nosuid,nodev,size={spec.disk_mb}m,uid={uid},gid={gid}"
    memory = f"{spec.memory_mb + 2 * spec.disk_mb + SHM_MB + SLACK_MB}m"
    return {
        "auto_remove": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        # A kept tree lies on the container's own layer; the rest of that belongs to root, and commands are not root.
        "read_only": not spec.keep,
        "tmpfs": {
            **{path: private for path in volumes if not spec.keep or path != spec.workdir},
            "/tmp": f"{private},mode=1777",  # noqa: S108  (inside)
            **({} if spec.keep else {spec.workdir: f"{private},mode=0755"}),
        },
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(spec.cpus * 1e9),
        "pids_limit": spec.pids + 1,  # the supervisor itself counts
        "network_mode": "bridge" if spec.network else "none",
        "extra_hosts": dict.fromkeys(spec.hosts, "127.0.0.1"),
        "ipc_mode": "private",
        "shm_size": f"{SHM_MB}m",
        "ulimits": [Ulimit(name="core", soft=0, hard=0)],
        "log_config": {"Type": "none", "Config": {}},
        "restart_policy": {"Name": "no"},
    }

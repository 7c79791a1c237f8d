"""Values that cross the sandbox boundary."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """Immutable and closed; the base of every value in the house."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class SandboxSpec(Value):
    """What machine to open. Every limit is a hard one."""

    image: str | None = None
    """Docker image reference. None on machines that have no images (confined local, host)."""
    workdir: str = "/work"
    """Absolute path of the work tree inside; empty and writable when the sandbox opens."""
    keep: bool = False
    """The work tree is what the image has at `workdir`, copied when it is written to, instead of an empty one: no copying in. Files there
    must be writable for the sandbox's user. Docker only; its engine has no limit for such a tree, and `disk_mb` bounds each file."""
    env: Mapping[str, str] = Field(default_factory=dict)
    """Variables of every command, over PATH, HOME, USER, LOGNAME, LANG, TMPDIR and TERM=dumb. The caller's environment never enters."""
    network: bool = False
    """False: no interface but loopback."""
    hosts: tuple[str, ...] = ()
    """Names of hosts that mean the sandbox itself: for servers that tests expect elsewhere. Docker only."""
    cpus: float = Field(default=1.0, gt=0)
    """CPU share, in cores. Enforced by Docker; the confined local sandbox only pins to that many cores."""
    memory_mb: int = Field(default=2048, ge=64)
    """Resident memory of all processes together, in MiB."""
    disk_mb: int = Field(default=2048, ge=16)
    """What may be written to the work tree, and again to /tmp and the home folder together, in MiB."""
    pids: int = Field(default=256, ge=8)
    """Processes and threads at any moment."""
    lifetime_s: float = Field(default=4 * 3600.0, gt=0)
    """The sandbox ends itself after this many seconds, whatever its owner does."""
    readonly: tuple[str, ...] = ()
    """Host paths under a hidden folder (the caller's home, /tmp) that stay visible, read-only, at the same path. Local machines only."""
    writable: tuple[str, ...] = ()
    """Host paths that are visible and writable at the same path: for building an environment. Local machines only."""
    run_id: str = ""
    """Who asked, for labels and for `winnow clean`; empty when no run did."""


class ExecResult(Value):
    """What one command did. Streams are bytes as printed, clipped in the middle when they exceed the cap."""

    exit_code: int | None
    """None when the command was killed by its time-out; negative signal number when a signal ended it."""
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    """Wall time, from start to exit."""
    cpu_seconds: float = 0.0
    """User and system time of the command and the children it waited for."""
    timed_out: bool = False
    """The command group was killed at the time-out; the streams hold what was printed until then."""
    stdout_bytes: int = 0
    """Bytes that the command printed; larger than `len(stdout)` when the middle was left out."""
    stderr_bytes: int = 0
    """As `stdout_bytes`."""

    @property
    def ok(self) -> bool:
        """True when the command ended by itself with exit code 0."""
        return self.exit_code == 0

    @property
    def out(self) -> str:
        """Standard output as text; undecodable bytes become U+FFFD."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def err(self) -> str:
        """Standard error as text; undecodable bytes become U+FFFD."""
        return self.stderr.decode("utf-8", "replace")


class Availability(Value):
    """Whether a kind of machine can be had here, for `winnow doctor` and for choosing the default."""

    kind: str
    available: bool
    detail: str
    """Version and mechanism where it is available, the reason where it is not."""
    hint: str = ""
    """What to install or to set; empty where it is available."""

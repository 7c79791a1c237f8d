"""Values that say what is to be solved and how it is checked."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field

from sandbox.values import Value


class Issue(Value):
    """What somebody reported, as text. Untrusted: it can change no limit, policy or secret."""

    title: str = ""
    """First line or the tracker's title; empty when there is none."""
    body: str = ""
    """Everything else."""
    source: str
    """Where it came from, for people: a path, a URL, `text` or `stdin`."""

    @property
    def text(self) -> str:
        """Title and body as one text."""
        return f"{self.title}\n\n{self.body}".strip()


class Task(Value):
    """One thing to solve in one repository. Never holds gold data."""

    id: str
    """Short and safe in file names."""
    issue: Issue | None = None
    """None when only failing tests were named."""
    failing_tests: tuple[str, ...] = ()
    """Test ids that the user named; empty: those that fail on base."""


class Snapshot(Value):
    """The repository at its base: HEAD with the user's uncommitted work, and no history."""

    archive: str
    """Host path of a tar file: the tree and a `.git` that knows one commit."""
    base_commit: str
    """The only commit in the archive's `.git`."""
    head_commit: str | None
    """HEAD of the user's repository; None before the first commit."""
    dirty: bool
    """Uncommitted work is part of the base."""
    origin: str
    """Absolute host path of the user's work tree."""
    version: str | None = None
    """What `git describe` would call it, for packages that read their version from tags; None when there is no tag."""
    files: int = 0
    """Number of files in the tree."""


class Image(Value):
    """A prepared place where the repository's tests can run: a Docker image, or an environment folder of the host."""

    reference: str | None
    """Docker image; None on machines without images."""
    python: str
    """The interpreter inside that has the project's dependencies, as a path or a name on PATH."""
    workdir: str
    """Where the tree must lie inside for the installation to find it."""
    env: Mapping[str, str] = Field(default_factory=dict)
    """Variables that the tests need."""
    readonly: tuple[str, ...] = ()
    """Host paths that must be visible (local machines)."""
    extras: str | None = None
    """Host path of a tar of what the installation left in the work tree (compiled modules, generated files), or None."""
    digest: str
    """Content hash of everything that went in: equal digests are interchangeable."""
    note: str = ""
    """How it was made, in a few words for people."""


class Suite(Value):
    """How this repository's own tests are run."""

    kind: Literal["pytest", "unittest", "command"]
    argv: tuple[str, ...]
    """The command. For pytest and unittest, the interpreter with its options, `-m`, and the runner with its own options."""
    paths: tuple[str, ...] = ()
    """What to run when no tests are named, appended to `argv`: paths for pytest, names for unittest. Empty: the runner's own choice."""
    timeout_s: float = 900.0
    """For one whole run."""
    test_timeout_s: float = Field(default=60.0, ge=0)
    """For one test, which then fails and lets the others run; 0: no limit. Commands have none."""


class Outcome(StrEnum):
    """What became of one test."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"


class SuiteReport(Value):
    """What one run of the suite showed."""

    status: Literal["ran", "nothing_collected", "timed_out", "crashed", "unusable"]
    """`ran` only when the runner finished and its exit code agrees with the outcomes; `crashed`: the runner died half-way;
    `unusable`: it could not start (wrong option, missing module, unknown test)."""
    outcomes: Mapping[str, Outcome] = Field(default_factory=dict)
    """By test id (pytest node id; dotted name for unittest; `command` for a command). A test that is missing is unknown, never passed."""
    durations: Mapping[str, float] = Field(default_factory=dict)
    """Seconds that a test took, with its setup and teardown; only where the runner says it."""
    exit_code: int | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    log_tail: str = ""
    """End of what the runner printed, for people."""
    messages: Mapping[str, str] = Field(default_factory=dict)
    """For tests that failed: the end of the failure's text, at most 4,000 characters each."""

    def having(self, *outcomes: Outcome) -> tuple[str, ...]:
        """Ids of the tests with one of these outcomes, in the order in which they ran."""
        return tuple(test for test, outcome in self.outcomes.items() if outcome in outcomes)


class Patch(Value):
    """A change against the base commit: what `git diff --binary` prints, always valid UTF-8. Empty means no change."""

    diff: str

    @property
    def is_empty(self) -> bool:
        """True when it changes nothing."""
        return not self.diff.strip()

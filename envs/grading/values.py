"""Gold data, and the grade that it gives to a patch."""

from collections.abc import Mapping
from typing import Literal, Protocol

from envs.datasets.values import Record
from envs.values import Patch
from sandbox.values import Value

Status = Literal["resolved", "unresolved", "empty", "not_applied", "unknown", "infra"]


class Gold(Value):
    """What a dataset keeps from whoever solves the task."""

    task_id: str
    patch: Patch
    """The reference."""
    test_patch: Patch
    """The hidden tests."""
    fail_to_pass: tuple[str, ...]
    """Tests that the reference repairs."""
    pass_to_pass: tuple[str, ...] = ()
    """Tests that pass before and after it."""
    eval_script: str | None = None
    """The published script that runs the hidden tests; None: made from the test patch and the task's recipe."""
    log_parser: str | None = None
    """Name of the parser of the `swebench` package that reads the log; None: by repository."""
    fail_only: bool = False
    """Only tests that fail are listed by the parser, so that a listed test which is missing has passed."""


class Grade(Value):
    """What the hidden tests said of one patch."""

    task_id: str
    status: Status
    """`resolved` only when exit code and parser agree and every listed test passes. `unknown`: the log could not be read, never a
    pass; `infra`: the machine failed, which says nothing of the patch."""
    reason: str
    """One sentence for people."""
    tests: Mapping[str, Mapping[str, tuple[str, ...]]] = {}
    """By FAIL_TO_PASS and PASS_TO_PASS: ids under `success` and `failure`, as the official reports have them."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    cached: bool = False
    """Read from an earlier run of the same patch on the same task."""

    @property
    def resolved(self) -> bool:
        """The patch is right, as far as the hidden tests tell."""
        return self.status == "resolved"


class Grader(Protocol):
    """Grades patches; safe to use from several threads."""

    def grade(self, record: Record, gold: Gold, patch: Patch) -> Grade:
        """Run the hidden tests on a patch in a fresh sandbox. Infrastructure failures are a status, not an exception.

        Raises:
            DiskFull: there is no room for images, logs or the cache.
        """

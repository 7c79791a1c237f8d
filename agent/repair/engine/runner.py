"""What the search needs of a test runner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Collection, Optional, Protocol, Sequence

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Result:
    """What one test did: `error` is None unless it raised; `text` is the runner's own report of a failure, where it made one."""

    outcome: str
    error: Optional[BaseException] = None
    text: str = ""


class Runner(Protocol):
    """Collected tests that can be run again and again in this process and its forks."""

    ids: list[str]
    """All collected tests, in the suite's order."""
    files: dict[str, str]
    """Where each is written (absolute path)."""
    code_tests: frozenset[str]
    """Those that live in the code under test itself (doctests)."""
    options: list[str]
    """For the runner's command line: what keeps installed plugins from measuring, shuffling and spreading tests."""

    def run(
        self,
        ids: Sequence[str],
        *,
        full: Collection[str],
        before: Callable[[str], None],
        after: Callable[[str, Result], bool],
    ) -> None:
        """Run tests in this order, with their fixtures, until `after` returns False; leave no fixture standing.

        Those in `full` run with everything that the real runner does around a test; the others by the shortest way.
        """

    def needs_full(self, test: str) -> bool:
        """True when the shortest way is known to be wrong for this test."""

    def expand(self, name: str) -> list[str]:
        """Collected tests that a name stands for: itself, or those below a file, class or function."""


class CollectionFailed(Exception):
    """No tests could be had; the text says why."""

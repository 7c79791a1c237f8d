"""Values of a report: what each system came to, task by task, whoever ran it."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from agent.values import Usage
from sandbox.values import Value
from selection.report.labels import Labels
from selection.stored import StoredPool

Outcome = Literal[
    "resolved",
    "unresolved",
    "not_applied",
    "no_patch",
    "unknown",
    "infra",
    "budget",
    "unusable",
    "defect",
    "not_graded",
    "not_run",
]
"""What became of one task. Every task has one, and only `resolved` counts as resolved.

unknown: the grader could not say. infra: machines failed while it was solved or graded. budget: its money covered no try.
unusable: its repository, environment or tests could not be used. defect: the system failed. not_run: nothing is there.
"""

KNOWN: frozenset[Outcome] = frozenset({"resolved", "unresolved", "not_applied", "no_patch", "budget"})
"""Outcomes that a repetition would not change for reasons that have nothing to do with the system."""


class TaskRow(Value):
    """One task of one system."""

    task_id: str
    repository: str
    """`owner/name`, by the id where nothing else tells."""
    outcome: Outcome
    reason: str = ""
    tries: tuple[bool | None, ...] | None = None
    """For each try, whether what it puts first is right; None: not known. None as a whole: candidates were not graded."""
    any_right: bool | None = None
    """Whether some candidate is right; None: not known."""
    candidates: int | None = None
    lost: int = 0
    """Tries that machines or the endpoint ended."""
    failures: int = 0
    """Infrastructure failures of the whole task, those that a repetition cured included."""
    usage: Usage | None = None
    seconds: float | None = None

    @property
    def resolved(self) -> bool:
        """The delivered patch passes the hidden tests. Whatever is not known is not resolved: the denominator never shrinks."""
        return self.outcome == "resolved"


class Results(Value):
    """One system on one set of tasks."""

    name: str
    source: str
    """File or folder that it was read from."""
    tasks: tuple[TaskRow, ...]
    pools: tuple[StoredPool, ...] = ()
    """Candidates with the evidence of their selection, one for each task; empty where none is stored."""
    right: Labels = Field(default_factory=dict)
    """By task and candidate, where every candidate was graded; what the grader could not say is counted as wrong."""
    tried: Mapping[str, tuple[tuple[str, ...], ...]] = Field(default_factory=dict)
    """By task, the candidates of each try; tries that came to nothing included."""
    policy: str = "default"
    """That chose what was delivered."""

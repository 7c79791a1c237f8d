"""What is asked of `winnow select`, and what it comes to."""

from pathlib import Path
from typing import Literal

from sandbox.values import Value
from winnow.result import SCHEMA_VERSION


class Asked(Value):
    """What is to be chosen between, and where the outcome goes."""

    candidates: tuple[Path, ...]
    issue: str | None = None
    """FILE, "text", - (standard input), https://…/issues/N, owner/repo#N or #N. None: what the files of candidates hold."""
    task: str = ""
    """Which task, where a file holds several."""
    failing_tests: tuple[str, ...] = ()
    """Tests that fail on base and that the right change makes pass."""
    commit: str | None = None
    """The base; None: what is on disk."""
    probes: tuple[Path, ...] = ()
    """Tests from outside: `test_*.py` as a test file of the suite, anything else as a script that ends with 2 while the issue is there
    and with 0 when it is gone."""
    execution: bool = True
    """False: nothing is run."""
    out: Path | None = None
    """Folder for the log, the page, the record and the picture."""
    patch_out: Path | None = None
    evidence_out: Path | None = None
    """File for the pool with all evidence, as `winnow select bench` reads it."""


class SelectResult(Value):
    """Outcome of a choice: the value that `winnow.select` returns and `--json` prints."""

    schema_version: int = SCHEMA_VERSION
    task_id: str
    status: Literal["chosen", "abstained"]
    exit_code: int
    chosen: str | None
    """Name of a candidate."""
    patch: str = ""
    """Its diff without scratch files; empty when nothing is delivered."""
    files: tuple[str, ...] = ()
    reason: str
    """One sentence for people."""
    policy: str
    rule: str
    """What decided."""
    probability: float | None = None
    """P(it is right), by a rough model; None where there is nothing to choose."""
    ranking: tuple[str, ...] = ()
    """Distinct changes by the names of those that stand for them, best first."""
    candidates: int
    distinct: int
    got_through: int
    """Distinct changes that passed the tests that pass on base."""
    fell: int
    probes: int
    """Generated tests and pieces of the issue's code that may vote."""
    ran: int
    """Runs of tests that were done now; the others were known."""
    sandbox: str
    """Kind of machine; empty where nothing was run."""
    seconds: float
    written: tuple[str, ...] = ()
    """Files that were written."""

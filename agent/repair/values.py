"""Values of the repairer: what to search, and what came back."""

from typing import Literal

from pydantic import Field

from envs.values import Suite
from sandbox.values import Value


class RepairRequest(Value):
    """One search in one sandbox, whose work tree holds the base."""

    workdir: str
    """Absolute path of the work tree inside the sandbox."""
    suite: Suite
    """How the tests run; a suite of kind `command` cannot be searched."""
    failing: tuple[str, ...]
    """Tests that fail on base and should pass; a file, class or function stands for the tests in it."""
    tests: tuple[str, ...] = ()
    """Test files or folders (dotted names for unittest) to look at; empty: all that the runner finds."""
    together: bool = True
    """All of `failing` should pass; else those of them that seem to have one cause, whichever that is."""
    issue: str = ""
    """When not `together`: failing tests that share words with it are taken first."""
    hint: str = ""
    """Issue text or traceback, for names."""
    seed: int = 0
    variant: int = Field(default=0, ge=0)
    """Order of operators: 0 is the measured one, every other number another order."""
    max_candidates: int = Field(default=3000, ge=1)
    """The budget. A count, so that equal requests give equal edits."""
    max_plausible: int = Field(default=10, ge=1)
    """The search ends when it has this many."""
    skip: int = Field(default=0, ge=0)
    """Candidates at the front that an earlier search has evaluated: `next` of its last progress."""
    passed: tuple[int, ...] = ()
    """Indices of those that passed at first, as its progress said."""
    known: tuple[int, ...] = ()
    """Indices of edits that it found plausible: they count for `max_plausible`, and are not reported again."""
    cpu_s: float = Field(default=0.0, ge=0)
    """CPU seconds as a last resort, which breaks repeatability. 0 is no limit."""
    timeout_s: float = Field(default=1800.0, gt=0)
    """Wall seconds for the whole search."""


class RepairEdit(Value):
    """One plausible edit. A claim: the engine shares its process tree with the code it judges."""

    path: str
    """Relative to the work tree."""
    start: int = Field(ge=0)
    """First byte that is replaced, from 0."""
    end: int = Field(ge=0)
    """The byte after the last; equal to `start` for an insertion."""
    replacement: str
    operator: str
    function: str
    """Dotted name inside the file."""
    line: int
    """Of the statement, from 1."""
    index: int = Field(ge=0)
    """Place in the order of candidates, from 0."""
    score: float
    """The engine's belief; only good for comparing edits of one search, higher is better. The search's end may change it."""
    repairs: tuple[str, ...] = ()
    """Those of the request's failing tests that pass with it."""
    flags: tuple[str, ...] = ()
    """`deletes-behaviour`: it can pass tests by doing less. `part`: tests that seem to fail for the same cause still fail."""


class SearchResult(Value):
    """How a search ended."""

    reason: Literal["enough", "exhausted", "budget", "cpu", "hopeless", "unusable", "error", "died", "timed_out"]
    """`enough`: as many edits as asked for; `exhausted`: no candidate left; `budget`, `cpu`: a limit was reached; `hopeless`: nothing
    to search, for what `detail` says; `unusable`: the suite's runner could not collect; `error`, `died`, `timed_out`: the engine broke."""
    detail: str = ""
    edits: tuple[RepairEdit, ...] = ()
    """In the order in which they were found; `index` rises but for the slow ones at the end."""
    tried: int = 0
    """Candidates evaluated."""
    tests: int = 0
    """Passing tests that every edit was checked against."""
    failing: tuple[str, ...] = ()
    """Tests that were found to fail, of those named."""
    cpu_seconds: float = 0.0
    """Of the whole search, baseline included."""

    @property
    def best(self) -> RepairEdit | None:
        """The edit with the highest score; None when there is none."""
        return max(self.edits, key=lambda edit: (edit.score, -edit.index), default=None)


def apply_edit(text: bytes, edit: RepairEdit) -> bytes:
    """Return a file's bytes with the edit made. Raises ValueError when the edit does not lie within the file."""
    if not 0 <= edit.start <= edit.end <= len(text):
        raise ValueError(f"the edit lies outside {edit.path}")
    return text[: edit.start] + edit.replacement.encode("utf-8") + text[edit.end :]

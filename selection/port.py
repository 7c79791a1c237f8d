"""The contract of a selector, and the effects that it may ask for."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from agent.probe import Probe, ProbeResult
from agent.values import Candidate
from envs.snippets import Snippet, SnippetRun
from envs.values import Patch, SuiteReport
from sandbox.values import Value
from selection.values import Origin, Score


class WrittenProbe(Value):
    """A generated test and where it comes from, before anything ran."""

    id: str
    """Unique in a selection, and stable across resumes."""
    probe: Probe
    origin: Origin
    author: str | None = None
    """Trajectory that wrote it; None: nobody who has a candidate in the pool."""


class Stand(Protocol):
    """One patched copy of the base commit, in a sandbox of its own. Every call starts from that tree, whatever the one before left in it.

    Every method raises `SandboxLost` when the machine is gone: then the stand is of no more use.
    """

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None) -> SuiteReport:
        """Run the whole suite, or some tests: ids or files. Those that are not there are left out.

        Args:
            tests: none: all.
            timeout_s: None: the suite's own.
        """

    def script(self, probe: Probe) -> ProbeResult:
        """Run a stand-alone probe."""

    def overlaid(self, files: Mapping[str, str], tests: Sequence[str] = ()) -> SuiteReport:
        """Put test files into the tree, run some tests, or none: all of these files, and report what each did.

        Unusable where the suite is one command that cannot run a single file.
        """

    def snippet(self, snippet: Snippet) -> SnippetRun:
        """Run code of the issue."""


class Bench(Protocol):
    """Opens stands. Pure functions decide; this acts."""

    @property
    def key(self) -> str:
        """Hash of what all its results depend on beside patch and test: image, base, and how tests are run."""

    def open(self, patch: Patch) -> AbstractContextManager[Stand]:
        """Open a fresh sandbox with a patch applied; the empty patch is the base commit. Leaving the context destroys it.

        Raises:
            PatchRejected: the patch does not apply inside.
            SandboxError: no machine, or it failed.
        """


class Judge(Protocol):
    """Opinion without execution, by a model. Its calls are bounded by a budget and journaled."""

    def scores(self, survivors: Sequence[Candidate]) -> tuple[Score, ...]:
        """One score of verifier `judge` for each candidate, in [0, 1]; None where it has no word.

        Never raises for a model that fails, declines or runs out of budget: what it could not judge is unknown.
        """


class Comparer(Protocol):
    """Opinion on leaders side by side, by a model, for close calls."""

    def scores(self, finalists: Sequence[Candidate]) -> tuple[Score, ...]:
        """One score of verifier `comparison` for each of a handful of leaders; see `Judge.scores`."""


class ProbeWriter(Protocol):
    """Writes tests for the issue without proposing a patch."""

    def write(self) -> tuple[WrittenProbe, ...]:
        """Return what it wrote, validated or not; empty when the model fails or the budget is spent."""

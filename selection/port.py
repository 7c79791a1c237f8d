"""The contract of a selector, and the effects that it may ask for."""

from collections.abc import Sequence
from typing import Protocol

from agent.probe import Probe
from agent.values import Candidate
from envs.values import Patch, SuiteReport, Task
from sandbox.values import Value
from selection.values import Origin, Score, Selection


class WrittenProbe(Value):
    """A generated test and where it comes from, before anything ran."""

    id: str
    """Unique in a selection, and stable across resumes."""
    probe: Probe
    origin: Origin
    author: str | None = None
    """Trajectory that wrote it; None: nobody who has a candidate in the pool."""


class Bench(Protocol):
    """Runs tests on a patched copy of the base commit, in a fresh sandbox each time. Pure functions decide; this acts."""

    def run(self, patch: Patch, tests: Sequence[str] = ()) -> SuiteReport:
        """Run the suite, or only the named tests, with a patch applied; the empty patch is the base commit.

        Raises:
            PatchRejected: the patch does not apply inside.
            SandboxError: the machine is at fault.
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


class Selector(Protocol):
    """Chooses one candidate, or none. The order of candidates never matters."""

    def select(self, task: Task, candidates: Sequence[Candidate]) -> Selection:
        """Decide.

        Raises:
            SandboxError: the machine is at fault; nothing was decided.
        """

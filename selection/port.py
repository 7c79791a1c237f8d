"""The contract of a selector, and the effects that it may ask for."""

from collections.abc import Sequence
from typing import Protocol

from agent.values import Candidate
from envs.values import Patch, SuiteReport, Task
from selection.values import Selection


class Bench(Protocol):
    """Runs tests on a patched copy of the base commit, in a fresh sandbox each time. Pure functions decide; this acts."""

    def run(self, patch: Patch, tests: Sequence[str] = ()) -> SuiteReport:
        """Run the suite, or only the named tests, with a patch applied; the empty patch is the base commit.

        Raises:
            PatchRejected: the patch does not apply inside.
            SandboxError: the machine is at fault.
        """


class Selector(Protocol):
    """Chooses one candidate, or none. The order of candidates never matters."""

    def select(self, task: Task, candidates: Sequence[Candidate]) -> Selection:
        """Decide.

        Raises:
            SandboxError: the machine is at fault; nothing was decided.
        """

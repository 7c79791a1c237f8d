"""What one run comes to: the value that `winnow.fix` returns and `--json` prints."""

from collections.abc import Mapping
from typing import Literal

from agent.values import Usage
from sandbox.values import Value

SCHEMA_VERSION = 1


class TestCounts(Value):
    """A suite report in numbers."""

    __test__ = False  # a value of ours, not a class of tests

    status: str
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0


class Contest(Value):
    """How the choice came about."""

    trajectories: int
    tried: int
    """Edits that were evaluated."""
    candidates: int
    """Patches that their own trajectory holds to be plausible."""
    distinct: int
    """Clusters of patches that are one change."""
    got_through: int
    """Distinct changes that were run in a fresh sandbox and passed the gate; the others fell or were not run."""
    fell: int
    reason: str
    """Why this one won, or why none did."""


class FixResult(Value):
    """Outcome of one run."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    status: Literal["plausible", "nothing_plausible"]
    exit_code: int
    reason: str
    """One sentence for people."""
    patch: str = ""
    """Unified diff against the base; empty when there is none."""
    files: tuple[str, ...] = ()
    """Paths that the patch changes."""
    summary: str = ""
    """What the patch does, in the words of who made it."""
    targets: tuple[str, ...] = ()
    """Tests that failed before and pass with the patch; without one, those that were to be repaired."""
    still_failing: tuple[str, ...] = ()
    """Tests that failed before and that the patch does not make pass. It is not about them."""
    before: TestCounts | None = None
    after: TestCounts | None = None
    """The whole suite with the patch; None when it was not run."""
    contest: Contest
    confidence: Literal["none", "low", "plausible"] = "none"
    """`low`: there is a particular reason for doubt, which `caution` names. Passing visible tests is never called a fix."""
    probe: str = ""
    """What the agent's own test for the issue said before and after, as `present -> fixed`; empty without one."""
    caution: str = ""
    """What to know before trusting the patch; empty when there is none."""
    sandbox: str
    """Kind of machine that ran everything."""
    seconds: float
    """Wall time over all resumes."""
    usage: Usage
    delivered: Mapping[str, str] = {}
    """What was done with the patch: `applied`, `branch`, `patch_out`."""
    run_dir: str
    """Where the journal, the selection and the patch are kept."""

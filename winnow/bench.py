"""Tests on patched copies: the selector's hands."""

from collections.abc import Sequence

from agent.values import Brief
from envs.suite import run_suite
from envs.values import Patch, SuiteReport
from envs.workspace import open_workspace
from sandbox.port import SandboxProvider
from sandbox.values import SandboxSpec


class FreshBench:
    """Implements `selection.port.Bench`: one fresh sandbox per run, so that nothing of one candidate reaches the next."""

    def __init__(self, provider: SandboxProvider, brief: Brief, *, limits: SandboxSpec, run_id: str) -> None:
        self._provider = provider
        self._brief = brief
        self._limits = limits
        self._run_id = run_id

    def run(self, patch: Patch, tests: Sequence[str] = ()) -> SuiteReport:
        """See `selection.port.Bench`."""
        brief = self._brief
        with open_workspace(
            self._provider, brief.image, brief.snapshot, limits=self._limits, run_id=self._run_id
        ) as workspace:
            if not patch.is_empty:
                workspace.apply(patch)
            return run_suite(workspace.box, brief.suite, tests)

"""Stands in real sandboxes: the selector's hands."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from agent.probe import Probe, ProbeResult, run_probe
from agent.tools.values import ToolLimits
from agent.values import Brief
from envs.errors import PatchRejected
from envs.snippets import Snippet, SnippetRun, run_snippet
from envs.suite import run_suite
from envs.suite.run import takes_tests
from envs.values import Patch, SuiteReport
from envs.workspace import Workspace, open_workspace
from sandbox.errors import SandboxLost
from sandbox.port import SandboxProvider
from sandbox.values import SandboxSpec
from selection.execution.ledger import key_of

_VERSION = 2
"""Of what a result means; a change makes kept results strangers."""


class SandboxBench:
    """Implements `selection.port.Bench`: one fresh sandbox per stand, so that nothing of one candidate reaches another."""

    def __init__(
        self, provider: SandboxProvider, brief: Brief, *, limits: SandboxSpec, run_id: str, probe_s: float = 120.0
    ) -> None:
        """Keep the handles.

        Args:
            provider: where sandboxes are opened.
            brief: image, base and suite.
            limits: of each sandbox.
            run_id: for labels.
            probe_s: seconds that one probe or snippet may take.
        """
        self._provider = provider
        self._brief = brief
        self._limits = limits
        self._run_id = run_id
        self._tools = ToolLimits(command_s=probe_s, tests_s=probe_s)
        box = limits.model_dump(mode="json", include={"cpus", "memory_mb", "disk_mb", "pids", "network"})
        self.key = key_of(
            _VERSION,
            brief.sandbox,
            brief.image.digest,
            brief.snapshot.base_commit,
            brief.suite.model_dump(mode="json"),
            box,
            probe_s,
        )

    @contextmanager
    def open(self, patch: Patch) -> "Iterator[SandboxStand]":
        """See `selection.port.Bench`."""
        brief = self._brief
        with open_workspace(
            self._provider, brief.image, brief.snapshot, limits=self._limits, run_id=self._run_id
        ) as workspace:
            workspace.apply(patch)
            yield SandboxStand(workspace, patch, brief, self._tools)


class SandboxStand:
    """Implements `selection.port.Stand`."""

    def __init__(self, workspace: Workspace, patch: Patch, brief: Brief, limits: ToolLimits) -> None:
        self._workspace = workspace
        self._patch = patch
        self._brief = brief
        self._limits = limits
        self._fresh = True

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None) -> SuiteReport:
        """See `selection.port.Stand`."""
        self._clear()
        return run_suite(self._workspace.box, self._brief.suite, tests, timeout_s=timeout_s, lenient=True)

    def script(self, probe: Probe) -> ProbeResult:
        """See `selection.port.Stand`."""
        self._clear()
        return run_probe(self._workspace, probe, self._brief, self._limits)

    def overlaid(self, files: Mapping[str, str], tests: Sequence[str] = ()) -> SuiteReport:
        """See `selection.port.Stand`."""
        if not takes_tests(self._brief.suite):
            return SuiteReport(status="unusable", log_tail="the suite is one command, which cannot run a single file")
        self._clear()
        try:
            for path, content in files.items():
                self._workspace.write(path, content.encode())
        except OSError as error:
            return SuiteReport(status="unusable", log_tail=f"a test file cannot be written: {error.strerror}")
        box, suite = self._workspace.box, self._brief.suite
        return run_suite(box, suite, tuple(tests) or tuple(files), timeout_s=self._limits.tests_s, lenient=True)

    def snippet(self, snippet: Snippet) -> SnippetRun:
        """See `selection.port.Stand`."""
        self._clear()
        return run_snippet(self._workspace, snippet, self._brief.image, timeout_s=self._limits.command_s)

    def _clear(self) -> None:
        """Take back what the last run left in the tree; the first one finds it as it was opened.

        A tree that was damaged beyond that, its repository say, says nothing of the patch.
        """
        if not self._fresh:
            try:
                self._workspace.reset()
                self._workspace.apply(self._patch)
            except PatchRejected as damaged:
                raise SandboxLost(f"the last run left a tree that cannot be brought back: {damaged}") from damaged
        self._fresh = False

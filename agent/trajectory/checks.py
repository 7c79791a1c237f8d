"""What execution says of the work so far: the probe on both sides, the targets, and the tests that passed on base."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.probe import Probe, ProbeResult, run_probe
from agent.related import required_tests
from agent.trajectory.values import Evidence, LoopLimits
from agent.values import Brief
from envs.patches import paths
from envs.suite import compare, run_suite
from envs.suite.run import takes_tests
from envs.values import Patch, SuiteReport
from envs.workspace import Workspace


@dataclass(frozen=True)
class Check:
    """A state of the work tree, and what execution says of it."""

    patch: Patch
    evidence: Evidence
    before: ProbeResult | None = None
    """The probe on base."""
    after: ProbeResult | None = None
    """The probe with the change."""
    report: SuiteReport | None = None
    """The tests with the change; None when none was to be run."""


class Checks:
    """Runs checks for one try; results on base are kept, as neither the probe nor base changes under its name."""

    def __init__(
        self,
        workspace: Workspace,
        brief: Brief,
        *,
        limits: LoopLimits,
        fresh: Callable[[], AbstractContextManager[Workspace]],
    ) -> None:
        """Keep the handles.

        Args:
            workspace: where the work is done.
            brief: the suite, and what it showed on base.
            limits: how long a check may take.
            fresh: opens another sandbox with the base in it, for probes that were changed after the first edit.
        """
        self._workspace = workspace
        self._brief = brief
        self._limits = limits
        self._fresh = fresh
        self._required = required_tests(brief)
        self._on_base: dict[Probe, ProbeResult] = {}

    def on_base(self, probe: Probe, *, patch: Patch | None = None) -> ProbeResult:
        """Run the probe on the base commit; twice when it shows the problem, as a flaky probe shows nothing.

        Args:
            probe: what to run.
            patch: what differs from the base in the work tree now; None: find out.
        """
        known = self._on_base.get(probe)
        if known is None:
            known = self._on_base[probe] = self._first_on_base(probe, patch)
        return known

    def _first_on_base(self, probe: Probe, patch: Patch | None) -> ProbeResult:
        if (self._workspace.diff() if patch is None else patch).is_empty:
            return self._twice(self._workspace, probe)
        with self._fresh() as workspace:
            return self._twice(workspace, probe)

    def _twice(self, workspace: Workspace, probe: Probe) -> ProbeResult:
        first = run_probe(workspace, probe, self._brief, self._limits.tools)
        if first.verdict != "present":
            return first
        second = run_probe(workspace, probe, self._brief, self._limits.tools)
        return first if second.verdict == "present" else second.model_copy(update={"verdict": "broken"})

    def with_change(self, probe: Probe) -> ProbeResult:
        """Run the probe on the work tree as it is."""
        return run_probe(self._workspace, probe, self._brief, self._limits.tools)

    def check(self, probe: Probe | None, *, patch: Patch) -> Check:
        """Run everything that "done" needs; `patch` is what differs from the base in the work tree."""
        before = self.on_base(probe, patch=patch) if probe else None
        after = self.with_change(probe) if probe else None
        verdicts = {"probe_before": before.verdict if before else None, "probe_after": after.verdict if after else None}
        tests = self._tests_for(patch)
        if tests is None:
            return Check(patch, Evidence(unmet=self._required).model_copy(update=verdicts), before, after)
        report = run_suite(self._workspace.box, self._brief.suite, tests, timeout_s=self._limits.check_s)
        evidence = self._evidence(report, tests).model_copy(update=verdicts)
        return Check(patch, evidence, before, after, report)

    def _tests_for(self, patch: Patch) -> Sequence[str] | None:
        """The tests to run: empty means the whole suite, None that there are none."""
        brief = self._brief
        if brief.base_report.status not in ("ran", "timed_out"):
            return brief.targets or None
        if not takes_tests(brief.suite) or brief.base_report.seconds <= self._limits.check_s / 2:
            return ()
        return self._nearest(patch) or None

    def _nearest(self, patch: Patch) -> tuple[str, ...]:
        """What has to pass, then tests near the change, then the others from the quickest, within half of the time.

        Other tests that fail on base go with the rest: hundreds may do so for reasons of their own.
        """
        report, required = self._brief.base_report, frozenset(self._required)
        stems = {PurePosixPath(path).stem.removeprefix("test_").strip("_") for path in paths(patch)} - {"init", ""}
        usual = report.seconds / max(1, len(report.outcomes))  # where the runner does not say what each took

        def place(test: str) -> tuple[bool, float]:
            return not any(stem in test for stem in stems), report.durations.get(test, usual)

        chosen, seconds = list(self._required), 0.0
        for test in sorted((test for test in report.outcomes if test not in required), key=place):
            seconds += report.durations.get(test, usual)
            if seconds > self._limits.check_s / 2:
                break
            chosen.append(test)
        return tuple(chosen)

    def _evidence(self, report: SuiteReport, tests: Sequence[str]) -> Evidence:
        """Compare with base; a test that was to run and has no verdict counts as a regression where it passed on base."""
        compared = compare(self._brief.base_report, report)
        asked = set(tests) if tests else None
        missing = tuple(test for test in compared.missing if asked is None or test in asked)
        problem = "" if report.status == "ran" else f"the tests end as {report.status.replace('_', ' ')}"
        return Evidence(
            fixed=compared.fixed,
            unmet=tuple(test for test in self._required if test not in compared.fixed),
            regressions=(*compared.regressions, *(missing if not problem else ())),
            checked=len(report.outcomes),
            problem=problem,
        )

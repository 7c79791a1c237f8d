"""A bench without machines, and a base to try patches on."""

import itertools
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.probe import Probe, ProbeResult
from agent.values import Brief, Candidate
from envs.errors import PatchRejected
from envs.patches import BaseTree, make_patch
from envs.snapshot import take_snapshot
from envs.snippets import Snippet, SnippetRun
from envs.values import Image, Issue, Outcome, Patch, Suite, SuiteReport, Task
from sandbox.errors import SandboxLost
from selection.choose import SelectionLog
from selection.execution.ledger import Ledger
from selection.execution.runs import Runs
from selection.execution.suite import SuiteLimits
from selection.policies import Preferences
from selection.selector import Choice, Execution, Selector

Outcomes = Mapping[str, Outcome]
Program = Callable[[str], ProbeResult | SnippetRun]
"""What a script or snippet does, by the marker of the patch that is applied; the empty one is base."""


class ScriptedBench:
    """Implements `selection.port.Bench`: what tests and probes do follows from which marker the patch holds. Anything else fails."""

    key = "scripted"

    def __init__(
        self,
        suites: Mapping[str, Sequence[Outcomes]],
        *,
        overlays: Mapping[str, Outcomes] | None = None,
        programs: Mapping[str, Program] | None = None,
        losses: Mapping[str, int] | None = None,
    ) -> None:
        """Keep the script.

        Args:
            suites: by marker, outcomes of the suite in one run after the other; the last one stays.
            overlays: outcomes of test files that are put into the tree, by marker.
            programs: what scripts and snippets do, by a word that they hold.
            losses: sandboxes that are lost at their first command, by marker.
        """
        self._suites = {key: list(value) for key, value in suites.items()}
        self._overlays = dict(overlays or {})
        self._programs = dict(programs or {})
        self.losses = dict(losses or {})
        self.runs: list[tuple[str, tuple[str, ...]]] = []
        self.opened: list[str] = []
        self.lock = threading.Lock()

    @contextmanager
    def open(self, patch: Patch) -> Iterator["ScriptedStand"]:
        marker = next((key for key in sorted(self._suites, key=len, reverse=True) if key and key in patch.diff), "")
        with self.lock:
            self.opened.append(marker)
        yield ScriptedStand(self, marker)

    def outcomes(self, marker: str) -> Outcomes:
        with self.lock:
            script = self._suites[marker]
            return script.pop(0) if len(script) > 1 else script[0]

    def overlay(self, marker: str) -> Outcomes:
        return self._overlays[marker]

    def program(self, text: str) -> Program:
        return next(program for word, program in self._programs.items() if word in text)


class ScriptedStand:
    """Implements `selection.port.Stand`."""

    def __init__(self, bench: ScriptedBench, marker: str) -> None:
        self._bench = bench
        self._marker = marker

    def suite(self, tests: Sequence[str] = (), *, timeout_s: float | None = None) -> SuiteReport:
        self._live(("suite", *tests))
        outcomes = self._bench.outcomes(self._marker)
        if "rejected" in outcomes:
            raise PatchRejected("it does not apply inside")
        return report(outcomes, tests)

    def overlaid(self, files: Mapping[str, str], tests: Sequence[str] = ()) -> SuiteReport:
        self._live(("overlaid", *files))
        return report(self._bench.overlay(self._marker), tests)

    def script(self, probe: Probe) -> ProbeResult:
        self._live(("script", probe.path))
        done = self._bench.program(probe.content)(self._marker)
        assert isinstance(done, ProbeResult)
        return done

    def snippet(self, snippet: Snippet) -> SnippetRun:
        self._live(("snippet",))
        done = self._bench.program(snippet.source)(self._marker)
        assert isinstance(done, SnippetRun)
        return done

    def _live(self, what: tuple[str, ...]) -> None:
        with self._bench.lock:
            self._bench.runs.append((self._marker, what))
            if self._bench.losses.get(self._marker, 0) > 0:
                self._bench.losses[self._marker] -= 1
                raise SandboxLost("the machine is gone")


def report(outcomes: Outcomes, tests: Sequence[str] = ()) -> SuiteReport:
    kept = {test: o for test, o in outcomes.items() if not tests or test in tests or test.partition("::")[0] in tests}
    return SuiteReport(status="crashed" if "crash" in outcomes else "ran", outcomes=kept, exit_code=0)


def make_base(tmp_path: Path, files: Mapping[str, str]) -> tuple[BaseTree, Brief]:
    """A repository's snapshot; the tree is still to be entered."""
    repository, into = tmp_path / "repository", tmp_path / "into"
    into.mkdir()
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text)
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    snapshot = take_snapshot(repository, into)
    brief = Brief(
        task=Task(id="t", issue=Issue(body="nothing that runs", source="text")),
        snapshot=snapshot,
        sandbox="scripted",
        image=Image(reference=None, python="python", workdir="/work", digest="d"),
        suite=Suite(kind="pytest", argv=("python", "-m", "pytest")),
        base_report=SuiteReport(status="nothing_collected"),
        targets=(),
    )
    return BaseTree(snapshot), brief


class Table:
    """A selector over a scripted bench, and candidates to put on it."""

    def __init__(self, base: BaseTree, brief: Brief) -> None:
        self.base = base
        self.brief = brief
        self._count = itertools.count()

    def candidate(self, text: str, *, path: str = "m.py", **fields: object) -> Candidate:
        number = next(self._count)
        files = {path: text.encode(), **{name: str(t).encode() for name, t in fields.pop("files", {}).items()}}  # type: ignore[attr-defined]
        patch = make_patch(self.base, files)  # type: ignore[arg-type]
        values = {"id": f"c{number}", "trajectory_id": f"t{number}", "proposer": "scripted", "patch": patch, **fields}
        return Candidate.model_validate(values)

    def select(
        self,
        bench: ScriptedBench | None,
        candidates: Sequence[Candidate],
        *,
        task: Task | None = None,
        on_base: SuiteReport | None = None,
        targets: Sequence[str] = (),
        ledger: Ledger | None = None,
        families: Mapping[str, str] | None = None,
        policy: str = "default",
        **effects: object,
    ) -> tuple[Choice, SelectionLog]:
        changed = {"task": task or self.brief.task, "targets": tuple(targets)}
        brief = self.brief.model_copy(update={**changed, "base_report": on_base or self.brief.base_report})
        execution = None
        if bench is not None:
            execution = Execution(
                runs=Runs(bench, ledger or Ledger()),
                workers=int(str(effects.pop("workers", 1))),
                limits=SuiteLimits(seconds=60.0),
                why_no_suite=str(effects.pop("why_no_suite", "")),
                base_report=on_base,
            )
        selector = Selector(self.base, brief, Preferences(policy=policy), execution, **effects)  # type: ignore[arg-type]
        return selector.select(candidates, families)

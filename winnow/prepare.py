"""The run graph's first step: base, image, suite and targets, each kept so that a resume does not repeat it."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from agent.cues import find_cues
from agent.values import Brief
from envs.errors import SuiteUnusable
from envs.images import ImageRequest, prepare_image
from envs.snapshot import take_snapshot
from envs.suite import BAD, find_suite, run_suite
from envs.values import Image, Outcome, Snapshot, Suite, SuiteReport, Task
from envs.workspace import Workspace, open_workspace
from sandbox.errors import ImageUnavailable
from sandbox.values import SandboxSpec
from selection.execution.suite import SuiteLimits
from winnow.plan import who_proposes
from winnow.settings import Settings, caller
from winnow.state import Site

BRIEF = "brief.json"
_ENVIRONMENTAL = re.compile(
    r"\b(gaierror|ConnectionError|ConnectionRefusedError|NewConnectionError|ModuleNotFoundError|Network is unreachable"
    r"|Temporary failure in name resolution|PermissionError|Operation not permitted)\b"
)
"""Failures that say something of the machine: no network and no privileges inside a sandbox, or a missing package."""


def limits(settings: Settings) -> SandboxSpec:
    """The limits that every sandbox of a run gets."""
    box = settings.sandbox
    return SandboxSpec(cpus=box.cpus, memory_mb=box.memory_mb, disk_mb=box.disk_mb, pids=box.pids, hosts=box.hosts)


def prepare(context: Site) -> Brief:
    """Return the brief, from the run store where an earlier process left it.

    Raises:
        TaskError: the repository, its environment or its tests cannot be used.
        SandboxError: the machine is at fault.
    """
    known = context.run.load(BRIEF, Brief)
    if known is not None:
        return known
    settings, report = context.settings, context.report
    snapshot = _snapshot(context)
    report("phase", {"name": "environment"})
    image = _image(context, snapshot)
    report("environment", {"note": image.note})
    task = context.request.task
    with open_workspace(context.machines, image, snapshot, limits=limits(settings), run_id=context.run.id) as workspace:
        suite = find_suite(
            workspace, image, command=settings.suite.command, failing=task.failing_tests, paths=settings.suite.paths
        )
        suite = suite.model_copy(update={"timeout_s": settings.suite.timeout_s})
        report("phase", {"name": "tests on base"})
        base_report, targets = _on_base(workspace, suite, task, _patience(settings))
    passed, failed = len(base_report.having(Outcome.PASSED)), len(base_report.having(*BAD))
    report("base", {"passed": passed, "failed": failed, "targets": len(targets)})
    messages = [base_report.messages.get(test, "") for test in targets]
    cues = find_cues([task.issue.text if task.issue else "", *messages])
    brief = Brief(
        task=task,
        snapshot=snapshot,
        sandbox=context.machines.kind,
        image=image,
        suite=suite,
        base_report=base_report,
        targets=targets,
        cues=cues,
    )
    context.run.save(BRIEF, brief)
    return brief


def lay_ground(context: Site, *, commit: str | None = None) -> tuple[Brief, str]:
    """As `prepare`, but of the tests only those that the task names are run on base, and nothing is kept.

    Args:
        context: where to prepare.
        commit: the base; None: what is on disk.

    Returns:
        The brief, with a report of the named tests alone; and why the repository's tests cannot be run, empty where they can.

    Raises:
        TaskError: the repository or its environment cannot be used.
        SandboxError: the machine is at fault.
    """
    settings, report = context.settings, context.report
    report("phase", {"name": "snapshot"})
    snapshot = take_snapshot(Path(context.request.repository), context.run.path, commit=commit)
    report("phase", {"name": "environment"})
    image = _image(context, snapshot)
    report("environment", {"note": image.note})
    task = context.request.task
    nothing = Suite(kind="command", argv=("true",))
    why = ""
    with open_workspace(context.machines, image, snapshot, limits=limits(settings), run_id=context.run.id) as workspace:
        try:
            suite = find_suite(
                workspace, image, command=settings.suite.command, failing=task.failing_tests, paths=settings.suite.paths
            )
        except SuiteUnusable as unusable:
            if task.failing_tests:
                raise
            suite, why = nothing, str(unusable)
            report("note", {"text": f"The tests are not run: {unusable}"})
        suite = suite.model_copy(update={"timeout_s": settings.suite.timeout_s})
        base_report = SuiteReport(status="nothing_collected")
        targets: tuple[str, ...] = ()
        if task.failing_tests:
            base_report, targets = _named_targets(workspace, suite, SuiteReport(status="ran"), task.failing_tests)
    brief = Brief(
        task=task,
        snapshot=snapshot,
        sandbox=context.machines.kind,
        image=image,
        suite=suite,
        base_report=base_report,
        targets=targets,
    )
    return brief, why


def _image(context: Site, snapshot: Snapshot) -> Image:
    """The project's environment; on other machines when those that Winnow chose by itself have no image to build on."""
    settings, around = context.settings, caller()

    def made() -> Image:
        return prepare_image(
            ImageRequest(
                image=settings.image.name,
                pytest=settings.suite.command is None or "pytest" in settings.suite.command,
                base_image=settings.image.base,
                setup=settings.image.setup,
                python=settings.image.python,
                pass_env=around.package_index,
                path=around.path,
                virtual_env=around.virtual_env,
            ),
            snapshot,
            provider=context.machines,
            cache=settings.run.cache_dir.expanduser(),
            run_id=context.run.id,
            log=lambda line: context.report("log", {"line": line}),
        )

    try:
        return made()
    except ImageUnavailable as missing:
        if context.instead is None:
            raise
        context.machines.use(context.instead())
        context.report("note", {"text": f"{missing} Going on in a {context.machines.kind} sandbox instead of Docker."})
        return made()


def _snapshot(context: Site) -> Snapshot:
    """The base, taken once: a later change in the user's checkout does not move it."""
    known = context.run.load("snapshot.json", Snapshot)
    if known is not None and Path(known.archive).exists():
        return known
    context.report("phase", {"name": "snapshot"})
    snapshot = take_snapshot(Path(context.request.repository), context.run.path)
    context.run.save("snapshot.json", snapshot)
    return snapshot


def _patience(settings: Settings) -> float:
    """Seconds for the whole suite on base.

    The search needs to know what fails. Agents find out, and what takes longer than this is not run as a whole with a change either.
    """
    within = SuiteLimits(seconds=settings.selection.suite_seconds).wall_s
    return settings.suite.timeout_s if "repair" in who_proposes(settings) else min(settings.suite.timeout_s, within)


def _on_base(workspace: Workspace, suite: Suite, task: Task, patience_s: float) -> tuple[SuiteReport, tuple[str, ...]]:
    """Run the suite on base and find the targets, confirmed by a second run."""
    base_report = run_suite(workspace.box, suite, timeout_s=patience_s)
    workspace.reset()
    if task.failing_tests:
        return _named_targets(workspace, suite, base_report, task.failing_tests)
    if base_report.status in ("nothing_collected", "unusable"):
        raise SuiteUnusable(
            "the tests cannot be run: "
            + ("none were found" if base_report.status == "nothing_collected" else last_line(base_report)),
            hint="Say how with --test-command, or what to install with --setup.",
        )
    failing = base_report.having(*BAD)
    if not failing:
        return base_report, ()
    again = run_suite(workspace.box, suite, failing, timeout_s=patience_s)
    steady = tuple(test for test in failing if again.outcomes.get(test) in BAD)
    own = tuple(test for test in steady if not _ENVIRONMENTAL.search(base_report.messages.get(test, "")))
    return base_report, own or steady


def _named_targets(
    workspace: Workspace, suite: Suite, base_report: SuiteReport, named: Sequence[str]
) -> tuple[SuiteReport, tuple[str, ...]]:
    """The user's own targets: each must exist and fail, or nothing that follows would mean anything."""
    alone = run_suite(workspace.box, suite, named)
    if alone.status in ("unusable", "nothing_collected"):
        known = base_report.outcomes
        unknown = [test for test in named if test not in known and not any(k.startswith(f"{test}[") for k in known)]
        close = difflib.get_close_matches((unknown or [named[0]])[0], list(known), n=1, cutoff=0.5)
        hint = (
            f"Did you mean {close[0]}?"
            if close
            else "Give a test id as the runner prints it, such as tests/test_x.py::test_y."
        )
        raise SuiteUnusable(f"there is no test {', '.join(unknown) or ', '.join(named)}: {last_line(alone)}", hint=hint)
    if alone.status == "timed_out":
        raise SuiteUnusable(
            f"the named tests did not end within {suite.timeout_s:g} s", hint="Give more with --suite-timeout."
        )
    targets = alone.having(*BAD)
    if not targets:
        raise SuiteUnusable(
            f"{', '.join(named)} does not fail on the base commit",
            hint="Name a test that fails now; uncommitted work is part of the base.",
        )
    merged = {
        "outcomes": {**base_report.outcomes, **alone.outcomes},
        "messages": {**base_report.messages, **alone.messages},
    }
    return base_report.model_copy(update=merged), targets


def last_line(report: SuiteReport) -> str:
    """The last thing that the runner said."""
    lines = [line.strip() for line in report.log_tail.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "the runner printed nothing"

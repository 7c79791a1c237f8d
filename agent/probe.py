"""A probe: a test made for the issue, and what it says of a tree."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Literal

from agent.tools.text import clean, clip
from agent.tools.values import ToolLimits
from agent.values import Brief, Probe
from envs.suite import run_suite
from envs.suite.run import DETERMINISM
from envs.values import Outcome, SuiteReport
from envs.workspace import Workspace
from sandbox.values import Value

__all__ = ["FIXED", "PRESENT", "SCRIPT", "Probe", "ProbeResult", "result_of", "run_probe"]

SCRIPT = ".winnow/probe.py"
"""Where a stand-alone script is stored: never part of a patch."""
PRESENT, FIXED = 2, 0
"""Exit codes of a stand-alone script: the issue is there, and it is gone. Any other: the script itself is broken."""

Verdict = Literal["present", "fixed", "broken", "timed_out"]

# As `python -m pytest` does, the tree comes first among the places of modules.
_RUN = 'PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" exec "$0" "$1" 2>&1'


class ProbeResult(Value):
    """What a probe said of a tree."""

    verdict: Verdict
    """`present`: the issue is there; `fixed`: it is not; `broken` and `timed_out`: nothing is known."""
    exit_code: int | None
    """Of the script or of the test runner; None when it was killed."""
    output: str = ""
    """What it printed, clipped; of a test file, how its tests failed."""
    seconds: float = 0.0


def run_probe(workspace: Workspace, probe: Probe, brief: Brief, limits: ToolLimits) -> ProbeResult:
    """Run a probe on the tree as it is, and leave the tree as it was but for what the code under test writes.

    Args:
        workspace: with or without a change.
        probe: it need not be in the tree.
        brief: says which interpreter and which suite.
        limits: `command_s` for scripts, `tests_s` for test files; `observation_bytes` bounds the output.

    Raises:
        SandboxError: the machine failed.
    """
    with ExitStack() as stack:
        for path, content in ((probe.path, probe.content), *probe.support):
            try:
                stack.enter_context(_placed(workspace, path, content.encode()))
            except OSError as error:
                output = f"{path} cannot be written: {error.strerror}"
                return ProbeResult(verdict="broken", exit_code=None, output=output)
        run = _run_script if probe.kind == "script" else _run_test
        return run(workspace, probe, brief, limits)


@contextmanager
def _placed(workspace: Workspace, path: str, data: bytes) -> Iterator[None]:
    """Have a file in the tree, and afterwards what was there before."""
    before: bytes | None = None
    with suppress(OSError):
        before = workspace.read(path)
    mode = 0o644
    if before is not None and before != data:
        said = workspace.box.exec(("stat", "-L", "-c", "%a", "--", path), timeout=60).out.strip()
        mode = int(said, 8) if said else mode
    if before != data:
        workspace.write(path, data)
    try:
        yield
    finally:
        if before is None:
            workspace.box.exec(("rm", "-f", "--", path), timeout=60)
        elif before != data:
            workspace.write(path, before, mode=mode)


def _run_script(workspace: Workspace, probe: Probe, brief: Brief, limits: ToolLimits) -> ProbeResult:
    argv = ("sh", "-c", _RUN, brief.image.python, probe.path)
    result = workspace.box.exec(argv, timeout=limits.command_s, env=DETERMINISM)
    verdict: Verdict = "broken"
    if result.timed_out:
        verdict = "timed_out"
    elif result.exit_code in {PRESENT, FIXED}:
        verdict = "present" if result.exit_code == PRESENT else "fixed"
    omitted = result.stdout_bytes - len(result.stdout)
    output = clip(clean(result.stdout).strip("\n"), limits.observation_bytes, omitted=omitted)
    return ProbeResult(verdict=verdict, exit_code=result.exit_code, output=output, seconds=result.seconds)


def _run_test(workspace: Workspace, probe: Probe, brief: Brief, limits: ToolLimits) -> ProbeResult:
    name = probe.test or probe.path
    if brief.suite.kind == "unittest" and not probe.test:
        name = name.removesuffix(".py").replace("/", ".")
    if brief.suite.kind == "command":
        return ProbeResult(
            verdict="broken",
            exit_code=None,
            output="The suite is one command, which cannot run a single file; write the probe as a script.",
        )
    return result_of(run_suite(workspace.box, brief.suite, [name], timeout_s=limits.tests_s), limits.observation_bytes)


def result_of(report: SuiteReport, most_bytes: int) -> ProbeResult:
    """What the tests of a probe say together: one that fails shows the issue; `most_bytes` bounds the output."""
    failed = "\n\n".join(f"--- {test}\n{message}" for test, message in report.messages.items())
    output = clip(clean((failed or report.log_tail).encode()).strip("\n"), most_bytes)
    return ProbeResult(verdict=_verdict(report), exit_code=report.exit_code, output=output, seconds=report.seconds)


def _verdict(report: SuiteReport) -> Verdict:
    """A test that fails shows the issue; one that cannot even be set up, or imported, shows nothing."""
    if report.status == "timed_out":
        return "timed_out"
    if report.status != "ran" or report.having(Outcome.ERROR):
        return "broken"
    if report.having(Outcome.FAILED):
        return "present"
    return "fixed" if report.having(Outcome.PASSED) else "broken"

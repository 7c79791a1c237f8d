"""Run a suite in a sandbox."""

import json
import uuid
from collections.abc import Sequence
from importlib import resources

from envs.suite.report import command_report, read_report
from envs.values import Suite, SuiteReport
from sandbox.port import Sandbox

DETERMINISM = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    # Tests of coloured output are written in ordinary terminals.
    "TERM": "xterm",
}
"""Variables of every run: equal trees should give equal reports."""

REPORT_BYTES = 256 << 20


def run_suite(box: Sandbox, suite: Suite, tests: Sequence[str] = (), *, timeout_s: float | None = None) -> SuiteReport:
    """Run the whole suite, or some of its tests, and report what each of them did.

    Args:
        box: an open sandbox with the tree in its work tree.
        suite: how to run.
        tests: ids to run, of tests, classes or files; none: all. A command has no ids: all of it runs.
        timeout_s: for the whole run; None: the suite's own.

    Raises:
        SandboxError: the machine failed. What the tests and the runner did, however badly, is a report.
    """
    timeout = suite.timeout_s if timeout_s is None else timeout_s
    if suite.kind == "command":
        return command_report(box.exec(suite.argv, timeout=timeout, env=DETERMINISM))
    made = box.exec(("mktemp", "-d"), timeout=60)
    folder = made.out.strip()
    if not made.ok or not folder.startswith("/"):
        return SuiteReport(status="unusable", exit_code=made.exit_code, log_tail=f"no temporary folder: {made.err}")
    # Code under test could guess a fixed name and write its own report there.
    results = f"{folder}/{uuid.uuid4().hex}"
    script, selection = f"{folder}/{suite.kind}_runner.py", f"{folder}/selection.json"
    try:
        box.write(script, resources.files("envs.suite.inside").joinpath(f"{suite.kind}_runner.py").read_bytes())
        box.write(selection, json.dumps({"tests": list(tests), "seconds": suite.test_timeout_s}).encode())
        argv = runner_argv(suite, script, results, selection, everything=not tests)
        result = box.exec(argv, timeout=timeout, env=DETERMINISM)
        try:
            lines = box.read(results, max_bytes=REPORT_BYTES)
        except OSError:
            lines = b""
    finally:
        box.exec(("rm", "-rf", folder), timeout=60)
    return read_report(lines, result)


def runner_argv(suite: Suite, script: str, results: str, selection: str, *, everything: bool) -> tuple[str, ...]:
    """Return the suite's command with our runner in the place of `-m pytest` or `-m unittest`."""
    at = suite.argv.index("-m")
    head, options = suite.argv[:at], suite.argv[at + 2 :]
    paths = suite.paths if everything else ()
    return (*head, script, results, selection, *options, *paths)

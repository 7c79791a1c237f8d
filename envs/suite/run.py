"""Run a suite in a sandbox."""

import json
import shlex
import time
import uuid
from collections.abc import Iterator, Sequence
from importlib import resources

from envs.suite.report import command_report, joined_report, printed_report, read_report
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
OUTPUT_BYTES = 16 << 20
"""Of a command whose output is read."""

NAMES_BYTES = 100_000
"""Of the tests that one command names: they may stand in one argument of a shell, and Linux lets an argument have 131,072."""

TESTS, MODULES = "{tests}", "{modules}"
"""In a command: where tests are named, as given; and as dotted names of Python modules. Such a command's output is read test by test."""

_NAMES = """
for test; do
    case $test in *.py)
        folder=$(dirname -- "$test"); name=$(basename -- "$test" .py)
        while [ -e "$folder/__init__.py" ] && [ "$folder" != . ]; do
            name=$(basename -- "$folder").$name; folder=$(dirname -- "$folder")
        done; test=$name;;
    esac
    printf '%s\\n' "$test"
done
"""
"""Prints what each file is imported as: from the first folder above it that is no package. Other names stay."""


def run_suite(
    box: Sandbox,
    suite: Suite,
    tests: Sequence[str] = (),
    *,
    timeout_s: float | None = None,
    lenient: bool = False,
) -> SuiteReport:
    """Run the whole suite, or some of its tests, and report what each of them did.

    Args:
        box: an open sandbox with the tree in its work tree.
        suite: how to run.
        tests: ids to run, of tests, classes or files; none: all. A command takes them where it has a place for them, else all of it runs.
        timeout_s: for the whole run; None: the suite's own.
        lenient: names of tests that are not there are passed over; else they make the run unusable.

    Raises:
        SandboxError: the machine failed. What the tests and the runner did, however badly, is a report.
    """
    timeout = suite.timeout_s if timeout_s is None else timeout_s
    if suite.kind == "command":
        return _run_command(box, suite, tests, timeout)
    made = box.exec(("mktemp", "-d"), timeout=60)
    folder = made.out.strip()
    if not made.ok or not folder.startswith("/"):
        return SuiteReport(status="unusable", exit_code=made.exit_code, log_tail=f"no temporary folder: {made.err}")
    # Code under test could guess a fixed name and write its own report there.
    results = f"{folder}/{uuid.uuid4().hex}"
    script, selection = f"{folder}/{suite.kind}_runner.py", f"{folder}/selection.json"
    try:
        box.write(script, resources.files("envs.suite.inside").joinpath(f"{suite.kind}_runner.py").read_bytes())
        asked = {"tests": list(tests), "seconds": suite.test_timeout_s, "lenient": lenient}
        box.write(selection, json.dumps(asked).encode())
        argv = runner_argv(suite, script, results, selection, everything=not tests)
        result = box.exec(argv, timeout=timeout, env=DETERMINISM)
        try:
            lines = box.read(results, max_bytes=REPORT_BYTES)
        except OSError:
            lines = b""
    finally:
        box.exec(("rm", "-rf", folder), timeout=60)
    return read_report(lines, result)


def takes_tests(suite: Suite) -> bool:
    """Whether single tests of a suite can be run."""
    return suite.kind != "command" or any(place in word for word in suite.argv for place in (TESTS, MODULES))


def _run_command(box: Sandbox, suite: Suite, tests: Sequence[str], timeout: float) -> SuiteReport:
    if not takes_tests(suite):
        return command_report(box.exec(suite.argv, timeout=timeout, env=DETERMINISM))
    reports: list[SuiteReport] = []
    end = time.monotonic() + timeout
    for names in _batches(tests or suite.paths):
        left = end - time.monotonic()
        if reports and left <= 0:
            reports.append(SuiteReport(status="timed_out"))
            break
        modules = names
        if any(MODULES in word for word in suite.argv) and names:
            modules = box.exec(("sh", "-c", _NAMES, "sh", *names), timeout=60).out.splitlines()
        places = {TESTS: shlex.join(names), MODULES: shlex.join(modules)}
        argv = [word.replace(TESTS, places[TESTS]).replace(MODULES, places[MODULES]) for word in suite.argv]
        reports.append(printed_report(box.exec(argv, timeout=left, env=DETERMINISM, max_bytes=OUTPUT_BYTES)))
        if reports[-1].status == "timed_out":
            break
    return joined_report(reports)


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    """As many names at once as one command can hold; one batch of none where there are none."""
    batch: list[str] = []
    size = 0
    for name in names:
        length = len(shlex.quote(name).encode()) + 1
        if batch and size + length > NAMES_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += length
    yield batch


def runner_argv(suite: Suite, script: str, results: str, selection: str, *, everything: bool) -> tuple[str, ...]:
    """Return the suite's command with our runner in the place of `-m pytest` or `-m unittest`."""
    at = suite.argv.index("-m")
    head, options = suite.argv[:at], suite.argv[at + 2 :]
    paths = suite.paths if everything else ()
    return (*head, script, results, selection, *options, *paths)

"""From the lines that a runner wrote to a report."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from envs.suite.lines import read_outcomes
from envs.values import Outcome, SuiteReport
from sandbox.values import ExecResult

LOG_TAIL_CHARACTERS = 8000
NOT_STARTED = (2, 4, 126, 127)
"""Exit codes that speak of a runner that never ran a test: wrong use, or no such program."""
SEVERITY = (Outcome.PASSED, Outcome.SKIPPED, Outcome.XFAILED, Outcome.FAILED, Outcome.ERROR)


def read_report(lines: bytes, result: ExecResult) -> SuiteReport:
    """Return what the lines and the runner's end say together.

    The lines are written while tests run, so that what is known survives the runner's death. Only the last one, written
    after the last test, together with an exit code that agrees with every outcome makes the status `ran`: code that
    ends the interpreter with exit code 0 does not pass.

    Args:
        lines: JSON lines of `inside/pytest_runner.py` or `inside/unittest_runner.py`; a torn last line is left out.
        result: how the runner ended.
    """
    outcomes: dict[str, Outcome] = {}
    messages: dict[str, str] = {}
    durations: dict[str, float] = {}
    running = ""
    end: dict[str, Any] | None = None
    unknown: list[str] = []
    for event in _events(lines):
        match event.get("event"):
            case "start":
                running = _clean(event["id"])
            case "test":
                running = ""
                _record(event, outcomes, messages, durations)
            case "unknown":
                unknown = [_clean(test) for test in event["ids"]]
            case "end":
                end = event
    if unknown:
        return _report("unusable", result, note=f"no such test: {', '.join(unknown)}")
    status = _status(outcomes, end, result)
    note = f"the runner ended during {running}" if running and status in {"crashed", "timed_out"} else ""
    return _report(status, result, note=note).model_copy(
        update={"outcomes": outcomes, "messages": messages, "durations": durations}
    )


def command_report(result: ExecResult) -> SuiteReport:
    """Return the report of a command that is judged by its exit code alone; its only test is called `command`."""
    if result.timed_out or result.exit_code is None:
        return _report("timed_out", result)
    if result.exit_code < 0:
        return _report("crashed", result)
    if result.exit_code in {126, 127}:
        return _report("unusable", result)
    outcome = Outcome.PASSED if result.exit_code == 0 else Outcome.FAILED
    return _report("ran", result).model_copy(update={"outcomes": {"command": outcome}})


def printed_report(result: ExecResult) -> SuiteReport:
    """Return the report of a command that prints what each test did; one that prints nothing of the kind is judged by its exit code."""
    outcomes = read_outcomes(f"{result.out}\n{result.err}")
    if not outcomes:
        return command_report(result)
    bad = any(outcome in {Outcome.FAILED, Outcome.ERROR} for outcome in outcomes.values())
    status = "ran" if (result.exit_code == 0) != bad and (result.exit_code or 0) >= 0 else "crashed"
    return _report("timed_out" if result.timed_out else status, result).model_copy(update={"outcomes": outcomes})


def joined_report(reports: Sequence[SuiteReport]) -> SuiteReport:
    """Return one report of several runs of one suite, each of other tests: it `ran` when all of them did.

    Args:
        reports: at least one, in the order of the runs.
    """
    if len(reports) == 1:
        return reports[0]
    worst = next((report for report in reports if report.status != "ran"), reports[-1])
    return worst.model_copy(
        update={
            "outcomes": {test: outcome for report in reports for test, outcome in report.outcomes.items()},
            "messages": {test: text for report in reports for test, text in report.messages.items()},
            "durations": {test: taken for report in reports for test, taken in report.durations.items()},
            "seconds": sum(report.seconds for report in reports),
            "cpu_seconds": sum(report.cpu_seconds for report in reports),
        }
    )


def log_tail(result: ExecResult) -> str:
    """Return the end of what a command printed, errors last."""
    text = "\n".join(part.strip("\n") for part in (result.out, result.err) if part.strip())
    return text[-LOG_TAIL_CHARACTERS:]


def _status(outcomes: dict[str, Outcome], end: dict[str, Any] | None, result: ExecResult) -> str:
    if result.timed_out:
        return "timed_out"
    code = result.exit_code
    if end is None:
        return "unusable" if not outcomes and code in NOT_STARTED else "crashed"
    if code != end["exit"] or not end["complete"]:
        return "crashed"
    if code == 5:
        return "nothing_collected"
    if code == 4:
        return "unusable"
    bad = any(outcome in {Outcome.FAILED, Outcome.ERROR} for outcome in outcomes.values())
    agrees = code == 1 if bad else code == 0 and bool(outcomes)
    return "ran" if agrees else "crashed"


def _report(status: Any, result: ExecResult, *, note: str = "") -> SuiteReport:
    tail = log_tail(result)
    return SuiteReport(
        status=status,
        exit_code=result.exit_code,
        seconds=result.seconds,
        cpu_seconds=result.cpu_seconds,
        log_tail=f"{tail}\n{note}".strip() if note else tail,
    )


def _record(
    event: dict[str, Any], outcomes: dict[str, Outcome], messages: dict[str, str], durations: dict[str, float]
) -> None:
    """Take up one test; of several outcomes under one id the worst stays."""
    test, outcome = _clean(event["id"]), Outcome(event["outcome"])
    known = outcomes.get(test)
    if known is None or SEVERITY.index(outcome) > SEVERITY.index(known):
        outcomes[test] = outcome
        if "message" in event:
            messages[test] = _clean(event["message"])
    if "seconds" in event:
        durations[test] = float(event["seconds"])


def _events(lines: bytes) -> Iterator[dict[str, Any]]:
    for line in lines.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            return
        yield event


def _clean(text: str) -> str:
    """Surrogates, from file names that are not UTF-8, cannot be part of a value."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")

"""What a log and an exit code say of a patch. Pure.

A test passes or fails as in `swebench` 5.0: a test that should be repaired must pass (or fail as expected), one that should go on
passing may also be skipped, and one that is missing has failed. On top of that, a patch is only right when the log tells of a run that
was finished, and agrees with the exit code: what a patch prints by itself is no evidence.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from envs.grading.parsers import ERROR, FAILED, PASSED, SKIPPED, XFAIL, Reading
from envs.grading.values import Gold, Status

_GOOD = (PASSED, XFAIL)
FAIL_TO_PASS, PASS_TO_PASS = "FAIL_TO_PASS", "PASS_TO_PASS"
_PYTEST_END = re.compile(r"^=*\s*(\d+ \w+,? ?)+.* in [\d.]+ ?(s|seconds)\b.*$|^=+ .*\bno tests ran\b", re.MULTILINE)
_ENDS = {
    "parse_log_django": re.compile(r"^Ran \d+ tests? in [\d.]+s$", re.MULTILINE),
    "parse_log_sympy": re.compile(r"tests finished: \d+ passed"),
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
Tests = Mapping[str, Mapping[str, tuple[str, ...]]]


class Verdict(NamedTuple):
    """See the fields of `Grade`."""

    status: Status
    reason: str
    tests: Tests


def judge(
    gold: Gold, reading: Reading, *, parser: str, log: str, exit_code: int | None, clipped: bool = False
) -> Verdict:
    """Return the verdict on a run of the hidden tests.

    Args:
        gold: which tests count.
        reading: of the log.
        parser: that read it.
        log: what the tests printed.
        exit_code: of the test command; None when it was killed by its time-out.
        clipped: the log's middle is missing.
    """
    statuses = {**reading.otherwise, **reading.statuses}
    tests = _sorted(gold, statuses)
    bad = [test for kind in tests.values() for test in kind["failure"]]
    missing = [test for test in bad if _key(test, statuses) is None]
    status: Status
    told = bool(reading.statuses) or (gold.fail_only and _finished(parser, log))
    if exit_code is None:
        status, reason = "unknown", "The tests did not end in time."
    elif exit_code < 0:
        status, reason = "unknown", f"The tests were ended by signal {-exit_code}."
    elif not _count(tests):
        status, reason = "unknown", "The task lists no test."
    elif not told:
        status, reason = "unknown", f"The log tells of no test (exit code {exit_code})."
    elif clipped and missing:
        status, reason = "unknown", "The log is too long, and tests are missing in it."
    elif bad:
        missed = " (missing)" if bad[0] in missing else ""
        status, reason = "unresolved", f"{len(bad)} of {_count(tests)} tests fail, the first is {bad[0]}{missed}."
    else:
        status, reason = _all_pass(gold, reading, parser=parser, log=log, exit_code=exit_code, count=_count(tests))
    return Verdict(status, reason, tests if told else {})


def _all_pass(gold: Gold, reading: Reading, *, parser: str, log: str, exit_code: int, count: int) -> tuple[Status, str]:
    """What it means that every listed test passes, by the log."""
    if not _finished(parser, log):
        return "unknown", "The log says that all tests pass, but it has no end: the test runner died."
    if twice := _contradicted(gold, reading.seen):
        return "unresolved", f"The log says of {twice} both that it failed and that it passed."
    if exit_code != 0 and not any(status in (FAILED, ERROR) for _, status in reading.seen):
        return "unknown", f"Exit code {exit_code}, but the log tells of no failure."
    return "resolved", f"All {count} tests pass."


def _sorted(gold: Gold, statuses: Mapping[str, str]) -> Tests:
    good = {
        FAIL_TO_PASS: (gold.fail_to_pass, _GOOD),
        PASS_TO_PASS: (gold.pass_to_pass, (*_GOOD, SKIPPED)),
    }
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for kind, (tests, passing) in good.items():
        if gold.fail_only:
            failed = [test for test in tests if statuses.get(test) == FAILED]
        else:
            failed = [test for test in tests if statuses.get(_key(test, statuses) or "") not in passing]
        apart = set(failed)
        found[kind] = {"success": tuple(test for test in tests if test not in apart), "failure": tuple(failed)}
    return found


def _key(test: str, statuses: Mapping[str, str]) -> str | None:
    """The name in the log. Some published ids are cut off within their parameters: those match all that begin so and agree."""
    if test in statuses:
        return test
    if test.count("[") > test.count("]"):
        matches = [name for name in statuses if name.startswith(test)]
        if len({statuses[name] in _GOOD for name in matches}) == 1:
            return matches[0]
    return None


def _finished(parser: str, log: str) -> bool:
    """The runner's own last line is there."""
    return bool(_ENDS.get(parser, _PYTEST_END).search(_COLOUR.sub("", log)))


def _contradicted(gold: Gold, seen: Sequence[tuple[str, str]]) -> str | None:
    """A listed test that the log says failed, and later says passed."""
    # Some lists hold what is left of a wrapped line, `[100%]`, which every log says of everything.
    listed = {test for test in (*gold.fail_to_pass, *gold.pass_to_pass) if not test.startswith("[")}
    failed: set[str] = set()
    for test, status in seen:
        if status == FAILED and test in listed:
            failed.add(test)
        elif status == PASSED and test in failed:
            return test
    return None


def _count(tests: Tests) -> int:
    return sum(len(names) for kind in tests.values() for names in kind.values())

"""Outcomes of tests in what a test command prints: the lines of unittest's and pytest's verbose output."""

import re
from collections.abc import Iterator

from envs.values import Outcome

_NAMED = re.compile(r"^(?P<name>\w+) \((?P<place>[\w.]+)\)")
_ENDED = re.compile(
    r"(?:\.\.\. |^)(?P<said>ok|FAIL|ERROR|skipped .*|expected failure|unexpected success)\s*$|"
    r"\.\.\. .*?(?P<late>ok|FAIL|ERROR)\s*$"
)
_PYTEST = re.compile(r"^(?P<id>\S+\.py::.+?) (?P<said>PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b")
_HEADING = re.compile(r"^(?P<said>ERROR|FAIL): (?P<name>\w+) \((?P<place>[\w.]+)\)")
_OUTCOMES = {
    "ok": Outcome.PASSED,
    "FAIL": Outcome.FAILED,
    "ERROR": Outcome.ERROR,
    "skipped": Outcome.SKIPPED,
    "expected": Outcome.XFAILED,
    "unexpected": Outcome.FAILED,
    "PASSED": Outcome.PASSED,
    "FAILED": Outcome.FAILED,
    "SKIPPED": Outcome.SKIPPED,
    "XFAIL": Outcome.XFAILED,
    "XPASS": Outcome.PASSED,
}
_REACH = 400
"""Lines after a test's name in which its outcome may still stand: what it prints comes between."""


def read_outcomes(text: str) -> dict[str, Outcome]:
    """Return outcomes by test id (pytest's node ids, unittest's dotted names); empty when nothing looks like one.

    A test of which only the name was printed is missing. The headings of unittest's report of failures count too, as what a test
    prints may tear its line apart.
    """
    found: dict[str, Outcome] = {}
    for test, said in _said(text.splitlines()):
        outcome = _OUTCOMES[said.partition(" ")[0]]
        if found.get(test) not in (Outcome.FAILED, Outcome.ERROR):
            found[test] = outcome
    return found


def _said(lines: list[str]) -> Iterator[tuple[str, str]]:
    running, since = "", 0
    for at, line in enumerate(lines):
        if match := _PYTEST.match(line):
            yield match["id"], match["said"]
            continue
        if match := _HEADING.match(line):
            yield _dotted(match["name"], match["place"]), match["said"]
            continue
        if match := _NAMED.match(line):
            running, since = _dotted(match["name"], match["place"]), at
        if running and at - since <= _REACH and (ended := _ENDED.search(line)):
            yield running, ended["said"] or ended["late"]
            running = ""


def _dotted(name: str, place: str) -> str:
    """Since Python 3.11 the place holds the name already."""
    return place if place.endswith(f".{name}") else f"{place}.{name}"

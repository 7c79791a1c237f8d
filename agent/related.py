"""Which of the failing tests that nobody named belong to the issue: their names, or the way they fail, stand in it."""

import re
from collections import Counter
from collections.abc import Iterable

from agent.cues import find_cues
from agent.values import Brief

_SHORTEST = 4
"""Letters of a name that says something."""
_COMMON = 3
"""A name in more test ids than this, and in more than one of fifty, says nothing of one of them."""
_MOST = 10
"""When more tests than this seem to belong to the issue, they are related to each other and not to it."""
_FUNCTION = re.compile(r'^\S+\.py:\d+: in (\w+)|File "[^"\n]+", line \d+, in (\w+)', re.MULTILINE)
_ERROR = re.compile(r"^(?:E\s+)?(\w*(?:Error|Exception|Warning)\b.*)$", re.MULTILINE)
_SHORTEST_ERROR = 24


def required_tests(brief: Brief) -> tuple[str, ...]:
    """Return the tests that a change has to make pass, of those that fail on base.

    All of them when they were named, or when there is nothing else to go by; beside an issue, those that belong to it.
    """
    task = brief.task
    if task.failing_tests or task.issue is None:
        return brief.targets
    issue = task.issue.text
    names = {name for line in find_cues([issue]).splitlines() for name in _names(line)}
    telling = names - _common(brief.base_report.outcomes, names)
    found = tuple(
        test for test in brief.targets if _belongs(test, brief.base_report.messages.get(test, ""), issue, telling)
    )
    return found if len(found) <= _MOST else ()


def _belongs(test: str, message: str, issue: str, telling: set[str]) -> bool:
    """By the test's own name, by a function in which it fails, or by the very error that the issue shows."""
    if _names(test.partition("::")[2] or test.rpartition(".")[2]) & telling:
        return True
    functions = {name.lower() for pair in _FUNCTION.findall(message) for name in pair if name}
    if {name for name in functions if not name.startswith("test")} & telling:
        return True
    return any(len(error) >= _SHORTEST_ERROR and error in issue for error in map(str.strip, _ERROR.findall(message)))


def _names(text: str) -> set[str]:
    """Identifiers without what marks them as tests, in small letters; of dotted ones each part."""
    found: set[str] = set()
    for name in re.findall(r"[A-Za-z_]\w*", text):
        bare = re.sub(r"^(?:test_?|Test)|(?:_?test|Tests?)$", "", name).strip("_").lower()
        if len(bare) >= _SHORTEST:
            found.add(bare)
    return found


def _common(tests: Iterable[str], names: set[str]) -> set[str]:
    """Those of the names that many tests have."""
    tests = list(tests)
    counts = Counter(name for test in tests for name in _names(test.partition("::")[2] or test) & names)
    return {name for name, count in counts.items() if count > _COMMON and count * 50 > len(tests)}

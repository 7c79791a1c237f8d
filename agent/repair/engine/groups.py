"""Which failing tests one edit can be expected to repair, where nobody said which belong to the bug.

Tests that fail for one cause run one piece of code that tests which pass run seldom: those whose most suspicious functions
overlap are taken together. Where that takes too much together, parts of it are tried at the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Mapping, Sequence

from .baseline import Baseline, Observation
from .tracing import CodeKey

_MANY = 6
"""Groups that are searched, and parts of groups, at most."""
_PART = re.compile(r"[A-Za-z][a-z0-9]+|[A-Z]{2,}")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "all and any are assert assertionerror but call can class def does error exception expected fail failed fails false file "
        "for from get has have how import instead into its kwargs line method more none not one only other out pytest python "
        "raise raised raises return returned returns self set should some such test testcase tests than that the them then there "
        "these this true two type unittest use used using value values was what when where which while why will with work works "
        "would wrong you your",
    )
)
"""Words of any issue and of any test."""


@dataclass(frozen=True)
class Group:
    """Failing tests that one edit should repair."""

    tests: tuple[str, ...]
    cause: tuple[str, ...]
    """Tests that seem to fail for the same cause, these included."""


@dataclass(frozen=True)
class Plan:
    """What to search, in this order."""

    groups: tuple[Group, ...]
    parts: tuple[Group, ...] = ()
    """Parts of groups, for when no group gave anything."""


def together(baseline: Baseline) -> Plan:
    """All failing tests must pass."""
    tests = tuple(item.test for item in baseline.failing)
    return Plan((Group(tests, tests),))


def apart(baseline: Baseline, texts: Mapping[str, str], issue: str) -> Plan:
    """Groups by cause: those that share words with the issue before others, then larger ones.

    Args:
        baseline: at least one failing test runs code of the project.
        texts: the source of test functions, by id without the case's.
        issue: empty when there is none.
    """
    groups = _by_cause([item for item in baseline.failing if item.lines], _hits(baseline.passing))
    words = [_words(_text(group, texts)) for group in groups]
    wanted = _words(issue)
    owners = {word: sum(word in own for own in words) for word in wanted}

    def order(place: int) -> tuple[float, int, str]:
        # a word of every group says nothing about any
        cues = sum(1 / owners[word] for word in wanted & words[place] if owners[word] < len(groups))
        return -round(cues, 6), -len(_units(groups[place])), groups[place][0].test

    ordered = [groups[place] for place in sorted(range(len(groups)), key=order)][:_MANY]
    named = [(tuple(item.test for item in group), _units(group)) for group in ordered]
    parts = [Group(unit, cause) for cause, units in named if len(units) > 1 for unit in units]
    return Plan(tuple(Group(cause, cause) for cause, _ in named), tuple(parts[:_MANY]))


def _by_cause(failing: Sequence[Observation], hits: Mapping[tuple[str, int], int]) -> list[list[Observation]]:
    """Tests whose suspects overlap, directly or through others."""
    groups: list[tuple[set[CodeKey], list[Observation]]] = []
    for item in failing:
        suspects = _suspects(item, hits)
        members = [item]
        apart = []
        for group in groups:
            if suspects & group[0]:
                suspects |= group[0]
                members = group[1] + members
            else:
                apart.append(group)
        groups = [*apart, (suspects, members)]
    return [sorted(members, key=lambda item: item.test) for _, members in groups]


def _suspects(item: Observation, hits: Mapping[tuple[str, int], int]) -> set[CodeKey]:
    """The function in which a test crashed, else those of its functions with the lines that fewest passing tests run."""
    for path, line in item.frames[:1]:
        crashed = {key for key, lines in item.lines.items() if key[0] == path and line in lines}
        if crashed:
            return crashed
    least = {key: min(hits.get((key[0], line), 0) for line in lines) for key, lines in item.lines.items() if lines}
    return {key for key, count in least.items() if count == min(least.values())}


def _hits(passing: Sequence[Observation]) -> dict[tuple[str, int], int]:
    """How many passing tests run each line."""
    found: dict[tuple[str, int], int] = {}
    for item in passing:
        for (path, _, _), lines in item.lines.items():
            for line in lines:
                found[path, line] = found.get((path, line), 0) + 1
    return found


def _units(group: Sequence[Observation]) -> list[tuple[str, ...]]:
    """The test functions of a group, each with its cases; the cases one by one where there is only one function."""
    found: dict[str, list[str]] = {}
    for item in group:
        found.setdefault(item.test.partition("[")[0], []).append(item.test)
    if len(found) == 1:
        return [(item.test,) for item in group]
    return [tuple(found[name]) for name in sorted(found)]


def _text(group: Sequence[Observation], texts: Mapping[str, str]) -> str:
    """What can be read of a group: names, messages, sources and where they crashed."""
    parts: list[str] = []
    for item in group:
        parts += [item.test.rpartition("/")[2], item.message, texts.get(item.test.partition("[")[0], "")]
        parts += [
            name
            for path, line in item.frames
            for (file, _, name), hit in item.lines.items()
            if file == path and line in hit
        ]
    return "\n".join(parts)


def _words(text: str) -> frozenset[str]:
    """Words of names and of prose, in lower case."""
    found = (word.lower() for word in _PART.findall(text))
    return frozenset(word for word in found if len(word) > 2 and word not in _COMMON)

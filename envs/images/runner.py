"""Which pytest a project can live with: told from its sources, since running them would be running them with a network."""

import re
from collections.abc import Iterable, Mapping

_REMOVED_IN_8 = re.compile(
    r"^\s+def (setup|teardown)\(self\)|^def (setup|teardown)\(\)|pytest_cmdline_preparse|\bpytest\.(Instance|collect)\b",
    re.MULTILINE,
)
"""Nose-style set-up, which pytest 8 no longer calls, and interfaces that it no longer has."""
_NEWEST = "pytest"
_BOUNDED = re.compile(r"pytest\s*(\[[^]]*\])?\s*[<>=!~]")


def find_runner(tests: Mapping[str, str], requirements: Iterable[str]) -> str | None:
    """Return the requirement for pytest, or None where the project itself bounds it.

    Interfaces of conftest files and plugins outlive pytest's major versions badly: version 9 refuses hooks with `path` arguments, version 8
    forgot nose's set-up methods. Projects that depend on the newest say so; others are served by the one before.

    Args:
        tests: sources of tests and configuration files, by path.
        requirements: what the project asks for, as lines of a requirements file.
    """
    if any(_BOUNDED.match(line) for line in requirements):
        return None
    texts = [text for path, text in tests.items() if path.endswith(".py")]
    if any(
        re.search(r"minversion\s*=\s*[\"']?(9|\d\d)", text) for path, text in tests.items() if not path.endswith(".py")
    ):
        return _NEWEST
    unittest_only = re.compile(r"\b(TestCase|unittest)\b")
    if any(_REMOVED_IN_8.search(text) and not unittest_only.search(text) for text in texts):
        return "pytest<8"
    return "pytest<9"

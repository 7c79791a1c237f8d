"""Where functions that are changed are used: a judge that should think of other callers has to see them."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from agent.tools.text import one_line
from envs.patches import BaseTree, is_test_path

_SHOWN = 10
_COMMON = 200
"""A name that stands in so many lines is used for many things."""
_ASIDE = re.compile(r"\s*(?:(?:async\s+def|def|class|import|from)\b|#)")


def find_uses(base: BaseTree, names: Sequence[str]) -> Mapping[str, str]:
    """Return lines of Python code outside of tests, by the name that they use; nothing for names that nobody, or everybody, uses."""
    words = sorted(set(names))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path, number, line in base.tree.find_words(words, ".py") if words else ():
        if is_test_path(path) or _ASIDE.match(line):
            continue
        said = set(re.findall(r"\w+", line))
        for name in words:
            if name in said:
                found[name].append(f"{path}:{number}: {one_line(line.strip(), 160)}")
    return {name: _listed(name, lines) for name, lines in found.items() if len(lines) <= _COMMON}


def _listed(name: str, lines: Sequence[str]) -> str:
    more = f"\nand {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return f"{name}:\n" + "\n".join(lines[:_SHOWN]) + more

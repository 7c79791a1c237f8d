"""Which tests are nearest to a set of changes, so that a change which breaks something is seen to early.

Tests are ranked by file, from what they import, what they and their folders are called, which changed names they use, and what past
commits changed together with them. Nothing is run.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.context import signals
from agent.context.corpus import Document
from agent.context.fusion import fuse
from agent.context.imports import ModuleIndex, imports_of
from agent.context.kinds import Kind, kind_of
from agent.context.words import terms_of
from envs.history import Commit
from envs.normal_form import normalise
from envs.patches import BaseTree
from envs.trees import BaseFile, FileChange

_WEIGHTS = {"named": 1.5, "imports": 1.0, "together": 1.5, "names": 1.0, "folders": 0.7}
_TEST = re.compile(rb"^[ \t]*(?:async )?def test|^class \w*Test|\bunittest\b", re.MULTILINE)
_MAX_FILE = 1_000_000  # bytes; what is larger is generated
_MAX_TEXT = 48_000_000  # bytes that are read
_MAX_NAMES = 60
_FIRST_PLACES = 5.0
_COMMON = frozenset({"tests", "test", "src", "lib", "init", "python"})


class NearTests(NamedTuple):
    """Test files of the base."""

    ranked: tuple[str, ...]
    """Those that something speaks for, nearest first."""
    sizes: Mapping[str, int]
    """Bytes, of all of them."""

    def share(self, files: Sequence[str]) -> float:
        """How much of all test code these files hold, in [0, 1]."""
        return sum(self.sizes.get(file, 0) for file in files) / max(1, sum(self.sizes.values()))


def find_tests(
    base: BaseTree,
    changes: Mapping[str, Sequence[FileChange]],
    commits: Sequence[Commit],
    *,
    within: Sequence[str] = (),
) -> NearTests:
    """Rank test files by how near they are to changes; the order of changes does not matter.

    Args:
        base: the base, open.
        changes: by candidate; what many of them touch weighs more.
        commits: newest first; may be empty.
        within: files or folders that the suite is limited to; empty: everything.
    """
    files = base.tree.files()
    tests = _read_tests(base, [file for file in files if _is_wanted(file, within)])
    seeds: dict[str, set[str]] = {}
    for touched in changes.values():
        for place in normalise(touched).functions:
            path, _, name = place.partition("::")
            if kind_of(path) is not Kind.TEST:
                seeds.setdefault(path, set()).update(name.partition("#")[0].split("."))
    known = frozenset(document.path for document, _ in tests)
    index = ModuleIndex(file.path for file in files)
    together = _past(seeds, commits, known)
    totals: dict[str, float] = {}
    for seed, names in sorted(seeds.items()):
        share = sum(any(c.path == seed for c in touched) for touched in changes.values()) / max(1, len(changes))
        ranked = _near(seed, names, tests, index, together[seed])
        for at, path in enumerate(ranked):
            totals[path] = totals.get(path, 0.0) + math.sqrt(share) / (_FIRST_PLACES + at)
    order = sorted(totals, key=lambda path: (-totals[path], path))
    return NearTests(tuple(order), {document.path: document.file.size for document, _ in tests})


def _is_wanted(file: BaseFile, within: Sequence[str]) -> bool:
    inside = not within or any(file.path == place or file.path.startswith(f"{place.rstrip('/')}/") for place in within)
    return inside and file.path.endswith(".py") and file.size <= _MAX_FILE and kind_of(file.path) is Kind.TEST


def _read_tests(base: BaseTree, files: Sequence[BaseFile]) -> list[tuple[Document, bytes]]:
    """Those that define tests, with their imports and content; the smaller ones where not all can be read."""
    left, chosen = _MAX_TEXT, []
    for file in sorted(files, key=lambda file: (file.size, file.path)):
        left -= file.size
        if left < 0:
            break
        chosen.append(file)
    return [
        (Document(file, Kind.TEST, imports=imports_of(file.path, content)), content)
        for file, content in base.tree.read_files(sorted(chosen))
        if _TEST.search(content) and file.path.rpartition("/")[2] != "conftest.py"
    ]


def _past(
    seeds: Mapping[str, set[str]], commits: Sequence[Commit], tests: frozenset[str]
) -> dict[str, dict[str, float]]:
    wanted = tests | seeds.keys()
    return {seed: signals.changed_together({seed: 1.0}, commits, wanted) for seed in seeds}


def _near(
    seed: str,
    names: set[str],
    tests: Sequence[tuple[Document, bytes]],
    index: ModuleIndex,
    together: Mapping[str, float],
) -> list[str]:
    """Tests of one changed file, nearest first."""
    documents = [document for document, _ in tests]
    known = {document.path for document in documents}
    rankings = {
        "named": {path: fit for path in known if (fit := signals.name_match(path, seed)) > 0},
        "imports": signals.importers({seed: 1.0}, documents, index),
        "together": {path: score for path, score in together.items() if path in known},
        "names": _users(names, tests),
        "folders": _alike(seed, documents),
    }
    return list(fuse(rankings, _WEIGHTS)[0])


def _users(names: set[str], tests: Sequence[tuple[Document, bytes]]) -> dict[str, float]:
    """Tests that use changed names; the rarer the name, the more."""
    telling = sorted(name for name in names if len(name) > 3 and not name.startswith("__"))[:_MAX_NAMES]
    if not telling:
        return {}
    pattern = re.compile(rb"\b(?:" + b"|".join(re.escape(name.encode()) for name in telling) + rb")\b")
    found = {document.path: frozenset(pattern.findall(content)) for document, content in tests}
    users: dict[bytes, int] = {}
    for held in found.values():
        for name in held:
            users[name] = users.get(name, 0) + 1
    return {
        path: sum(math.log(1 + len(tests) / users[name]) for name in sorted(held))
        for path, held in found.items()
        if held
    }


def _alike(seed: str, documents: Sequence[Document]) -> dict[str, float]:
    """Tests whose path shares words with the changed file's; the rarer among tests, the more."""
    words = {document.path: _words(document.path) for document in documents}
    counts: dict[str, int] = {}
    for held in words.values():
        for word in held:
            counts[word] = counts.get(word, 0) + 1
    own = _words(seed)
    return {
        path: sum(math.log(1 + len(words) / counts[word]) for word in sorted(held & own)) / math.sqrt(1 + len(held))
        for path, held in words.items()
        if held & own
    }


def _words(path: str) -> frozenset[str]:
    parts = re.findall(r"[A-Za-z0-9]+", path.rpartition(".")[0].replace("_", "/"))
    return frozenset(term for part in parts for term in terms_of(part)) - _COMMON

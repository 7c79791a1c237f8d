"""Checks from everywhere: the issue's own code, what trajectories wrote, and what candidates carry in their patches."""

from collections.abc import Mapping, Sequence

from agent.probe import Probe
from agent.values import Candidate
from envs.snippets import find_snippets
from envs.trees import BaseFile
from selection.execution.checks import Check, Script, check_of
from selection.lifted import Parts
from selection.port import WrittenProbe
from selection.values import Origin

MOST = 40
"""Checks of one selection."""
_EACH = 3
"""Tests and scripts of one candidate."""


def gather(
    *,
    issue: str,
    packages: Sequence[str],
    written: Sequence[WrittenProbe],
    candidates: Mapping[str, Candidate],
    parts: Mapping[str, Parts],
) -> tuple[Check, ...]:
    """Return checks with unique ids, at most `MOST`: the issue's first, then those written for it, then those of candidates, in turns.

    What is equal but for comments is taken once from each author.

    Args:
        issue: its text; may be empty.
        packages: importable top-level packages of the repository.
        written: probes; none that a trajectory wrote is taken for another's.
        candidates: by id, those of which `parts` are known.
        parts: what they carry.
    """
    snippets = find_snippets(issue, packages=packages)
    found = [
        Check(id=f"issue-{number}", origin=Origin.ISSUE, body=snippet) for number, snippet in enumerate(snippets, 1)
    ]
    found += [check_of(probe) for probe in sorted(written, key=lambda probe: probe.id)]
    expects = next((snippet.exception for snippet in snippets if snippet.exception), "")
    carried: list[tuple[int, str, Check]] = []
    for name in sorted(parts):
        for number, body in enumerate(_bodies(parts[name])[:_EACH]):
            check = Check(
                id=f"{name}:{body.path}",
                origin=Origin.TRAJECTORY,
                author=candidates[name].trajectory_id,
                body=body,
                expects=expects if isinstance(body, Script) else "",
            )
            carried.append((number, name, check))
    found += [check for _, _, check in sorted(carried, key=lambda item: item[:2])]
    once: dict[tuple[str | None, str], Check] = {}
    for check in found:
        once.setdefault((check.author, check.digest), check)
    return tuple(once.values())[:MOST]


def packages_of(files: Sequence[BaseFile]) -> tuple[str, ...]:
    """Importable packages at the top of a tree, or below `src` or `lib`; tests are none."""
    found: dict[str, None] = {}
    for file in files:
        folders = file.path.split("/")
        if folders[0] in ("src", "lib"):
            folders = folders[1:]
        if len(folders) == 2 and folders[1] == "__init__.py" and folders[0] not in ("tests", "test", "docs", "doc"):
            found[folders[0]] = None
    return tuple(found)


def _bodies(parts: Parts) -> list[Probe | Script]:
    tests = [Probe(kind="test", path=path, content=text) for path, text in sorted(parts.tests.items())]
    scripts = [Script(path=path, content=text) for path, text in sorted(parts.scripts.items())]
    return [*tests, *scripts]

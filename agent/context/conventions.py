"""What a complete change is in a repository, told by its files and its history."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from agent.context.kinds import Kind, fragment_kind, is_changelog, kind_of
from agent.context.signals import plain_name
from envs.history import Commit

_COMMITS = 50
_MAX_FILES = 30
"""Commits that touch more are sweeps."""
_ALONG = {Kind.TEST: "tests", Kind.DOCS: "documentation"}


def describe_conventions(paths: Sequence[str], commits: Sequence[Commit]) -> str:
    """Say in a few sentences where tests, changelog and documentation lie, and how often a change of source came with them.

    Args:
        paths: all files of the base.
        commits: newest first; empty where there is no history.
    """
    kinds = {path: kind_of(path) for path in paths}
    sentences = [*_tests(kinds), *_changelog(kinds), *_docs(kinds), *_history(commits, set(paths))]
    return "\n".join(sentences)


def _tests(kinds: Mapping[str, Kind]) -> list[str]:
    tests = [path for path, kind in kinds.items() if kind is Kind.TEST and "." in path.rpartition("/")[2]]
    if not tests:
        return ["No tests were found by the usual names."]
    by_name: dict[str, list[str]] = {}
    for path in tests:
        by_name.setdefault(plain_name(path), []).append(path)
    layouts: Counter[str] = Counter()
    for path, kind in kinds.items():
        if kind is Kind.SOURCE and not path.endswith("__init__.py"):
            layouts.update({_layout(path, test) for test in by_name.get(plain_name(path), ())})
    said = [f"{layout} ({count} files)" for layout, count in _most(layouts, 2) if count > 1]
    if said:
        return [f"Tests of a module NAME in FOLDER lie in {' or '.join(said)}."]
    folders = Counter(_top(path) for path in tests)
    return [f"Tests lie in {', '.join(f'{folder} ({count} files)' for folder, count in _most(folders, 3))}."]


def _layout(source: str, test: str) -> str:
    folder, where = str(PurePosixPath(source).parent), PurePosixPath(test)
    name = PurePosixPath(source).stem
    base = where.name.replace(name, "NAME", 1)
    parent = str(where.parent)
    if parent == folder:
        return f"FOLDER/{base}"
    if parent.startswith(f"{folder}/"):
        return f"FOLDER/{parent.removeprefix(f'{folder}/')}/{base}"
    shared = _shared_end(PurePosixPath(folder).parts, where.parent.parts)
    if shared:
        return f"{'/'.join(where.parent.parts[:-shared])}/SUBFOLDER/{base}".lstrip("/")
    return base if parent == "." else f"{parent}/{base}"


def _shared_end(left: Sequence[str], right: Sequence[str]) -> int:
    """How many parts two folders have in common at their ends."""
    count = 0
    for mine, theirs in zip(reversed(left), reversed(right), strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _changelog(kinds: Mapping[str, Kind]) -> list[str]:
    logs = [path for path, kind in kinds.items() if kind is Kind.CHANGELOG]
    fragments = [path for path in logs if fragment_kind(path) is not None]
    if fragments:
        folders = Counter(_fragment_folder(path) for path in fragments)
        folder = _most(folders, 1)[0][0]
        said = Counter(str(fragment_kind(path)) for path in fragments)
        names = ", ".join(kind for kind, _ in _most(said, 6))
        example = min(path for path in fragments if _fragment_folder(path) == folder)
        return [f"News fragments lie in {folder}, one file for each change, such as {example}; kinds in use: {names}."]
    whole = sorted((path for path in logs if path.count("/") <= 2), key=lambda path: (path.count("/"), path))
    return [f"Changelog: {', '.join(whole[:3])}."] if whole else []


def _fragment_folder(path: str) -> str:
    return path.rpartition("/")[0] + "/"


def _docs(kinds: Mapping[str, Kind]) -> list[str]:
    folders = Counter(_top(path) for path, kind in kinds.items() if kind is Kind.DOCS and "/" in path)
    docs = [folder for folder, count in _most(folders, 3) if count > 1 and folder.lower().startswith("doc")]
    return [f"Documentation lies in {', '.join(docs)}."] if docs else []


def _history(commits: Sequence[Commit], present: set[str]) -> list[str]:
    total = 0
    along: Counter[str] = Counter()
    for commit in commits:
        kinds = {path: kind_of(path) for path in commit.paths}
        if len(commit.paths) > _MAX_FILES or Kind.SOURCE not in kinds.values():
            continue
        total += 1
        named = {_log_name(path, present) for path, kind in kinds.items() if kind is Kind.CHANGELOG}
        named |= {_ALONG[kind] for kind in kinds.values() if kind in _ALONG}
        along.update(named)
        if total == _COMMITS:
            break
    if not total:
        return []
    changes = f"the last {total} commits that changed source" if total > 1 else "the one commit that changed source"
    said = [f"{count} also changed {name}" for name, count in _most(along, 4)]
    return [f"Of {changes}, {', '.join(said) or 'none changed tests, documentation or a changelog'}."]


def _log_name(path: str, present: set[str]) -> str:
    """Fragments come and go, so they count together; so do files that are gone."""
    if path in present and is_changelog(path) and fragment_kind(path) is None:
        return path
    return "news fragments" if fragment_kind(path) is not None else "changelog files that are gone"


def _top(path: str) -> str:
    return path.partition("/")[0] + "/" if "/" in path else "the top folder"


def _most(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    """As `most_common`, but equals are in the order of their names."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]

"""The signals together: which files matter for a task."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.context import signals
from agent.context.corpus import Corpus, parse_documents, read_corpus
from agent.context.fusion import fuse
from agent.context.imports import ModuleIndex
from agent.context.kinds import Kind
from agent.context.query import Query
from envs.history import Commit
from envs.symbols import SymbolCache
from envs.trees import Tree

WEIGHTS: Mapping[str, float] = {
    "stack trace": 1.0,
    "path in the issue": 2.0,
    "module in the issue": 1.0,
    "defines a name of the issue": 1.5,
    "text": 1.0,
    "passage": 1.0,
    "names in it": 1.0,
    "message in the source": 1.0,
    "similar past change": 0.5,
    "often changed": 0.2,
    "imported by the failing tests": 1.5,
    "named like a failing test": 1.0,
    "imported by ranked files": 0.3,
    "imports ranked files": 0.2,
    "changed with ranked files": 0.5,
}
"""How much each signal counts; measured by `bench/context_recall.py`."""

_SEEDS = 8


class Ranking(NamedTuple):
    """Files in the order of their relevance."""

    scores: Mapping[str, float]
    """By path, best first."""
    reasons: Mapping[str, tuple[str, ...]]
    """Signals, strongest first."""
    signals: Mapping[str, Mapping[str, float]]
    """What each signal said, for measurements."""


def read_and_parse(tree: Tree, query: Query, cache: SymbolCache) -> Corpus:
    """Read what is ranked, and find the symbols of the most likely files first."""
    files = tree.files()
    paths = [file.path for file in files]
    named = {**signals.stack_frames(query, paths), **signals.named_paths(query, paths)}
    corpus = read_corpus(tree, files, query, named)
    sources = corpus.of(Kind.SOURCE)
    first = signals.text(query, sources)
    parse_documents(tree, sorted(sources, key=lambda d: (-first.get(d.path, 0.0), d.path)), cache)
    return corpus


def rank_sources(
    corpus: Corpus, query: Query, *, tests: Sequence[str], commits: Sequence[Commit], index: ModuleIndex
) -> Ranking:
    """Rank source files.

    Args:
        corpus: with symbols.
        query: what to look for.
        tests: paths of failing tests.
        commits: newest first; may be empty.
        index: of the corpus.
    """
    sources = corpus.of(Kind.SOURCE)
    paths = [document.path for document in sources]
    known = frozenset(paths)
    found: dict[str, signals.Scores] = {
        "stack trace": signals.stack_frames(query, paths),
        "path in the issue": signals.named_paths(query, paths),
        "module in the issue": signals.named_modules(query, index),
        "defines a name of the issue": signals.definitions(query, sources),
        "text": signals.text(query, sources),
        "passage": signals.passages(query, sources),
        "names in it": signals.labels(query, sources),
        "message in the source": signals.messages(query, sources),
        "similar past change": signals.past_subjects(query, commits, known),
        "often changed": signals.often_changed(commits, known),
        "imported by the failing tests": signals.imported(dict.fromkeys(tests, 1.0), corpus.documents, index),
        "named like a failing test": signals.tested_by(tests, paths),
    }
    found = {signal: _only(known, scores) for signal, scores in found.items()}
    first, _ = fuse(found, WEIGHTS)
    seeds = {path: 1.0 / (at + 1) for at, path in enumerate(list(first)[:_SEEDS])}
    found["imported by ranked files"] = _only(known, signals.imported(seeds, corpus.documents, index))
    found["imports ranked files"] = signals.importers(seeds, sources, index)
    found["changed with ranked files"] = signals.changed_together(seeds, commits, known)
    scores, reasons = fuse(found, WEIGHTS)
    return Ranking(scores, reasons, found)


def _only(known: frozenset[str], scores: signals.Scores) -> signals.Scores:
    return {path: score for path, score in scores.items() if path in known}

"""Finds the context of a task, once, for all its trajectories. No model is asked and nothing of the repository is run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.context import signals
from agent.context.conventions import describe_conventions
from agent.context.corpus import Corpus
from agent.context.fusion import fuse
from agent.context.imports import ModuleIndex
from agent.context.instructions import read_instructions
from agent.context.kinds import Kind
from agent.context.outline import draw_outline
from agent.context.pieces import rank_symbols
from agent.context.query import Query, read_query
from agent.context.ranking import Ranking, rank_sources, read_and_parse
from agent.context.values import Bounds, Context, RankedFile
from agent.related import required_tests
from agent.values import Brief
from envs.history import Commit, read_history
from envs.patches import BaseTree
from envs.symbols import Symbol, SymbolCache
from envs.trees import Tree

_TEST_WEIGHTS = {"failing": 3.0, "text": 1.0, "named": 1.5, "imports": 1.0, "together": 1.0}


def find_context(
    base: BaseTree,
    *,
    issue: str = "",
    failing: Mapping[str, str] | None = None,
    cues: str = "",
    repository: Path | None = None,
    head: str | None = None,
    bounds: Bounds | None = None,
    symbols: SymbolCache | None = None,
) -> Context:
    """Find what matters for a task. The same input gives the same context.

    Args:
        base: the base, open.
        issue: title in the first line, then the body; may be empty.
        failing: by test id, the message with which each target fails on base (empty: unknown).
        cues: as from `find_cues`; found here when empty.
        repository: the user's work tree, for its history; None reads none.
        head: the commit of the base in that history; nothing later is read. None reads none.
        bounds: how much the context may hold.
        symbols: shared with who else reads symbols of this base; None for one of its own.

    Raises:
        RepositoryUnusable: the base cannot be read.
    """
    bounds = bounds or Bounds()
    failing = failing or {}
    query = read_query(issue, failing, cues)
    commits = read_history(repository, head, most=bounds.commits) if repository and bounds.commits else ()
    corpus = read_and_parse(base.tree, query, symbols or SymbolCache())
    index = ModuleIndex(corpus.documents)
    tests = files_of_tests(tuple(failing), corpus, index)
    ranking = rank_sources(corpus, query, tests=tests, commits=commits, index=index)
    files = _ranked_files(base.tree, corpus, query, ranking, bounds)
    paths = [file.path for file in corpus.files]
    ranked = {file.path: file.symbols for file in files}
    return Context(
        outline=draw_outline(
            paths, ranked, {path: d.symbols for path, d in corpus.documents.items()}, limit=bounds.outline_bytes
        ),
        files=files,
        tests=_ranked_tests(corpus, query, failing=tests, ranked=list(ranked), commits=commits, index=index)[
            : bounds.tests
        ],
        instructions=read_instructions(base.tree, corpus.files, list(ranked), bounds),
        conventions=describe_conventions(paths, commits),
        unread=corpus.unread,
    )


def find_context_of(brief: Brief, base: BaseTree, *, bounds: Bounds | None = None) -> Context:
    """As `find_context`, with everything that a brief holds.

    Failing tests that do not belong to the issue are left out: where hundreds fail for a reason of the environment, what they import
    and print would drown what the issue says.
    """
    return find_context(
        base,
        issue=brief.task.issue.text if brief.task.issue else "",
        failing={test: brief.base_report.messages.get(test, "") for test in required_tests(brief)},
        repository=Path(brief.snapshot.origin),
        head=brief.snapshot.head_commit,
        bounds=bounds,
    )


def files_of_tests(tests: Sequence[str], corpus: Corpus, index: ModuleIndex) -> tuple[str, ...]:
    """Files of test ids: pytest's node ids, unittest's dotted names."""
    known = {file.path for file in corpus.files}
    found: dict[str, None] = {}
    for test in tests:
        path = test.partition("::")[0]
        files = (path,) if path in known else index.longest(path)[0]
        found.update(dict.fromkeys(files[:1]))
    return tuple(found)


def _ranked_files(tree: Tree, corpus: Corpus, query: Query, ranking: Ranking, bounds: Bounds) -> tuple[RankedFile, ...]:
    best = list(ranking.scores)[: bounds.files]
    chosen = [corpus.documents[path].file for path in best]
    contents: dict[str, tuple[Sequence[Symbol], bytes]] = {
        file.path: (corpus.documents[file.path].symbols, content) for file, content in tree.read_files(chosen)
    }
    symbols = rank_symbols(query, contents, most=bounds.symbols)
    return tuple(
        RankedFile(
            path=path,
            score=round(ranking.scores[path], 6),
            reasons=ranking.reasons[path],
            symbols=symbols.get(path, ()),
        )
        for path in best
    )


def _ranked_tests(
    corpus: Corpus,
    query: Query,
    *,
    failing: Sequence[str],
    ranked: Sequence[str],
    commits: Sequence[Commit],
    index: ModuleIndex,
) -> tuple[str, ...]:
    """Failing tests first, then those that by name, imports, history or text belong to the best ranked files."""
    documents = corpus.of(Kind.TEST)
    known = frozenset(document.path for document in documents)
    seeds = {path: 1.0 / (at + 1) for at, path in enumerate(ranked[:8])}
    named: signals.Scores = {}
    for seed, weight in seeds.items():
        for path in known:
            if (fit := signals.name_match(path, seed)) > 0:
                named[path] = max(named.get(path, 0.0), fit * weight)
    rankings: dict[str, Mapping[str, float]] = {
        "failing": {path: 1.0 / (at + 1) for at, path in enumerate(failing) if path in known},
        "text": signals.text(query, documents),
        "named": named,
        "imports": signals.importers(seeds, documents, index),
        "together": signals.changed_together(seeds, commits, known),
    }
    return tuple(fuse(rankings, _TEST_WEIGHTS)[0])

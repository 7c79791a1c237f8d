"""What speaks for a file: each signal gives files a score of its own, comparable inside the signal only."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from agent.context.bm25 import bm25, rarity, term_rarities
from agent.context.corpus import Document
from agent.context.imports import ModuleIndex
from agent.context.query import Query
from agent.context.words import WORD, terms_of
from envs.history import Commit

Scores = dict[str, float]
"""By path; a file that is missing has nothing that speaks for it."""

_MAX_HOMONYMS = 12
"""A name that more files define says nothing about which is meant."""
_KINDS = {"class": 1.0, "function": 1.0, "method": 0.7, "constant": 0.5}
_MAX_TOGETHER = 30
"""Commits that touch more files are sweeps, not fixes."""


def named_paths(query: Query, paths: Sequence[str]) -> Scores:
    """Files whose path the issue spells out, whole or from the end."""
    scores: Scores = {}
    index = _by_name(paths)
    for at, path in enumerate(query.paths):
        found, common = _ending(path, index)
        for file in found:
            scores[file] = max(scores.get(file, 0.0), (common + 1.0 / (at + 1)) / len(found))
    return scores


def stack_frames(query: Query, paths: Sequence[str]) -> Scores:
    """Files in stack traces, the innermost first."""
    scores: Scores = {}
    index = _by_name(paths)
    for at, frame in enumerate(query.frames):
        found, common = _ending(frame.path, index)
        if common > 1 or len(found) == 1:
            for file in found:
                scores[file] = max(scores.get(file, 0.0), (at + 1.0) / len(found))
    return scores


def named_modules(query: Query, index: ModuleIndex) -> Scores:
    """Files of modules that dotted names begin with."""
    scores: Scores = {}
    for name, weight in query.dotted.items():
        files, rest = index.longest(name)
        depth = len(name.split(".")) - (len(rest.split(".")) if rest else 0)
        if len(files) <= 2 and depth > 1:
            for file in files:
                scores[file] = scores.get(file, 0.0) + weight * (0.5 if file.endswith("__init__.py") else 1.0)
    return scores


def definitions(query: Query, documents: Sequence[Document]) -> Scores:
    """Files that define names of the issue; the rarer the name, the more."""
    tails = {".".join(name.split(".")[-2:]): weight for name, weight in reversed(list(query.dotted.items()))}
    places: dict[str, dict[str, float]] = {}
    qualified: dict[str, dict[str, float]] = {}
    for document in documents:
        for symbol in document.symbols:
            name = symbol.name.rpartition(".")[2]
            if name in query.names:
                held = places.setdefault(name, {})
                held[document.path] = max(held.get(document.path, 0.0), _KINDS[symbol.kind])
            if "." in symbol.name and symbol.name in tails:
                qualified.setdefault(symbol.name, {})[document.path] = 2.0
    scores: Scores = {}
    for weights, found in ((query.names, places), (tails, qualified)):
        for name, files in found.items():
            if len(files) <= _MAX_HOMONYMS:
                for file, strength in files.items():
                    scores[file] = scores.get(file, 0.0) + weights[name] * strength / len(files)
    return scores


def text(query: Query, documents: Sequence[Document]) -> Scores:
    """BM25 of whole files."""
    counts = [sum((Counter(p.counts) for p in document.passages), Counter[str]()) for document in documents]
    lengths = [sum(p.length for p in document.passages) for document in documents]
    return _ranked(query.terms, documents, counts, lengths)


def passages(query: Query, documents: Sequence[Document]) -> Scores:
    """BM25 of the best passage of each file: a large file may be about many things."""
    flat = [(document.path, passage) for document in documents for passage in document.passages]
    rarities = term_rarities(query.terms, [passage.counts for _, passage in flat])
    mean = sum(passage.length for _, passage in flat) / max(1, len(flat))
    scores: Scores = {}
    for path, passage in flat:
        if passage.counts:
            score = bm25(passage.counts, passage.length, weights=query.terms, rarities=rarities, mean=mean)
            scores[path] = max(scores.get(path, 0.0), score)
    return scores


def labels(query: Query, documents: Sequence[Document]) -> Scores:
    """BM25 of what files are called and what they define."""
    counts, lengths = [], []
    for document in documents:
        words = WORD.findall(document.path.rpartition(".")[0].replace("/", " ")) * 3
        words += [symbol.name.rpartition(".")[2] for symbol in document.symbols]
        terms = [term for word in words for term in terms_of(word)]
        counts.append(Counter(term for term in terms if term in query.terms))
        lengths.append(len(terms))
    return _ranked(query.terms, documents, counts, lengths)


def messages(query: Query, documents: Sequence[Document]) -> Scores:
    """Files in which pieces of the issue's error messages, or its options, stand as they are."""
    holders = Counter(at for document in documents for at in document.phrases)
    return {
        document.path: sum(rarity(holders[at], len(documents)) for at in document.phrases)
        for document in documents
        if document.phrases
    }


def past_subjects(query: Query, commits: Sequence[Commit], paths: frozenset[str]) -> Scores:
    """Files that commits with a similar subject touched."""
    useful = [commit for commit in commits if len(commit.paths) <= _MAX_TOGETHER]
    counts = [Counter(t for w in WORD.findall(c.subject) for t in terms_of(w) if t in query.terms) for c in useful]
    rarities = term_rarities(query.terms, counts)
    scores: Scores = {}
    for commit, held in zip(useful, counts, strict=True):
        if held:
            score = bm25(held, 10, weights=query.terms, rarities=rarities, mean=10.0)
            for path in commit.paths:
                if path in paths:
                    scores[path] = scores.get(path, 0.0) + score / math.sqrt(len(commit.paths))
    return scores


def changed_together(seeds: Mapping[str, float], commits: Sequence[Commit], paths: frozenset[str]) -> Scores:
    """Files that past commits changed together with the seeds."""
    alone: Counter[str] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    for commit in commits:
        if len(commit.paths) > _MAX_TOGETHER:
            continue
        held = [path for path in commit.paths if path in paths]
        for seed in held:
            if seed in seeds:
                alone[seed] += 1
                together.update((seed, other) for other in held if other != seed)
    scores: Scores = {}
    for (seed, other), count in together.items():
        if count > 1:  # once is chance
            scores[other] = scores.get(other, 0.0) + seeds[seed] * count / (alone[seed] + 3.0)
    return scores


def often_changed(commits: Sequence[Commit], paths: frozenset[str]) -> Scores:
    """Files that are worked on: faults lie where work is done."""
    return dict(
        Counter(
            path for commit in commits if len(commit.paths) <= _MAX_TOGETHER for path in commit.paths if path in paths
        )
    )


def imported(seeds: Mapping[str, float], documents: Mapping[str, Document], index: ModuleIndex) -> Scores:
    """Files that the seeds import, each sharing its seed's weight with the others."""
    scores: Scores = {}
    for seed, weight in seeds.items():
        if seed not in documents:
            continue
        files = [file for file in index.resolve(documents[seed].imports) if file != seed]
        for file in files:
            scores[file] = scores.get(file, 0.0) + weight / math.sqrt(len(files))
    return scores


def importers(seeds: Mapping[str, float], documents: Iterable[Document], index: ModuleIndex) -> Scores:
    """Files that import seeds; a seed that everything imports passes little on to each."""
    users: dict[str, list[str]] = {}
    for document in documents:
        for file in index.resolve(document.imports):
            if file in seeds and file != document.path:
                users.setdefault(file, []).append(document.path)
    scores: Scores = {}
    for seed, files in users.items():
        for file in files:
            scores[file] = scores.get(file, 0.0) + seeds[seed] / len(files)
    return scores


def _ranked(
    weights: Mapping[str, float],
    documents: Sequence[Document],
    counts: Sequence[Mapping[str, int]],
    lengths: Sequence[int],
) -> Scores:
    rarities = term_rarities(weights, counts)
    mean = sum(lengths) / max(1, len(lengths))
    return {
        document.path: bm25(held, length, weights=weights, rarities=rarities, mean=mean)
        for document, held, length in zip(documents, counts, lengths, strict=True)
        if held
    }


def _by_name(paths: Iterable[str]) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for path in paths:
        index.setdefault(path.rpartition("/")[2], []).append(path)
    return index


def _ending(path: str, index: Mapping[str, list[str]]) -> tuple[list[str], int]:
    """The files that share the longest ending with a path, and how many parts that is; none where it is only a common name."""
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    if not parts:
        return [], 0
    best: list[str] = []
    most = 0
    for file in index.get(parts[-1], ()):
        common = 0
        for mine, theirs in zip(reversed(parts), reversed(file.split("/")), strict=False):
            if mine != theirs:
                break
            common += 1
        if common > most:
            best, most = [file], common
        elif common == most:
            best.append(file)
    return ([], 0) if len(best) > 3 and most == 1 else (best, most)


def tested_by(tests: Sequence[str], paths: Sequence[str]) -> Scores:
    """Files that failing tests are named after, the nearest folder first."""
    by_name: dict[str, list[str]] = {}
    for path in paths:
        by_name.setdefault(plain_name(path), []).append(path)
    scores: Scores = {}
    for test in tests:
        parts = plain_name(test).split("_")
        for end in range(len(parts), 0, -1):
            for path in by_name.get("_".join(parts[:end]), ()):
                scores[path] = max(scores.get(path, 0.0), name_match(test, path))
    return {path: score for path, score in scores.items() if score > 0}


def name_match(test: str, source: str) -> float:
    """How well a test file's name fits a source file: 0 when it does not, more the more folders they share, under 3."""
    stem = plain_name(test)
    plain = plain_name(source)
    if not stem or not plain or (stem != plain and not stem.startswith(plain + "_")):
        return 0.0
    mine, theirs = set(test.split("/")[:-1]), set(source.split("/")[:-1])
    shared = len(mine & theirs) / max(1, len(theirs))
    return (2.0 if stem == plain else 1.0) + min(shared, 0.99)


def plain_name(path: str) -> str:
    """The name of a file without ending and without what marks it as a test."""
    name = path.rpartition("/")[2].partition(".")[0].lower()
    for mark in ("test_", "tests_"):
        name = name.removeprefix(mark)
    for mark in ("_test", "_tests", "_spec", "test"):
        name = name.removesuffix(mark) or name
    return name.strip("_")

"""The base's files as the search sees them: counts of the words that matter, names that they define and modules that they import.

Contents pass by once and are not kept: what stays is a few counts for each file.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.context.imports import imports_of
from agent.context.kinds import Kind, kind_of
from agent.context.query import Query
from agent.context.words import WORD, terms_of
from envs.symbols import Symbol, SymbolCache
from envs.trees import BaseFile, Tree

_MAX_FILE = 1_000_000  # bytes; what is larger is generated or data
_MAX_TEXT = 64_000_000  # bytes read for counting
_MAX_PARSED = 12_000_000  # bytes parsed for symbols, about a second and a half
_MAX_PARSED_FILE = 400_000  # bytes; what is larger is mostly tables
_PASSAGE_LINES = 50
_TEST_FUNCTION = re.compile(rb"^(?:    )?(?:async )?def test_\w+\(|^class Test\w*[(:]", re.MULTILINE)


class Passage(NamedTuple):
    """Some lines of a file."""

    counts: Mapping[str, int]
    """How often each term of the query stands in it; those that do not are missing."""
    length: int
    """In words."""


@dataclass
class Document:
    """One file that is ranked."""

    file: BaseFile
    kind: Kind
    passages: tuple[Passage, ...] = ()
    phrases: tuple[int, ...] = ()
    """Which of the query's phrases stand in it, by index."""
    imports: tuple[str, ...] = ()
    """Modules and names that it imports, dotted, absolute where that can be told."""
    symbols: tuple[Symbol, ...] = ()

    @property
    def path(self) -> str:
        """Relative to the top."""
        return self.file.path


@dataclass
class Corpus:
    """What was read of the base."""

    files: tuple[BaseFile, ...]
    """All regular files."""
    documents: dict[str, Document] = field(default_factory=dict)
    """Source and tests, by path, in the order of paths."""
    unread: int = 0
    """Source files left out because they are too large, or the base is."""

    def of(self, kind: Kind) -> list[Document]:
        """Documents of one kind, in the order of paths."""
        return [document for document in self.documents.values() if document.kind is kind]


def read_corpus(tree: Tree, files: tuple[BaseFile, ...], query: Query, named: Mapping[str, float]) -> Corpus:
    """Read and count.

    Args:
        tree: the base.
        files: all of it.
        query: what is counted.
        named: files that the issue speaks of, with a score; they are read first where not everything is.
    """
    corpus = Corpus(files)
    kinds = {file.path: kind_of(file.path) for file in corpus.files}
    wanted = [file for file in corpus.files if kinds[file.path] in (Kind.SOURCE, Kind.TEST)]
    chosen = _affordable(wanted, kinds, named)
    corpus.unread = sum(kinds[file.path] is Kind.SOURCE for file in wanted) - sum(
        kinds[f.path] is Kind.SOURCE for f in chosen
    )
    reader = _Reader(query)
    found = {}
    for file, content in tree.read_files(chosen):
        if b"\0" not in content[:8000]:
            found[file.path] = reader.read(file, kinds[file.path], content)
    corpus.documents = dict(sorted(found.items()))
    return corpus


def parse_documents(tree: Tree, documents: Iterable[Document], cache: SymbolCache) -> None:
    """Find the symbols of documents, the first ones first, until enough was parsed."""
    left = _MAX_PARSED
    chosen = {}
    for document in documents:
        if document.file.size <= min(left, _MAX_PARSED_FILE):
            left -= document.file.size
            chosen[document.path] = document
    for file, content in tree.read_files(document.file for document in chosen.values()):
        chosen[file.path].symbols = cache.find(file.path, content)


def _affordable(files: list[BaseFile], kinds: Mapping[str, Kind], named: Mapping[str, float]) -> list[BaseFile]:
    """Those named first, then source before tests, then the small before the large."""
    ordered = sorted(
        (file for file in files if file.size <= _MAX_FILE),
        key=lambda file: (-named.get(file.path, 0.0), kinds[file.path] is Kind.TEST, file.size > 100_000, file.path),
    )
    left = _MAX_TEXT
    chosen = []
    for file in ordered:
        if file.size <= left:
            left -= file.size
            chosen.append(file)
    return chosen


class _Reader:
    """Counts one file after another for one query."""

    def __init__(self, query: Query) -> None:
        self._terms = frozenset(query.terms)
        self._phrases = [phrase.encode() for phrase in query.phrases]
        self._known: dict[str, tuple[str, ...]] = {}

    def read(self, file: BaseFile, kind: Kind, content: bytes) -> Document:
        if kind is Kind.SOURCE and file.path.endswith(".py") and len(_TEST_FUNCTION.findall(content)) >= 2:
            kind = Kind.TEST  # tests that no name gives away
        lines = content.decode("utf-8", "replace").split("\n")
        passages = tuple(
            self._passage("\n".join(lines[at : at + _PASSAGE_LINES])) for at in range(0, len(lines), _PASSAGE_LINES)
        )
        phrases = tuple(at for at, phrase in enumerate(self._phrases) if phrase in content)
        return Document(file, kind, passages, phrases, imports_of(file.path, content))

    def _passage(self, text: str) -> Passage:
        words = WORD.findall(text)
        counts: dict[str, int] = {}
        for word in words:
            terms = self._known.get(word)
            if terms is None:
                terms = self._known[word] = tuple(term for term in terms_of(word) if term in self._terms)
            for term in terms:
                counts[term] = counts.get(term, 0) + 1
        return Passage(counts, len(words))

"""What the issue and the failing tests' messages say, taken apart for the search."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agent.context.words import STOP_WORDS, WORD, terms_of
from agent.cues import find_cues

_FENCED = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE)
_TICKED = re.compile(r"`([^`\n]{1,200})`")
_FRAME = re.compile(r"(?P<path>[^\s:\"]+):(?P<line>\d+)(?: (?P<function>\S+))?")
_TOKEN = re.compile(r"[\w./@+-]{4,300}")
_FILE = re.compile(r"[\w+-]\.[A-Za-z]\w{0,9}$")
_LONE_FILE = re.compile(r"\w\.(?:py|pyi|pyx|js|jsx|ts|tsx|go|rs|java|rb|c|h|cc|cpp|php|html)$")
_DOTTED = re.compile(r"\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_SHAPED = re.compile(r"\b(?:[A-Za-z]+_\w+|_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|[A-Z][A-Z0-9_]{3,}|\w+(?=\())")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]{2,}")
_MESSAGE = re.compile(r"^[ \tE>|]*(?:[\w.]*(?:Error|Exception|Warning|Exit)\b):\s*(.{8,400})", re.MULTILINE)
_QUOTED = re.compile(r"\"([^\"\n]{12,200})\"|'([^'\n]{12,200})'")
_HOLE = re.compile(r"['\"`<{\[(].*?['\"`>}\])]|[^\sA-Za-z,.-]+|\b\w*[_\d]\w*\b")
_IMPORTED = re.compile(r"^[ \t]*(?:>>> *|\.\.\. *|In \[\d+\]: *)?(?:from|import)[ \t].*$", re.MULTILINE)

_MAX_TEXT = 60_000  # characters of an issue that are read
_MAX_TERMS = 300
_MAX_PHRASES = 40


class Frame(NamedTuple):
    """A place in a stack trace."""

    path: str
    line: int
    function: str


class Query(NamedTuple):
    """What to look for. Everything is in the order of its weight or appearance, so that the same text gives the same search."""

    terms: Mapping[str, float]
    """Stemmed words with their weights, for ranking by text."""
    names: Mapping[str, float]
    """Names that look like code, as written and without dots, with their weights."""
    dotted: Mapping[str, float]
    """Dotted names as written."""
    paths: tuple[str, ...]
    """Paths and file names that the issue spells out."""
    frames: tuple[Frame, ...]
    """Stack trace frames, as printed; in Python the innermost comes last."""
    phrases: tuple[str, ...]
    """Pieces of messages that might stand in the source as they are, and command line options."""


def read_query(issue: str, failing: Mapping[str, str], cues: str = "") -> Query:
    """Take the texts apart.

    Args:
        issue: its first line counts as its title.
        failing: messages of failing tests by test id.
        cues: as from `find_cues`; found here when empty.
    """
    issue = issue[:_MAX_TEXT].replace("\r\n", "\n")
    messages = "\n".join(failing.values())[-_MAX_TEXT:]
    cues = cues or find_cues((issue, messages))
    text = f"{issue}\n{messages}"
    return Query(
        terms=_terms(issue, failing, messages),
        names=_names(issue, messages),
        dotted=_dotted(issue, messages),
        paths=tuple(dict.fromkeys(_paths(text))),
        frames=_frames(cues),
        phrases=tuple(_phrases(text)),
    )


def _paths(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        path = match[0].strip("/").rstrip(".-")
        if (_FILE if "/" in path else _LONE_FILE).search(path):
            yield path


def _terms(issue: str, failing: Mapping[str, str], messages: str) -> dict[str, float]:
    title, _, body = issue.partition("\n")
    code = "\n".join(match[2] for match in _FENCED.finditer(body))
    prose = _FENCED.sub("\n", body)
    weights: dict[str, float] = {}
    # A word counts more where it is said more often, but ten times is not ten times as much.
    parts = ((title, 3.0), (prose, 1.0), (_IMPORTED.sub("", code), 0.5), (messages, 0.3), (" ".join(failing), 1.0))
    for text, weight in parts:
        counts: dict[str, int] = {}
        for word in WORD.findall(text):
            if word.lower() not in STOP_WORDS:
                for term in terms_of(word):
                    counts[term] = counts.get(term, 0) + 1
        for term, count in counts.items():
            if term not in STOP_WORDS and len(term) > 1:
                weights[term] = weights.get(term, 0.0) + weight * (1.0 + min(count - 1, 4) * 0.25)
    return _heaviest(weights, _MAX_TERMS)


def _names(issue: str, messages: str) -> dict[str, float]:
    title, _, body = issue.partition("\n")
    prose = _FENCED.sub("\n", body)
    code = "\n".join(match[2] for match in _FENCED.finditer(body))
    found: dict[str, float] = {}

    def add(names: list[str], weight: float) -> None:
        for name in dict.fromkeys(names):
            if len(name) > 2 and name.lower() not in STOP_WORDS:
                found[name] = max(found.get(name, 0.0), weight)

    add([name for span in _TICKED.findall(title) for name in WORD.findall(span)], 3.0)
    add(_SHAPED.findall(title), 3.0)
    add(WORD.findall(title), 1.5)
    add([name for span in _TICKED.findall(prose) for name in WORD.findall(span)], 2.0)
    add(_SHAPED.findall(prose), 1.5)
    add([part for name in _DOTTED.findall(prose) for part in name.split(".")], 1.5)
    add(WORD.findall(_IMPORTED.sub("", code)), 0.7)
    add(WORD.findall(prose), 0.4)
    add(WORD.findall(messages), 0.4)
    return _heaviest(found, _MAX_TERMS)


def _dotted(issue: str, messages: str) -> dict[str, float]:
    title, _, body = issue.partition("\n")
    found: dict[str, float] = {}
    for text, weight in ((title, 3.0), (_FENCED.sub("\n", body), 2.0), (body, 1.0), (messages, 0.5)):
        for name in _DOTTED.findall(text):
            found[name] = max(found.get(name, 0.0), weight)
    return _heaviest(found, _MAX_TERMS)


def _frames(cues: str) -> tuple[Frame, ...]:
    matches = (_FRAME.fullmatch(line) for line in cues.splitlines())
    return tuple(Frame(m["path"].replace("\\", "/"), int(m["line"]), m["function"] or "") for m in matches if m)


def _phrases(text: str) -> list[str]:
    """Runs of words between the holes of a message: what was formatted into it does not stand in the source."""
    messages = [match[1] for match in _MESSAGE.finditer(text)]
    messages += [match[1] or match[2] for match in _QUOTED.finditer(text)]
    messages += [span for span in _TICKED.findall(text) if span.count(" ") >= 2]
    found: dict[str, None] = {}
    for message in messages:
        for run in _HOLE.split(message):
            words = run.split()
            if len(words) >= 3 and len(run) >= 12:
                found[" ".join(words[:6]).strip(",.")] = None
    found.update(dict.fromkeys(_OPTION.findall(text)))
    return list(found)[:_MAX_PHRASES]


def _heaviest(weights: Mapping[str, float], most: int) -> dict[str, float]:
    return dict(sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:most])

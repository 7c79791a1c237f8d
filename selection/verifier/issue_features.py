"""How a patch and the text of its issue go together."""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from selection.verifier.edits import Edit
from selection.verifier.lexer import is_word, lex

MAX_CHARACTERS = 60_000
"""How much of an issue is read."""

_WORD = re.compile(r"[^\W\d]\w*")
_FRAME = re.compile(r'File "([^"\n]+)", line \d+(?:, in ([\w<>]+))?')
_COMPOUND = re.compile(r"_|[a-z][A-Z]|\d")


@dataclass(frozen=True)
class Issue:
    """An issue's text, taken apart once for the whole pool."""

    text: str

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word."""
        return frozenset(_WORD.findall(self.text))

    @cached_property
    def frames(self) -> tuple[tuple[str, str], ...]:
        """Path and function of the tracebacks, outermost first."""
        return tuple((match[1].replace("\\", "/"), match[2] or "") for match in _FRAME.finditer(self.text))

    @cached_property
    def lines(self) -> frozenset[tuple[str, ...]]:
        """Lines that may be code: tokens without the marks of diffs and sessions."""
        plain = [
            re.sub(r"^\s*(?:[-+]\s|>>>\s|\.\.\.\s|In \[\d+\]:\s)?", "", line) for line in self.text.splitlines()[:2000]
        ]
        return frozenset(tokens for tokens in lex("x.py", plain) if len(tokens) > 4)

    @cached_property
    def has_code(self) -> bool:
        """Whether it shows code or a session."""
        return "```" in self.text or ">>>" in self.text


def issue_of(text: str) -> Issue:
    """Read an issue; empty text gives one in which nothing is found."""
    return Issue(text[:MAX_CHARACTERS])


def issue_features(issue: Issue, edit: Edit) -> dict[str, float]:
    """Features by name."""
    hunks = edit.hunks
    put = {token for hunk in hunks for line in hunk.added for token in line}
    gone = {token for hunk in hunks for line in hunk.removed for token in line}
    near = {token for hunk in hunks for line in hunk.context for token in line}
    new = {token for token in put - gone if is_word(token)}
    fresh = new - near
    scopes = {hunk.scope for hunk in hunks if hunk.scope}
    paths = [file.path for file in edit.sources]
    stems = {PurePosixPath(path).stem for path in paths}
    strings = {word for token in put - gone if token.startswith('"') for word in _WORD.findall(token) if len(word) > 2}
    framed = [any(_same(frame, path) for path in paths) for frame, _ in issue.frames]
    return {
        "issue_length": math.log1p(len(issue.text)),
        "issue_has_code": float(issue.has_code),
        "issue_has_frames": float(bool(issue.frames)),
        "issue_compounds": math.log1p(sum(_COMPOUND.search(word) is not None for word in issue.words)),
        "issue_new": _share(new, issue.words),
        "issue_fresh": _share(fresh, issue.words),
        "issue_fresh_count": math.log1p(len(fresh & issue.words)),
        "issue_gone": _share({token for token in gone if is_word(token)}, issue.words),
        "issue_near": _share({token for token in near if is_word(token)}, issue.words),
        "issue_strings": _share(strings, issue.words),
        "issue_scope": _share(scopes, issue.words),
        "issue_file": _share(stems, issue.words),
        "issue_path": float(any(path in issue.text for path in paths)),
        "issue_frame_any": float(any(framed)),
        "issue_frame_last": float(bool(framed) and framed[-1]),
        "issue_frame_scope": float(bool(scopes & {name for _, name in issue.frames})),
        "issue_line": float(any(line in issue.lines for hunk in hunks for line in hunk.added if len(line) > 4)),
        "issue_line_gone": float(any(line in issue.lines for hunk in hunks for line in hunk.removed if len(line) > 4)),
    }


def _share(words: set[str], known: frozenset[str]) -> float:
    return len(words & known) / len(words) if words else 0.0


def _same(frame: str, path: str) -> bool:
    """Whether a frame's path, somewhere on somebody's machine, ends like the repository's."""
    tail = "/".join(PurePosixPath(path).parts[-2:])
    return frame.endswith(tail)

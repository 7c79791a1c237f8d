"""What a patch looks like by itself: size, shape, and what kind of change it is. Never what its comments say.

Tests, trial scripts and documents that come with it are left out too: anybody can add them, and a pool strips some of them away.
"""

import math
from difflib import SequenceMatcher

from selection.verifier.edits import Edit
from selection.verifier.lexer import Tokens, is_word

_MOST = 400  # tokens on each side of a hunk that are aligned
_MOST_TOGETHER = 4000  # tokens of a patch; a longer one is not aligned at all


def patch_features(edit: Edit) -> dict[str, float]:
    """Features by name; counts are on a logarithmic scale, `share_` and `has_` are in [0, 1]."""
    hunks = edit.hunks
    added = [line for hunk in hunks for line in hunk.added]
    removed = [line for hunk in hunks for line in hunk.removed]
    put = [token for line in added for token in line]
    gone = [token for line in removed for token in line]
    known = {token for hunk in hunks for line in (*hunk.context, *hunk.removed) for token in line}
    words = {token for token in put if is_word(token)} - {token for token in gone if is_word(token)}
    aligned = len(put) + len(gone) <= _MOST_TOGETHER
    heads = [line[0] for line in added]
    every = set(put) - set(gone)
    return {
        "source_files": _log(len(edit.sources)),
        "hunks": _log(len(hunks)),
        "scopes": _log(len({(hunk.path, hunk.scope) for hunk in hunks})),
        "added_lines": _log(len(added)),
        "removed_lines": _log(len(removed)),
        "added_tokens": _log(len(put)),
        "removed_tokens": _log(len(gone)),
        "changed_tokens": _log(sum(_changed(hunk.added, hunk.removed, aligned) for hunk in hunks)),
        "share_kept": _kept(put, gone),
        "share_new_words": len(words - known) / len(words) if words else 0.0,
        "new_words": _log(len(words - known)),
        "has_no_code": float(not hunks),
        "has_only_added": float(bool(added) and not removed),
        "has_only_removed": float(bool(removed) and not added),
        "created_sources": _log(sum(file.created for file in edit.sources)),
        "has_non_python": float(any(not file.path.endswith((".py", ".pyi", ".pyx")) for file in edit.sources)),
        "share_if": _share(heads, "if", "elif"),
        "share_return": _share(heads, "return"),
        "has_if": float("if" in heads),
        "has_else": float("else" in heads or "elif" in heads),
        "has_try": float("try" in heads or "except" in every),
        "has_raise": float("raise" in heads),
        "has_import": float("import" in heads or "from" in heads),
        "has_def": float("def" in heads or "class" in heads),
        "has_loop": float("for" in heads or "while" in heads),
        "has_pass": float("pass" in heads or "continue" in heads),
        "has_print": float("print" in every or "warnings" in every),
        "has_type_check": float(bool(every & {"isinstance", "hasattr", "getattr", "type", "callable", "issubclass"})),
        "has_none": float("None" in every),
        "has_new_string": float(any(token.startswith('"') for token in every)),
        "has_number": float(any(token[:1].isdigit() for token in every)),
        "has_in_place": float(0 < len(removed) == len(added)),
        "has_one_line": float(len(added) <= 1 and len(removed) <= 1),
        "longest_line": _log(max(map(len, added), default=0)),
    }


def _log(count: int) -> float:
    return math.log1p(count)


def _share(heads: list[str], *wanted: str) -> float:
    return sum(head in wanted for head in heads) / len(heads) if heads else 0.0


def _changed(added: tuple[Tokens, ...], removed: tuple[Tokens, ...], aligned: bool) -> int:
    """Tokens of a hunk that are really put in, taken away or replaced."""
    new = [token for line in added for token in line]
    old = [token for line in removed for token in line]
    if not aligned or not new or not old or max(len(new), len(old)) > _MOST:
        return max(len(new), len(old))
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in blocks if tag != "equal")


def _kept(put: list[str], gone: list[str]) -> float:
    """How much of what is taken away comes back."""
    left = set(put)
    return sum(token in left for token in gone) / len(gone) if gone else 0.0

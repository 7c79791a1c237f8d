"""A candidate as text: what to put in place of which bytes."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Optional

from .source import Source

DELETES = "deletes-behaviour"
"""Flag of edits that can pass tests by doing less."""


@dataclass(frozen=True)
class Edit:
    """One replacement in one file.

    `start` and `end` are byte offsets, `weight` is the operator's own belief in it (1 is usual), `line` the line of the
    statement it belongs to.
    """

    start: int
    end: int
    text: str
    operator: str
    line: int
    weight: float = 1.0
    flags: tuple[str, ...] = ()

    def apply(self, text: bytes) -> bytes:
        """The file's bytes with the replacement made."""
        return text[: self.start] + self.text.encode("utf-8", "surrogatepass") + text[self.end :]


_ATOM = re.compile(r"[A-Za-z_][\w.]*\Z|\d[\w.]*\Z")

_TIGHT = (
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.BoolOp,
    ast.Attribute,
    ast.Subscript,
    ast.Await,
    ast.Starred,
    ast.IfExp,
    ast.FormattedValue,
)


def is_atom(text: str) -> bool:
    """True when the text can stand as an operand of anything."""
    if _ATOM.match(text):
        return True
    try:
        body = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return False
    if isinstance(
        body, (ast.Call, ast.Subscript, ast.Attribute, ast.List, ast.Dict, ast.Set, ast.ListComp, ast.Constant)
    ):
        return "\n" not in text
    return text.startswith("(") and text.endswith(")") and isinstance(body, (ast.Tuple, ast.GeneratorExp))


def fit(source: Source, node: ast.AST, text: str) -> str:
    """The text, in parentheses if an expression there needs them in the place of `node`."""
    parent = source.parents.get(node)
    loose = not isinstance(parent, _TIGHT)
    if isinstance(parent, ast.Call):
        loose = node is not parent.func
    if isinstance(parent, ast.Subscript):
        loose = node is not parent.value
    if isinstance(parent, ast.comprehension):
        loose = False
    return text if loose or is_atom(text) else f"({text})"


def in_fstring(source: Source, node: ast.AST) -> bool:
    """True inside an f-string, where positions are not to be trusted before Python 3.12 and quotes not after."""
    current: Optional[ast.AST] = node
    while current is not None and not isinstance(current, ast.stmt):
        if isinstance(current, ast.JoinedStr):
            return True
        current = source.parents.get(current)
    return False

"""What operators share: their type, their register, and small helpers over text."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Callable, Iterator, Optional, TypeVar, Union

from ..context import UnitContext
from ..edits import fit

Change = tuple[int, int, str, float]
"""First byte, byte after the last, what to put there, and the operator's belief in it (1 is usual)."""

Make = Callable[[UnitContext, ast.AST], Iterator[Change]]


@dataclass(frozen=True)
class Operator:
    """A family of edits. `prior` is how often it is right, per candidate, relative to 1."""

    name: str
    prior: float
    nodes: tuple[type[ast.AST], ...]
    make: Make
    flags: tuple[str, ...] = ()


REGISTER: list[Operator] = []

Node = Union[type[ast.AST], tuple[type[ast.AST], ...]]
_Make = TypeVar("_Make", bound=Make)


def operator(name: str, prior: float, *nodes: type[ast.AST], flags: tuple[str, ...] = ()) -> Callable[[_Make], _Make]:
    """Register a function as an operator on nodes of these types."""

    def register(make: _Make) -> _Make:
        REGISTER.append(Operator(name, prior, nodes, make, flags))
        return make

    return register


def replace(context: UnitContext, node: ast.AST, text: str, weight: float = 1.0) -> Change:
    """The node's text exchanged, in parentheses where the place needs them."""
    start, end = context.source.span(node)
    return start, end, fit(context.source, node, text), weight


def between(context: UnitContext, left: int, right: int, pattern: str) -> Optional[tuple[int, int]]:
    """Where a pattern stands between two offsets, comments left out."""
    text = context.source.text[left:right].decode("utf-8", "replace")
    blank = re.sub(r"#[^\n]*", lambda match: " " * len(match.group().encode()), text)
    found = re.search(pattern, blank)
    return (left + found.start(), left + found.end()) if found else None


def rank(weight: float, position: int) -> float:
    """Belief in the n-th of several alternatives (from 0)."""
    return float(weight / (1 + position) ** 0.5)


def is_condition(context: UnitContext, node: ast.AST) -> bool:
    """True where an expression decides something by its truth."""
    parent = context.source.parents.get(node)
    if isinstance(parent, (ast.If, ast.While, ast.IfExp, ast.Assert)):
        return node is parent.test
    if isinstance(parent, ast.comprehension):
        return node in parent.ifs
    return isinstance(parent, ast.BoolOp) or (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not))

"""Statements that are there: their order, their depth and what they do."""

from __future__ import annotations

import ast
from typing import Iterator, Optional, cast

from ..context import SIMPLE, UnitContext
from ..edits import DELETES
from .kit import Change, between, operator, rank

_STATEMENTS = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.Return,
    ast.Raise,
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
    ast.Delete,
)


def _siblings(context: UnitContext, node: ast.AST) -> tuple[list[ast.stmt], int]:
    """The block that a statement is in, and its place there."""
    parent = context.source.parents.get(node)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and node in block:
            return block, block.index(cast(ast.stmt, node))
    return [], 0


def _text(context: UnitContext, start: int, end: int) -> str:
    return context.source.text[start:end].decode("utf-8", "replace")


@operator("swap_statements", 1.0, *_STATEMENTS)
def swap_statements(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A statement exchanged with one behind it in the same block."""
    block, place = _siblings(context, node)
    source = context.source
    if not block or source.indent(node) is None:
        return
    for gap in (1, 2, 3):
        if place + gap >= len(block) or source.indent(block[place + gap]) is None:
            return
        left, right = source.span(node), source.span(block[place + gap])
        if gap == 1:
            text = _text(context, *right) + _text(context, left[1], right[0]) + _text(context, *left)
            yield left[0], right[1], text, 1.0
        else:
            after = source.span(block[place + 1])[0]
            middle = _text(context, after, source.span(block[place + gap - 1])[1])
            joint = _text(context, source.span(block[place + gap - 1])[1], right[0])
            yield left[0], right[1], _text(context, *right) + joint + _text(context, *left) + joint + middle, 0.4 / gap
            yield left[0], right[1], middle + joint + _text(context, *right) + joint + _text(context, *left), 0.4 / gap


@operator("depth", 0.8, *_STATEMENTS, ast.Continue, ast.Break)
def depth(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A statement moved out of its block, or into the block in front of it."""
    source = context.source
    block, place = _siblings(context, node)
    indent = source.indent(node)
    if not block or indent is None:
        return
    start, end = source.starts[node.lineno - 1], source.span(node)[1]  # type: ignore[attr-defined]
    text = _text(context, start, end)
    parent = source.parents[node]
    if place == len(block) - 1 and place > 0 and isinstance(parent, (ast.If, ast.For, ast.While, ast.With)):
        outer = source.indent(parent)
        last = not getattr(parent, "orelse", None)
        if outer is not None and last and indent.startswith(outer):
            yield start, end, _shift(text, indent, outer), 1.0
    if place > 0:
        previous = block[place - 1]
        inner: Optional[list[ast.stmt]] = getattr(previous, "body", None)
        tail = getattr(previous, "orelse", None) or inner
        if inner and tail:
            deeper = source.indent(tail[-1])
            if deeper is not None and deeper.startswith(indent) and deeper != indent:
                yield start, end, _shift(text, indent, deeper), 0.8


def _shift(text: str, old: str, new: str) -> str:
    lines = text.split("\n")
    return "\n".join(new + line[len(old) :] if line.startswith(old) else line for line in lines)


@operator("to_return", 1.4, ast.Expr, ast.Assign)
def to_return(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A value that is computed and thrown away returned instead; the same for yield."""
    start, _ = context.source.span(node)
    if isinstance(node, ast.Expr):
        if isinstance(node.value, ast.Constant):
            return
        if isinstance(node.value, (ast.Yield, ast.YieldFrom, ast.Await)):
            if isinstance(node.value, ast.Yield):
                yield start, start + len("yield"), "yield from", 0.6
                yield start, start + len("yield"), "return", 0.3
            elif isinstance(node.value, ast.YieldFrom):
                yield start, start + len("yield from"), "yield", 0.6
            return
        yield start, start, "return ", 1.0
        yield start, start, "yield ", 0.2
        if isinstance(node.value, ast.Call) and isinstance(context.unit.node, ast.AsyncFunctionDef):
            yield start, start, "await ", 0.5
        target = (
            node.value.func.value
            if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute)
            else None
        )
        if isinstance(target, ast.Name) and target.id != context.self_name:
            yield start, start, f"{target.id} = ", 0.4
        for name in context.locals_at(node.lineno):
            if name in context.cues:
                yield start, start, f"{name} = ", 0.5
    elif isinstance(node, ast.Assign):
        yield start, context.source.span(node.value)[0], "return ", 0.3


@operator("return_value", 1.0, ast.Return)
def return_value(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Another value returned, or one where there was none."""
    node = cast(ast.Return, node)
    start, end = context.source.span(node)
    own = context.source.seg(node.value) if node.value is not None else ""
    names = [name for name in context.locals_at(node.lineno) if name != own]
    values = sorted(names, key=lambda name: (name not in context.cues, -context.stored[name]))
    for position, name in enumerate([*values[:10], "None", "True", "False", "0", "[]", '""', "NotImplemented"]):
        if name != own:
            weight = rank(1.0 if name in context.stored else 0.5, position)
            yield (
                start,
                end,
                f"return {name}",
                weight * (1.5 if name in context.cues else 1.0) * (1.5 if not own else 1.0),
            )
    yield start, start + len("return"), "yield", 0.15


@operator("flow", 0.9, ast.Break, ast.Continue, ast.Pass, ast.Return)
def flow(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """`break`, `continue`, `pass` and `return` for each other."""
    start, end = context.source.span(node)
    loop = False
    parent = context.source.parents.get(node)
    while parent is not None and parent is not context.unit.node:
        loop = loop or isinstance(parent, (ast.For, ast.While, ast.AsyncFor))
        parent = context.source.parents.get(parent)
    words = ["return"] + (["continue", "break"] if loop else [])
    if isinstance(node, ast.Return):
        words = words[1:]
    for position, word in enumerate(words):
        if word != _text(context, start, end):
            yield start, end, word, rank(1.0, position) * (0.4 if isinstance(node, ast.Return) else 1.0)
    if isinstance(node, (ast.Break, ast.Pass)):
        for name in context.locals_at(node.lineno)[:8]:
            yield start, end, f"return {name}", 0.2


@operator("branch", 0.5, ast.If, ast.While)
def branch(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """`if` for `while`, and `if` joined to the `if` in front of it by `elif` or parted from it."""
    start, _ = context.source.span(node)
    if isinstance(node, ast.While):
        yield start, start + len("while"), "if", 0.6
        return
    word = _text(context, start, start + 4)
    if word == "elif":
        yield start, start + 4, "if", 1.0
    elif word.startswith("if"):
        yield start, start + 2, "while", 0.4
        block, place = _siblings(context, node)
        if place > 0 and isinstance(block[place - 1], ast.If) and not _ends_with_else(cast(ast.If, block[place - 1])):
            yield start, start + 2, "elif", 1.0


def _ends_with_else(node: ast.If) -> bool:
    while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        node = node.orelse[0]
    return bool(node.orelse)


@operator("target", 0.3, ast.Assign, ast.AugAssign)
def target(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """The value of an assignment put into another place, or into more of it."""
    items = node.targets if isinstance(node, ast.Assign) else [cast(ast.AugAssign, node).target]
    if len(items) != 1 or isinstance(items[0], (ast.Tuple, ast.List)):
        return
    start, end = context.source.span(items[0])
    if isinstance(items[0], ast.Name):
        unset = [name for name in context.loaded if name in context.cues]
        for position, name in enumerate([*unset, *context.locals_at(items[0].lineno)[:8]]):
            if name != items[0].id:
                yield start, end, name, rank(1.5 if name in context.cues else 0.6, position)
    if isinstance(items[0], ast.Attribute) and isinstance(items[0].value, ast.Name):
        for position, name in enumerate(sorted(name for name, method in context.members.items() if not method)[:10]):
            if name != items[0].attr:
                yield end - len(items[0].attr.encode()), end, name, rank(0.6, position)
    if isinstance(node, ast.AugAssign):
        place = between(context, end, context.source.span(node.value)[0], r"\S+=")
        if place is not None:
            yield place[0], place[1], "=", 0.8


@operator("delete", 0.05, *SIMPLE, flags=(DELETES,))
def delete(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A simple statement taken away: last resort, as it can pass tests by doing less."""
    block, _ = _siblings(context, node)
    source = context.source
    if not block or source.indent(node) is None or isinstance(node, ast.Return):
        return
    start, end = source.span(node)
    if len(block) == 1:
        yield start, end, "pass", 1.0
    else:
        line = source.starts[node.lineno - 1]  # type: ignore[attr-defined]
        stop = source.line_end(node.end_lineno)  # type: ignore[attr-defined]
        if not _text(context, end, stop).strip():
            yield line, stop, "", 1.0

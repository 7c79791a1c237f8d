"""Numbers, indices, slices and binary operators."""

from __future__ import annotations

import ast
from typing import Iterator, Optional, cast

from ..context import UnitContext, callee
from ..edits import is_atom
from .kit import Change, between, operator, rank, replace

_BINARY: dict[type[ast.operator], tuple[str, tuple[str, ...]]] = {
    ast.Add: ("+", ("-", "*", "|")),
    ast.Sub: ("-", ("+", "/", "%")),
    ast.Mult: ("*", ("/", "//", "+", "**")),
    ast.Div: ("/", ("//", "*", "%")),
    ast.FloorDiv: ("//", ("/", "%", "*")),
    ast.Mod: ("%", ("//", "/", "*")),
    ast.Pow: ("**", ("*", "//")),
    ast.LShift: ("<<", (">>",)),
    ast.RShift: (">>", ("<<",)),
    ast.BitAnd: ("&", ("|", "^")),
    ast.BitOr: ("|", ("&", "^", "+")),
    ast.BitXor: ("^", ("&", "|")),
    ast.MatMult: ("@", ("*",)),
}


@operator("arithmetic", 1.3, ast.BinOp, ast.AugAssign)
def arithmetic(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Another arithmetic or bitwise operator, also in augmented assignments."""
    source = context.source
    sign, others = _BINARY[type(cast(ast.BinOp, node).op)]
    pattern = "".join("\\" + char for char in sign)
    if isinstance(node, ast.AugAssign):
        place = between(context, source.span(node.target)[1], source.span(node.value)[0], pattern + "=")
        if place is not None:
            for position, other in enumerate((*others, "")):
                yield place[0], place[1], f"{other}=", rank(1.0, position)
        return
    node = cast(ast.BinOp, node)
    place = between(context, source.outer(node.left)[1], source.outer(node.right)[0], pattern)
    text = isinstance(node.left, ast.Constant) and isinstance(node.left.value, (str, bytes))
    if place is None or (text and sign == "%"):
        return
    for position, other in enumerate(others):
        yield place[0], place[1], other, rank(1.0, position)


@operator("aug_assign", 0.7, ast.Assign)
def aug_assign(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """An assignment that adds to what is there."""
    node = cast(ast.Assign, node)
    if len(node.targets) == 1 and isinstance(node.targets[0], (ast.Name, ast.Attribute, ast.Subscript)):
        place = between(context, context.source.span(node.targets[0])[1], context.source.span(node.value)[0], "=")
        if place is not None:
            for position, sign in enumerate(("+=", "-=", "*=", "|=")):
                yield place[0], place[1], sign, rank(1.0, position)


@operator("swap_operands", 0.7, ast.BinOp)
def swap_operands(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Left and right of an operator exchanged."""
    node = cast(ast.BinOp, node)
    source = context.source
    left, right = source.outer(node.left), source.outer(node.right)
    one, two = (source.text[start:end].decode("utf-8", "replace") for start, end in (left, right))
    middle = source.text[left[1] : right[0]].decode("utf-8", "replace")
    first, second = (text if is_atom(text) or text.startswith("(") else f"({text})" for text in (two, one))
    if isinstance(node.op, (ast.Add, ast.Mult, ast.BitAnd, ast.BitXor)):
        numeric = any(
            isinstance(item, ast.Constant) and isinstance(item.value, (int, float)) for item in (node.left, node.right)
        )
        if numeric:
            return
    yield (
        left[0],
        right[1],
        f"{first}{middle}{second}",
        1.0 if not isinstance(node.op, (ast.Mult, ast.BitAnd, ast.BitXor)) else 0.2,
    )


@operator("drop_operand", 0.6, ast.BinOp)
def drop_operand(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """One side of a binary operator alone."""
    node = cast(ast.BinOp, node)
    source = context.source
    small = isinstance(node.right, ast.Constant)
    for item, weight in ((node.left, 1.2 if small else 0.6), (node.right, 0.5)):
        start, end = source.outer(item)
        yield replace(context, node, source.text[start:end].decode("utf-8", "replace"), weight)


_INTEGER_CALLS = {
    "len",
    "int",
    "index",
    "find",
    "rindex",
    "rfind",
    "count",
    "ord",
    "min",
    "max",
    "round",
    "sum",
    "abs",
    "start",
    "end",
    "tell",
}


@operator("off_by_one", 1.2, ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.Subscript)
def off_by_one(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """One more or one less of what looks like a whole number."""
    weight = _integer_like(context, node)
    if weight is None:
        return
    text = context.source.seg(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        if isinstance(node.right, ast.Constant):
            return
    elif isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.Mult, ast.FloorDiv, ast.Mod)):
        return
    yield replace(context, node, f"{text} + 1", weight)
    yield replace(context, node, f"{text} - 1", weight)


def _integer_like(context: UnitContext, node: ast.AST) -> Optional[float]:
    """Belief that an expression is a count or an index; None when it is surely not one to touch."""
    parent = context.source.parents.get(node)
    counts = isinstance(node, ast.Call) and callee(node) in _INTEGER_CALLS
    if isinstance(parent, ast.Subscript) and node is parent.slice:
        return 1.0
    if isinstance(parent, ast.Slice):
        return 1.0
    if isinstance(parent, ast.Call) and node in parent.args:
        if callee(parent) in ("range", "islice", "randint", "repeat"):
            return 1.2
        return 0.6 if counts else (0.15 if isinstance(node, (ast.Name, ast.BinOp)) else None)
    if isinstance(parent, ast.Compare):
        ordered = any(isinstance(kind, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) for kind in parent.ops)
        return 0.8 if counts else (0.5 if ordered else 0.15)
    if isinstance(parent, ast.BinOp) and isinstance(
        parent.op, (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.LShift, ast.RShift)
    ):
        return 0.5 if counts else 0.25
    if isinstance(parent, (ast.Assign, ast.Return, ast.AugAssign)) and node is getattr(parent, "value", None):
        if isinstance(node, ast.BinOp):
            return 0.6
        return 0.7 if counts else (0.3 if isinstance(parent, (ast.Return, ast.AugAssign)) else 0.1)
    if isinstance(parent, (ast.Tuple, ast.keyword)):
        return 0.3 if counts or isinstance(node, ast.BinOp) else 0.1
    return None


@operator("slice", 0.6, ast.Slice)
def slice_bounds(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A bound of a slice left out, added or set to a usual number."""
    node = cast(ast.Slice, node)
    source = context.source
    parent = cast(ast.Subscript, source.parents[node])
    if not isinstance(parent, ast.Subscript):
        return
    start, end = source.span(parent.value)[1], source.span(parent)[1]
    lower, upper, step = (source.seg(item) if item is not None else "" for item in (node.lower, node.upper, node.step))
    tail = f":{step}" if step else ""
    others = [(lower, ""), ("", upper), (lower, "-1"), ("1", upper), (upper, lower), ("", "-1"), ("1", "")]
    for position, (low, high) in enumerate(others):
        if (low, high) != (lower, upper):
            yield start, end, f"[{low}:{high}{tail}]", rank(1.0, position)
    yield start, end, f"[{lower}:{upper}:-1]" if not step else f"[{lower}:{upper}]", 0.4


@operator("add_slice", 0.12, ast.Name, ast.Attribute, ast.Call)
def add_slice(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A part of a sequence instead of all of it."""
    parent = context.source.parents.get(node)
    if isinstance(parent, (ast.Return, ast.Call, ast.For, ast.Assign, ast.comprehension)) and node is not getattr(
        parent, "func", None
    ):
        if isinstance(getattr(node, "ctx", None), ast.Store):
            return
        text = context.source.seg(node)
        for position, part in enumerate(("[1:]", "[:-1]", "[0]", "[-1]", "[::-1]", "[:]")):
            yield replace(context, node, text + part, rank(1.0, position))


@operator("sign", 0.6, ast.UnaryOp, ast.Name, ast.Attribute, ast.Call)
def sign(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A minus taken away or added."""
    start, _ = context.source.span(node)
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, (ast.USub, ast.Invert)):
            yield start, start + 1, "", 1.0
        return
    parent = context.source.parents.get(node)
    if isinstance(parent, (ast.Return, ast.BinOp, ast.Call, ast.Subscript)) and isinstance(
        getattr(node, "ctx", ast.Load()), ast.Load
    ):
        if node is getattr(parent, "func", None) or (
            node is getattr(parent, "value", None) and isinstance(parent, ast.Subscript)
        ):
            return
        yield replace(context, node, f"-{context.source.seg(node)}", 0.3)


@operator("extend", 0.15, ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.Constant)
def extend(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """One more operand, from the names in scope."""
    parent = context.source.parents.get(node)
    value = isinstance(parent, (ast.Assign, ast.Return, ast.AugAssign)) and node is parent.value
    argument = isinstance(parent, ast.Call) and node in parent.args and not isinstance(node, ast.Constant)
    if not value and not argument:
        return
    text = context.source.seg(node)
    if isinstance(node, ast.Constant) and not isinstance(node.value, (str, int, float)):
        return
    for name in context.locals_at(node.lineno):  # type: ignore[attr-defined]
        if name in (context.self_name, text):
            continue
        weight = 4.0 if name in context.cues else 1.0
        yield replace(context, node, f"{text} + {name}", weight)
        yield replace(context, node, f"{text} - {name}", weight * 0.6)
        yield replace(context, node, f"{text} * {name}", weight * 0.5)
        yield replace(context, node, f"{name} + {text}", weight * 0.4)

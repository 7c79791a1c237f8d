"""Calls: their arguments, and what wraps them."""

from __future__ import annotations

import ast
import re
from typing import Iterator, Optional, cast

from ..context import UnitContext, callee, reads
from ..edits import in_fstring
from .kit import Change, operator, rank, replace


@operator("swap_arguments", 1.1, ast.Call, ast.Tuple, ast.List)
def swap_arguments(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Two arguments or elements exchanged, neighbours first."""
    source = context.source
    items: list[ast.expr] = list(node.args if isinstance(node, ast.Call) else cast(ast.Tuple, node).elts)
    if isinstance(node, ast.Call):
        items += [keyword.value for keyword in node.keywords]
    items = items[:6]
    weight = 1.0 if isinstance(node, ast.Call) else 0.5
    for gap in range(1, len(items)):
        for index in range(len(items) - gap):
            left, right = source.span(items[index]), source.span(items[index + gap])
            one, two = source.seg(items[index]), source.seg(items[index + gap])
            if one != two:
                middle = source.text[left[1] : right[0]].decode("utf-8", "replace")
                yield left[0], right[1], f"{two}{middle}{one}", rank(weight, gap - 1)


@operator("drop_argument", 0.5, ast.Call)
def drop_argument(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """One argument left out."""
    node = cast(ast.Call, node)
    source = context.source
    items: list[ast.AST] = [*node.args, *node.keywords]
    spans = [source.span(item) for item in items]
    for index, (start, end) in enumerate(spans):
        if len(spans) == 1:
            yield start, end, "", 0.6
        elif index == 0:
            yield start, spans[1][0], "", 0.5
        else:
            yield spans[index - 1][1], end, "", 1.0 if index == len(spans) - 1 else 0.6


@operator("add_argument", 0.6, ast.Call)
def add_argument(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """One more argument: what the signature misses, what other calls of it pass, or a name in scope."""
    node = cast(ast.Call, node)
    if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
        return
    place = _end_of_arguments(context, node)
    if place is None:
        return
    given = [keyword.arg for keyword in node.keywords]
    empty = not node.args and not node.keywords
    tried: set[str] = set()
    for position, (text, weight) in enumerate(_arguments(context, node, given)):
        if text not in tried:
            tried.add(text)
            yield place, place, text if empty else f", {text}", rank(weight, position // 3)
    if not node.keywords and node.args and len(node.args) <= 3:
        first = context.source.span(node.args[0])[0]
        for name in context.locals_at(node.lineno):
            if name != context.self_name:
                yield first, first, f"{name}, ", 0.4 if name in context.cues else 0.1


def _end_of_arguments(context: UnitContext, node: ast.Call) -> Optional[int]:
    items: list[ast.AST] = [*node.args, *node.keywords]
    if items:
        return max(context.source.span(item)[1] for item in items)
    end = context.source.span(node)[1]
    return end - 1 if context.source.text[end - 2 : end] == b"()" else None


def _arguments(context: UnitContext, node: ast.Call, given: list[Optional[str]]) -> Iterator[tuple[str, float]]:
    """Arguments that could be missing, most likely first."""
    here = [name for name in context.locals_at(node.lineno) if name != context.self_name]
    name = callee(node)
    missing = (context.signature(name) or [])[len(node.args) :]
    missing = [item for item in missing if item not in given]
    for item in missing:
        if item in here:
            yield f"{item}={item}", 1.5 if item in context.cues else 1.0
        for value in ("True", "False"):
            yield f"{item}={value}", 0.35
        if context.self_name and item in context.members:
            yield f"{item}={context.self_name}.{item}", 0.8
    if context.kwarg and None not in given:
        yield f"**{context.kwarg}", 1.5 if context.kwarg in context.cues else 0.6
    if context.vararg and not any(isinstance(item, ast.Starred) for item in node.args) and not node.keywords:
        yield f"*{context.vararg}", 1.5 if context.vararg in context.cues else 0.5
    for other in context.file.calls.get(name, []):
        if other is not node and name:
            for keyword in other.keywords:
                if keyword.arg and keyword.arg not in given:
                    yield context.source.seg(keyword), 0.8
            if len(other.args) > len(node.args) and not node.keywords:
                yield context.source.seg(other.args[len(node.args)]), 0.6
    if not node.keywords:
        for item in sorted(here, key=lambda word: (word not in context.cues, context.stored[word])):
            yield item, 1.2 if item in context.cues else 0.25
        for value in ("1", "None", "True", "0", "-1", '""'):
            yield value, 0.12
    elif here:
        for item in here:
            if item in context.cues and item not in given:
                yield f"{item}={item}", 0.8
    if name in ("sorted", "sort", "min", "max"):
        yield "reverse=True", 0.5
        yield "default=None", 0.3


_WRAPPERS = (
    "str",
    "list",
    "int",
    "len",
    "abs",
    "tuple",
    "set",
    "sorted",
    "iter",
    "reversed",
    "dict",
    "float",
    "bool",
    "repr",
    "bytes",
    "next",
)
_METHODS = (
    ".strip()",
    ".lower()",
    ".copy()",
    ".upper()",
    ".items()",
    ".keys()",
    ".values()",
    ".group()",
    ".split()",
    ".encode()",
    ".decode()",
)


@operator("wrap", 0.3, ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp, ast.GeneratorExp)
def wrap(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A conversion around a value, or a usual method called on it."""
    if isinstance(getattr(node, "ctx", ast.Load()), (ast.Store, ast.Del)):
        return
    parent = context.source.parents.get(node)
    if isinstance(parent, (ast.Attribute, ast.Expr, ast.AnnAssign)) or node is getattr(parent, "func", None):
        return
    text = context.source.seg(node)
    strong = isinstance(parent, (ast.Return, ast.Assign, ast.Call, ast.For, ast.comprehension, ast.Compare))
    inside = callee(parent) if isinstance(parent, ast.Call) else ""
    own = callee(node) if isinstance(node, ast.Call) else ""
    for position, name in enumerate([*context.file.converters, *_WRAPPERS]):
        if name not in (inside, own):
            inner = text[1:-1] if isinstance(node, ast.GeneratorExp) and text.startswith("(") else text
            yield replace(context, node, f"{name}({inner})", rank(1.0 if strong else 0.5, position // 2))
    if not isinstance(node, (ast.BinOp, ast.GeneratorExp)):
        for position, method in enumerate(_METHODS):
            yield replace(context, node, text + method, rank(0.5 if strong else 0.25, position // 2))


@operator("enclose", 0.5, ast.Name, ast.Attribute, ast.Call, ast.Subscript)
def enclose(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """What the same expression is part of elsewhere in the file: a call around it, another operand, an item of it."""
    if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)) or in_fstring(context.source, node):
        return
    own = context.source.seg(node)
    parent = context.source.parents.get(node)
    if own == context.self_name or isinstance(parent, ast.Attribute) or node is getattr(parent, "func", None):
        return
    here = context.source.seg(parent) if isinstance(parent, ast.expr) else ""
    found: dict[str, int] = {}
    for item in context.file.enclosing.get(own, []):
        text = context.source.seg(item)
        if item is not parent and text != here and len(text) < 100 and context.knows(reads(item)):
            found[text] = found.get(text, 0) + 1
            if isinstance(item, ast.BoolOp) and len(item.values) == 2:
                old, new = ("and", "or") if isinstance(item.op, ast.And) else ("or", "and")
                found.setdefault(re.sub(rf"\b{old}\b", new, text, count=1), 1)
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], len(pair[0]), pair[0]))
    for position, (text, _) in enumerate(ranked[:8]):
        weight = 2.0 if set(re.findall(r"[A-Za-z_]\w*", text)) & context.cues else 1.0
        yield replace(context, node, text, rank(weight, position))


@operator("bound", 0.15, ast.Name, ast.Attribute, ast.BinOp, ast.Call, ast.Subscript)
def bound(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """`max` or `min` of a value and zero, one or a name in scope."""
    parent = context.source.parents.get(node)
    if not isinstance(parent, (ast.Return, ast.Assign, ast.Slice, ast.Call, ast.AugAssign)) or node is getattr(
        parent, "func", None
    ):
        return
    if isinstance(getattr(node, "ctx", ast.Load()), ast.Store):
        return
    text = context.source.seg(node)
    names = [name for name in context.locals_at(node.lineno) if name not in (text, context.self_name)]  # type: ignore[attr-defined]
    for position, other in enumerate(["0", "1", *names[:6]]):
        yield replace(context, node, f"max({text}, {other})", rank(1.0, position))
        yield replace(context, node, f"min({text}, {other})", rank(0.8, position))


@operator("star", 0.3, ast.Call)
def star(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A star in front of an argument, or taken away."""
    for item in cast(ast.Call, node).args:
        start, _ = context.source.span(item)
        if isinstance(item, ast.Starred):
            yield start, start + 1, "", 1.0
        elif isinstance(item, (ast.Name, ast.Attribute)):
            yield start, start, "*", 0.5


@operator("types", 0.5, ast.Call)
def types(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """More or fewer types in a check by `isinstance`."""
    node = cast(ast.Call, node)
    if callee(node) not in ("isinstance", "issubclass") or len(node.args) != 2:
        return
    kinds = node.args[1]
    text = context.source.seg(kinds)
    if isinstance(kinds, ast.Tuple):
        for index in range(len(kinds.elts)):
            rest = [context.source.seg(item) for position, item in enumerate(kinds.elts) if position != index]
            yield replace(context, kinds, f"({', '.join(rest)},)" if len(rest) == 1 else f"({', '.join(rest)})", 0.4)
    for position, other in enumerate(
        ("tuple", "list", "str", "bytes", "int", "float", "dict", "set", "bool", "bytearray", "complex")
    ):
        if other not in text:
            if isinstance(kinds, ast.Tuple):
                yield replace(context, kinds, f"{text[:-1].rstrip(', ')}, {other})", rank(0.8, position))
            else:
                yield replace(context, kinds, f"({text}, {other})", rank(1.0, position))
                yield replace(context, kinds, other, rank(0.7, position))


@operator("filter", 0.25, ast.comprehension)
def filters(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A condition in a comprehension: one more by the truth of its variable."""
    node = cast(ast.comprehension, node)
    if isinstance(node.target, ast.Name) and not node.ifs:
        end = context.source.span(node.iter)[1]
        name = node.target.id
        for position, text in enumerate((name, f"{name} is not None", f"not {name}", f"{name} != 0")):
            yield end, end, f" if {text}", rank(1.0, position)

"""Comparisons, truth and conditions."""

from __future__ import annotations

import ast
from typing import Iterator, cast

from ..context import UnitContext
from .kit import Change, between, is_condition, operator, rank, replace

_COMPARE: dict[type[ast.cmpop], tuple[str, str, tuple[str, ...]]] = {
    ast.Lt: ("<", r"<", ("<=", ">", ">=", "!=")),
    ast.LtE: ("<=", r"<=", ("<", ">=", ">", "==")),
    ast.Gt: (">", r">", (">=", "<", "<=", "!=")),
    ast.GtE: (">=", r">=", (">", "<=", "<", "==")),
    ast.Eq: ("==", r"==", ("!=", ">=", "<=", "in", "is", ">", "<")),
    ast.NotEq: ("!=", r"!=", ("==", ">", "<", "not in", "is not")),
    ast.Is: ("is", r"\bis\b", ("is not", "==")),
    ast.IsNot: ("is not", r"\bis\s+not\b", ("is", "!=")),
    ast.In: ("in", r"\bin\b", ("not in", "==")),
    ast.NotIn: ("not in", r"\bnot\s+in\b", ("in", "!=")),
}
_INVERSE = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Lt: ">=",
    ast.GtE: "<",
}


@operator("compare", 1.6, ast.Compare)
def compare(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Another comparison operator; boundaries and opposites first."""
    node = cast(ast.Compare, node)
    operands = [node.left, *node.comparators]
    for index, kind in enumerate(node.ops):
        _, pattern, others = _COMPARE[type(kind)]
        place = between(
            context, context.source.outer(operands[index])[1], context.source.outer(operands[index + 1])[0], pattern
        )
        if place is None:
            continue
        for position, other in enumerate(others):
            weight = 1.2 if other == _INVERSE.get(type(kind)) else rank(1.0, position)
            yield place[0], place[1], other, weight


@operator("and_or", 1.2, ast.BoolOp)
def and_or(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """`and` for `or` and the other way round, at one gap or at all."""
    node = cast(ast.BoolOp, node)
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    places = []
    for left, right in zip(node.values, node.values[1:]):
        place = between(context, context.source.outer(left)[1], context.source.outer(right)[0], rf"\b{word}\b")
        if place is not None:
            places.append(place)
            yield place[0], place[1], other, 1.0
    if len(places) > 1:
        text = context.source.text[places[0][0] : places[-1][1]].decode("utf-8", "replace")
        for start, end in reversed(places):
            offset = start - places[0][0]
            text = text[:offset] + other + text[offset + end - start :]
        yield places[0][0], places[-1][1], text, 1.0


@operator("negate", 1.2, ast.Compare, ast.Name, ast.Attribute, ast.Call, ast.UnaryOp, ast.BoolOp, ast.Subscript)
def negate(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """`not` in front of a condition, or the `not` of one taken away."""
    source = context.source
    start, _ = source.span(node)
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            operand = source.span(node.operand)[0]
            text = source.text[start:operand].decode("utf-8", "replace")
            yield start, start + len(text[:3] + text[3:][: len(text[3:]) - len(text[3:].lstrip())]), "", 1.2
        return
    parent = source.parents.get(node)
    if isinstance(parent, ast.UnaryOp):
        return
    truth = is_condition(context, node)
    if not truth and not (isinstance(parent, ast.Return) and isinstance(node, (ast.Compare, ast.BoolOp, ast.Call))):
        return
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _INVERSE:
        return
    weight = 1.0 if truth else 0.4
    if isinstance(node, ast.BoolOp) and not isinstance(parent, ast.BoolOp):
        begin, end = source.outer(node)
        inner = source.text[begin:end].decode("utf-8", "replace")
        yield begin, end, f"not ({inner})" if begin == start else f"not {inner}", weight
    elif not isinstance(node, ast.BoolOp):
        yield start, start, "not ", weight


@operator("drop_term", 0.7, ast.BoolOp)
def drop_term(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """One operand of `and` or `or` left out."""
    node = cast(ast.BoolOp, node)
    spans = [context.source.outer(value) for value in node.values]
    for index in range(len(spans)):
        if index == 0:
            yield spans[0][0], spans[1][0], "", 0.8
        else:
            yield spans[index - 1][1], spans[index][1], "", 1.0


@operator("none_check", 0.8, ast.Name, ast.Attribute, ast.Compare, ast.Call, ast.UnaryOp)
def none_check(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Truth for a check against None and the other way round."""
    if not is_condition(context, node):
        return
    source = context.source
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not) and isinstance(node.operand, (ast.Name, ast.Attribute, ast.Call)):
            yield replace(context, node, f"{source.seg(node.operand)} is None")
    elif isinstance(node, ast.Compare):
        right = node.comparators[0]
        if len(node.ops) == 1 and isinstance(right, ast.Constant) and right.value is None:
            left = source.seg(node.left)
            yield replace(context, node, left if isinstance(node.ops[0], (ast.IsNot, ast.NotEq)) else f"not {left}")
    elif not isinstance(source.parents.get(node), ast.UnaryOp):
        yield replace(context, node, f"{source.seg(node)} is not None")


@operator("add_term", 0.35, ast.Compare, ast.Name, ast.Attribute, ast.Call, ast.UnaryOp, ast.BoolOp)
def add_term(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """One more condition, from the same file or made of a name in scope, joined by `and` or `or`."""
    if not is_condition(context, node) or isinstance(context.source.parents.get(node), (ast.BoolOp, ast.UnaryOp)):
        parent = context.source.parents.get(node)
        if not (isinstance(parent, ast.Return) and isinstance(node, (ast.Compare, ast.BoolOp))):
            return
    line = node.lineno  # type: ignore[attr-defined]
    start, end = context.source.outer(node)
    own = context.source.text[start:end].decode("utf-8", "replace")
    for term, weight in terms(context, line):
        if term in own:
            continue
        needs = isinstance(node, ast.BoolOp)
        for word in ("and", "or"):
            clash = (
                needs and isinstance(cast(ast.BoolOp, node).op, ast.Or if word == "and" else ast.And) and own[:1] != "("
            )
            if clash and word == "and":
                yield start, end, f"({own}) and {term}", weight * 0.8
            else:
                yield end, end, f" {word} {term}", weight
            yield start, start, f"{term} {word} ", weight * (0.4 if not clash else 0.3)


def terms(context: UnitContext, line: int) -> Iterator[tuple[str, float]]:
    """Conditions that could be meant at a line, most likely first."""
    seen: set[str] = set()
    here = set(context.locals_at(line))
    for donor in sorted(
        context.file.conditions, key=lambda item: (item.inside != context.unit.node.name, abs(item.line - line))
    ):
        if donor.text in seen or not context.knows(donor.names) or not (donor.names & here):
            continue
        seen.add(donor.text)
        tight = (
            f"({donor.text})"
            if isinstance(donor.node, (ast.BoolOp, ast.IfExp, ast.NamedExpr, ast.Lambda))
            else donor.text
        )
        used = len(donor.names & context.cues)
        yield tight, (1.0 if donor.inside == context.unit.node.name else 0.5) * (2.0 if used else 1.0)
        if len(seen) >= 30:
            break
    for name in sorted(here, key=lambda item: (item not in context.cues, context.stored[item])):
        if name == context.self_name:
            continue
        strong = 2.0 if name in context.cues else 1.0
        for text, weight in ((name, 0.5), (f"not {name}", 0.5), (f"{name} is None", 0.4), (f"{name} is not None", 0.4)):
            if text not in seen:
                yield text, weight * strong


@operator("ifexp", 0.8, ast.IfExp)
def ifexp(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """The two values of a conditional expression exchanged, or one of them alone."""
    node = cast(ast.IfExp, node)
    source = context.source
    body, test, other = source.outer(node.body), source.outer(node.test), source.outer(node.orelse)
    text = [source.text[start:end].decode("utf-8", "replace") for start, end in (body, test, other)]
    yield body[0], other[1], f"{text[2]} if {text[1]} else {text[0]}", 1.0
    yield replace(context, node, source.seg(node.body), 0.3)
    yield replace(context, node, source.seg(node.orelse), 0.3)

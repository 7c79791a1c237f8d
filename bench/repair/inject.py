"""One-edit bugs of many kinds, injected by seed. Knows nothing of the engine's operators."""

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.repair.engine.source import Source, UnreadableSource, functions, header_nodes

Change = tuple[int, int, str]
COMPARE = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
BINARY = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.LShift: "<<",
    ast.RShift: ">>",
}


@dataclass(frozen=True)
class Bug:
    """One injected bug."""

    path: str
    kind: str
    line: int
    start: int
    end: int
    text: str
    before: str
    function: str


def propose(files: list[Path], tree: Path, seed: str) -> Iterator[Bug]:
    """Bugs in random order: a kind first, then a place for it."""
    dice = random.Random(seed)
    places: dict[str, list[Bug]] = {}
    for path in files:
        try:
            source = Source.load(str(path))
        except UnreadableSource:
            continue
        for function in functions(source):
            for bug in _bugs(source, function, path.relative_to(tree).as_posix(), dice):
                places.setdefault(bug.kind, []).append(bug)
    while places:
        kind = dice.choice(sorted(places))
        pool = places[kind]
        yield pool.pop(dice.randrange(len(pool)))
        if not pool:
            del places[kind]


def _bugs(source: Source, function: ast.AST, path: str, dice: random.Random) -> Iterator[Bug]:
    for statement in ast.walk(function):
        if not isinstance(statement, ast.stmt) or statement is function:
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        for node in header_nodes(statement):
            for kind, make in KINDS.items():
                for start, end, text in make(source, node, function, dice):
                    before = source.text[start:end].decode()
                    if before != text and not isinstance(statement, (ast.Assert, ast.FunctionDef, ast.ClassDef)):
                        yield Bug(path, kind, statement.lineno, start, end, text, before, function.name)
    for default in [*function.args.defaults, *[item for item in function.args.kw_defaults if item]]:
        for start, end, text in _constant(source, default, function, dice):
            yield Bug(
                path, "wrong_default", default.lineno, start, end, text, source.text[start:end].decode(), function.name
            )


def _operator(source: Source, left: ast.AST, right: ast.AST, old: str, new: str) -> Iterator[Change]:
    begin, stop = source.outer(left)[1], source.outer(right)[0]
    gap = source.text[begin:stop].decode()
    if gap.count(old) == 1 and "#" not in gap:
        at = begin + gap.index(old)
        yield at, at + len(old), new


def _flip(source, node, function, dice):
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        old = COMPARE[type(node.ops[0])]
        group = next(
            items for items in (["<", "<=", ">", ">=", "==", "!="], ["is", "is not"], ["in", "not in"]) if old in items
        )
        yield from _operator(
            source, node.left, node.comparators[0], old, dice.choice([item for item in group if item != old])
        )
    elif isinstance(node, ast.BinOp) and type(node.op) in BINARY and not isinstance(node.left, ast.Constant):
        old = BINARY[type(node.op)]
        yield from _operator(
            source, node.left, node.right, old, dice.choice([item for item in ("+", "-", "*", "//") if item != old])
        )
    elif isinstance(node, ast.BoolOp) and len(node.values) == 2:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield from _operator(source, node.values[0], node.values[1], old, new)


def _off_by_one(source, node, function, dice):
    parent = source.parents.get(node)
    start, end = source.span(node) if hasattr(node, "lineno") else (0, 0)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield start, end, str(node.value + dice.choice([1, -1])) if node.value > 0 else "1"
    elif (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len") or (
        isinstance(parent, (ast.Slice, ast.Subscript))
        and isinstance(node, ast.Name)
        and node is not getattr(parent, "value", None)
    ):
        yield end, end, dice.choice([" + 1", " - 1"])


def _variable(source, node, function, dice):
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        names = {
            item.id for item in ast.walk(function) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
        }
        names |= {item.arg for item in function.args.args} - {"self", "cls"}
        if node.id in names and len(names) > 1:
            yield (*source.span(node), dice.choice(sorted(names - {node.id})))


def _statement(source, node) -> tuple[int, int] | None:
    """Whole lines of a statement that has a neighbour in its block."""
    block = getattr(source.parents.get(node), "body", [])
    if not isinstance(block, list) or node not in block or len(block) < 2 or source.indent(node) is None:
        return None
    return source.starts[node.lineno - 1], source.line_end(node.end_lineno)


def _guard(source, node, function, dice):
    if (
        isinstance(node, ast.If)
        and not node.orelse
        and len(node.body) == 1
        and isinstance(node.body[0], (ast.Return, ast.Raise, ast.Continue, ast.Break))
    ):
        lines = _statement(source, node)
        if lines and source.text[source.span(node)[0] :][:2] == b"if":
            yield (*lines, "")


def _delete(source, node, function, dice):
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr)):
        lines = _statement(source, node)
        if lines:
            yield (*lines, "")


def _arguments(source, node, function, dice):
    if (
        isinstance(node, ast.Call)
        and len(node.args) >= 2
        and not any(isinstance(item, ast.Starred) for item in node.args)
    ):
        index = dice.randrange(len(node.args) - 1)
        left, right = source.span(node.args[index]), source.span(node.args[index + 1])
        middle = source.text[left[1] : right[0]].decode()
        yield left[0], right[1], source.seg(node.args[index + 1]) + middle + source.seg(node.args[index])


def _constant(source, node, function, dice):
    if not isinstance(node, ast.Constant) or isinstance(source.parents.get(node), ast.JoinedStr):
        return
    start, end = source.span(node)
    if isinstance(node.value, bool):
        yield start, end, str(not node.value)
    elif isinstance(node.value, int):
        yield (
            start,
            end,
            str(dice.choice([item for item in (0, 1, 2, 3, 10, node.value * 2, node.value + 5) if item != node.value])),
        )
    elif (
        isinstance(node.value, str)
        and 0 < len(node.value) < 30
        and source.seg(node)[0] in "'\""
        and source.seg(node)[1] not in "'\""
    ):
        at = dice.randrange(len(node.value))
        other = dice.choice(
            [
                node.value[:at] + node.value[at + 1 :],
                node.value[:at] + dice.choice("ax_- .") + node.value[at + 1 :],
                node.value + dice.choice("s _"),
            ]
        )
        if "\\" not in source.seg(node) and source.seg(node)[0] not in other:
            yield start, end, source.seg(node)[0] + other + source.seg(node)[0]
    elif node.value is None:
        yield start, end, dice.choice(["True", "0", "False"])


def _return(source, node, function, dice):
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        start, _ = source.span(node)
        yield start, source.outer(node.value)[0], ""


def _negate(source, node, function, dice):
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        start, end = source.span(node.test)
        if source.seg(node.test).startswith("not "):
            yield start, start + 4, ""
        elif "\n" not in source.seg(node.test):
            yield start, end, f"not ({source.seg(node.test)})"


def _term(source, node, function, dice):
    if isinstance(node, ast.BoolOp):
        index = dice.randrange(1, len(node.values))
        yield source.outer(node.values[index - 1])[1], source.outer(node.values[index])[1], ""
    elif (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, (ast.Add, ast.Sub))
        and not isinstance(node.left, ast.Constant)
    ):
        yield source.outer(node.left)[1], source.outer(node.right)[1], ""


def _attribute(source, node, function, dice):
    if isinstance(node, ast.Attribute):
        used = {item.attr for item in ast.walk(source.tree) if isinstance(item, ast.Attribute)} - {node.attr}
        base = source.seg(node.value)
        same = {
            item.attr
            for item in ast.walk(source.tree)
            if isinstance(item, ast.Attribute) and source.seg(item.value) == base
        } - {node.attr}
        if same or used:
            end = source.span(node)[1]
            yield end - len(node.attr.encode()), end, dice.choice(sorted(same or used))


def _exception(source, node, function, dice):
    if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name):
        yield (
            *source.span(node.type),
            dice.choice(
                [item for item in ("ValueError", "KeyError", "TypeError", "IndexError") if item != node.type.id]
            ),
        )


def _keyword(source, node, function, dice):
    if (
        isinstance(node, ast.Call)
        and node.keywords
        and (len(node.keywords) + len(node.args)) > 1
        and node.keywords[-1].arg
    ):
        rest = [*node.args, *node.keywords[:-1]]
        yield max(source.span(item)[1] for item in rest), source.span(node.keywords[-1])[1], ""


def _unwrap(source, node, function, dice):
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and len(node.args) == 1
        and not node.keywords
        and isinstance(node.args[0], (ast.Name, ast.Attribute, ast.Call))
    ):
        yield (*source.span(node), source.seg(node.args[0]))


def _swap_statements(source, node, function, dice):
    block = getattr(source.parents.get(node), "body", [])
    if isinstance(node, (ast.Assign, ast.Expr, ast.AugAssign)) and isinstance(block, list) and node in block[:-1]:
        other = block[block.index(node) + 1]
        if isinstance(other, (ast.Assign, ast.Expr, ast.AugAssign, ast.If)) and source.indent(node) is not None:
            left, right = source.span(node), source.span(other)
            yield left[0], right[1], source.seg(other) + source.text[left[1] : right[0]].decode() + source.seg(node)


KINDS: dict[str, Callable[..., Iterator[Change]]] = {
    "operator_flip": _flip,
    "off_by_one": _off_by_one,
    "wrong_variable": _variable,
    "deleted_guard": _guard,
    "deleted_statement": _delete,
    "swapped_arguments": _arguments,
    "wrong_constant": _constant,
    "missing_return": _return,
    "negated_condition": _negate,
    "dropped_term": _term,
    "wrong_attribute": _attribute,
    "wrong_exception": _exception,
    "dropped_keyword": _keyword,
    "dropped_call": _unwrap,
    "swapped_statements": _swap_statements,
}

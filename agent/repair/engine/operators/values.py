"""Constants, variables and attributes."""

from __future__ import annotations

import ast
import re
from typing import Iterator, Union, cast

from ..context import UnitContext, alike, callee
from ..edits import in_fstring
from .kit import Change, operator, rank, replace

_SIBLINGS = (
    "lower upper title capitalize casefold swapcase", "startswith endswith", "strip lstrip rstrip", "find rfind index rindex",
    "split rsplit splitlines partition rpartition", "append extend insert appendleft add", "extend update extendleft",
    "pop popleft popitem", "add discard remove update", "keys values items", "min max", "any all sum", "int float round str bool",
    "floor ceil trunc round", "isdigit isalpha isalnum isdecimal isnumeric isspace isidentifier", "get pop setdefault", "encode decode",
    "match search fullmatch findall finditer", "list tuple set frozenset sorted iter reversed", "isinstance issubclass",
    "ljust rjust center zfill", "union intersection difference symmetric_difference", "issubset issuperset isdisjoint",
    "read readline readlines", "write writelines", "first last", "left right", "next prev previous", "start stop end",
    "islower isupper istitle", "sub subn", "bisect bisect_left bisect_right insort", "heappush heappop heappushpop",
    "days seconds microseconds", "year month day hour minute second", "rows cols columns", "parent children child",
    "key value", "width height", "x y z", "str repr bytes", "group groups groupdict", "enumerate range zip", "filter map filterfalse",
    "takewhile dropwhile", "copy deepcopy", "type isinstance", "head tail", "log log10 log2", "sin cos tan", "getattr hasattr setattr",
    "hasattr callable", "args kwargs", "low high", "lo hi", "row col", "i j k n m", "a b c d", "lhs rhs", "src dst", "old new", "add sub",
)  # fmt: skip
_SIBLING_OF: dict[str, list[str]] = {}
for _family in _SIBLINGS:
    for _name in _family.split():
        _SIBLING_OF.setdefault(_name, []).extend(other for other in _family.split() if other != _name)


@operator("number", 1.0, ast.Constant)
def number(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Another number: near ones, round ones, and those of the same file and of the failing test."""
    node = cast(ast.Constant, node)
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or in_fstring(context.source, node):
        return
    own = context.source.seg(node)
    tried = {own}
    for position, text in enumerate(_numbers_near(value, own, context)):
        if text not in tried:
            tried.add(text)
            start, end = context.source.span(node)
            parent = context.source.parents.get(node)
            negative = text.startswith("-") and isinstance(parent, (ast.BinOp, ast.UnaryOp, ast.Attribute))
            yield start, end, f"({text})" if negative else text, rank(1.2, position)


def _numbers_near(value: Union[int, float], own: str, context: UnitContext) -> Iterator[str]:
    if isinstance(value, int):
        form = (
            "{:#x}"
            if own[:2].lower() == "0x"
            else "{:#o}"
            if own[:2].lower() == "0o"
            else "{:#b}"
            if own[:2].lower() == "0b"
            else "{}"
        )
        near = [
            value + 1,
            value - 1,
            0,
            1,
            -value if value else -1,
            2,
            value * 2,
            value // 2,
            value * 10,
            value // 10,
            value + 2,
            value - 2,
            -1,
        ]
        near += [value << 1, value >> 1, value ^ 1] if form != "{}" else []
        near += [value - 10, value + 10, value * 1000, value * 60] if value >= 10 else []
        yield from (form.format(item) for item in near)
    else:
        yield from (
            repr(item)
            for item in (value + 1, value - 1, value * 10, value / 10, value * 2, value / 2, -value, 0.0, 1.0, 0.5)
        )
    for item in context.expected:
        if isinstance(item, (int, float)):
            yield repr(item)
    yield from sorted(context.file.numbers, key=lambda text: (-context.file.numbers[text], text))[:12]


@operator("boolean", 1.0, ast.Constant)
def boolean(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """True, False and None for each other; an empty value or a number for None."""
    value = cast(ast.Constant, node).value
    if value is None:
        for position, text in enumerate(("True", "False", "0", '""', "[]", "{}", "1")):
            yield replace(context, node, text, rank(0.5, position))
        for name in context.locals_at(cast(ast.Constant, node).lineno):
            yield replace(context, node, name, 1.0 if name in context.cues else 0.15)
    elif isinstance(value, bool):
        in_condition = isinstance(context.source.parents.get(node), (ast.If, ast.While, ast.IfExp))
        if not in_condition:
            yield replace(context, node, str(not value), 1.3)
            yield replace(context, node, "None", 0.4)


@operator("string", 0.6, ast.Constant)
def string(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Another string: of the same file or the failing test, or with small repairs to spaces, case, ends and patterns."""
    node = cast(ast.Constant, node)
    value = node.value
    parent = context.source.parents.get(node)
    if not isinstance(value, str) or isinstance(parent, (ast.Expr, ast.JoinedStr)) or in_fstring(context.source, node):
        return
    text = context.source.seg(node)
    opened = re.match(r"([rRuUbB]*)('''|\"\"\"|'|\")", text)
    if opened is None or not text.endswith(opened.group(2)) or len(text) > 200:
        return
    head, tail = opened.group(0), opened.group(2)
    inner = text[len(head) : len(text) - len(tail)]
    tried = {inner}
    for position, (other, weight) in enumerate(_strings_near(inner, value, context)):
        plain = tail not in other and not (other.endswith("\\") and len(other) - len(other.rstrip("\\")) == 1)
        if other not in tried and plain:
            tried.add(other)
            yield replace(context, node, head + other + tail, rank(weight, position // 4))


def _strings_near(inner: str, value: str, context: UnitContext) -> Iterator[tuple[str, float]]:
    donors = [item for item in context.expected if isinstance(item, str) and 0 < len(item) < 40 and item != value]
    known = [item for item in context.file.strings if item != value]
    for item in sorted(known, key=lambda other: (-alike(value, other), -context.file.strings[other], other))[:14]:
        yield _escaped(item), 1.2 if alike(value, item) > 0.3 or max(len(item), len(value)) <= 2 else 0.5
    for item in sorted(donors, key=lambda other: (-alike(value, other), other))[:6]:
        yield _escaped(item), 0.5
    for other in (inner.lower(), inner.upper(), inner.capitalize(), inner.strip(), f" {inner}", f"{inner} "):
        yield other, 0.8
    for char in ("", " ", "-", "_", ",", ".", ":", "/", ";", ", ", "\\n", "\\t", "'"):
        if len(value) <= 2:
            yield char, 0.8
    for old, new in (
        ("_", "-"),
        ("-", "_"),
        (" ", ""),
        (",", ", "),
        (", ", ","),
        (".", ""),
        ("%s", "%r"),
        ("%d", "%s"),
    ):
        if old in inner:
            yield inner.replace(old, new), 0.7
    if re.search(r"[\\\[\](){}^$*+?|]", inner):
        yield from ((other, 0.9) for other in _patterns_near(inner))
    for index in range(min(len(inner), 24)):
        yield inner[:index] + inner[index + 1 :], 0.3


_CLASSES = {"d": "DwS", "w": "Wds", "s": "SwS", "D": "d", "W": "w", "S": "s", "b": "B", "Z": "z"}


def _patterns_near(inner: str) -> Iterator[str]:
    """Small repairs of a regular expression or a format."""
    for found in re.finditer(r"(?<!\\)[*+?]", inner):
        start, end = found.span()
        for other in ("*", "+", "?", ""):
            if other != found.group():
                yield inner[:start] + other + inner[end:]
        yield inner[:end] + "?" + inner[end:]
    for found in re.finditer(r"[\])]|\\[dwsDWS]", inner):
        for other in ("*", "+", "?"):
            if inner[found.end() : found.end() + 1] not in ("*", "+", "?", "{"):
                yield inner[: found.end()] + other + inner[found.end() :]
    for found in re.finditer(r"\\([dwsDWSbZ])", inner):
        for other in _CLASSES[found.group(1)]:
            yield inner[: found.start(1)] + other + inner[found.end(1) :]
    yield inner[1:] if inner.startswith("^") else f"^{inner}"
    yield inner[:-1] if inner.endswith("$") else f"{inner}$"
    for found in re.finditer(r"(?<=[\[(])\^?", inner):
        yield inner[: found.start()] + ("" if found.group() else "^") + inner[found.end() :]
    for found in re.finditer(r"\{(\d+)(,?)(\d*)\}", inner):
        for place in (1, 3):
            if found.group(place):
                for step in (1, -1):
                    yield inner[: found.start(place)] + str(int(found.group(place)) + step) + inner[found.end(place) :]
    for found in re.finditer(r"\[[^\]]+", inner):
        for char in ("_", "-", ".", r"\s", "0-9", "a-z", "A-Z"):
            if char not in found.group():
                yield inner[: found.end()] + char + inner[found.end() :]


def _escaped(value: str) -> str:
    return value.encode("unicode_escape").decode() if not value.isprintable() else value.replace("\\", "\\\\")


@operator("variable", 1.0, ast.Name)
def variable(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Another name in scope, likely ones first: used too little, or alike."""
    node = cast(ast.Name, node)
    if not isinstance(node.ctx, ast.Load) or in_fstring(context.source, node):
        return
    parent = context.source.parents.get(node)
    called = isinstance(parent, ast.Call) and node is parent.func
    scored: list[tuple[float, str]] = []
    names = [] if called and node.id not in context.stored else context.locals_at(node.lineno)
    for name in names:
        if name != node.id:
            weight = 0.4 + alike(name, node.id) * 0.6
            weight *= 2.5 if name in context.cues else 1.0
            weight *= 0.3 if context.self_name in (name, node.id) else 1.0
            scored.append((weight, name))
    for name in _SIBLING_OF.get(node.id, []):
        if context.knows(frozenset([name])) and name not in names:
            scored.append((1.0, name))
    for name in sorted(context.file.globals):
        strength = alike(name, node.id)
        if (
            name not in context.stored
            and name != node.id
            and (strength > 0.4 or name in context.cues)
            and node.id not in context.params
        ):
            scored.append((0.7 * strength * (1.0 if called or name.isupper() == node.id.isupper() else 0.5), name))
    for position, (weight, name) in enumerate(sorted(scored, key=lambda item: (-item[0], item[1]))[:16]):
        yield replace(context, node, name, rank(weight, position))
    for base in context.locals_at(node.lineno):
        if base != context.self_name and node.id in context.file.attributes.get(base, {}) and not called:
            yield replace(context, node, f"{base}.{node.id}", 0.8)
    if context.self_name and node.id in context.members and not called:
        yield replace(context, node, f"{context.self_name}.{node.id}", 1.0)
    if context.self_name and called and context.members.get(node.id):
        yield replace(context, node, f"{context.self_name}.{node.id}", 1.0)


@operator("attribute", 0.9, ast.Attribute)
def attribute(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Another attribute or method: a sibling, one of the class, or one that the file uses on the same name."""
    node = cast(ast.Attribute, node)
    if in_fstring(context.source, node):
        return
    parent = context.source.parents.get(node)
    called = isinstance(parent, ast.Call) and node is parent.func
    scored: dict[str, float] = dict.fromkeys(_SIBLING_OF.get(node.attr, []), 1.2)
    base = node.value.id if isinstance(node.value, ast.Name) else ""
    if base and base == context.self_name:
        for name, method in context.members.items():
            strength = 0.5 + 0.7 * alike(name, node.attr)
            scored[name] = max(scored.get(name, 0.0), strength * (1.0 if method == called else 0.3))
    for name, count in context.file.attributes.get(base, {}).items():
        scored[name] = max(scored.get(name, 0.0), 0.3 + 0.7 * alike(name, node.attr) + 0.02 * min(count, 5))
    scored.pop(node.attr, None)
    end = context.source.span(node)[1]
    for position, (name, weight) in enumerate(sorted(scored.items(), key=lambda item: (-item[1], item[0]))[:16]):
        yield end - len(node.attr.encode()), end, name, rank(weight * (1.5 if name in context.cues else 1.0), position)
    if isinstance(node.ctx, ast.Load) and base and node.attr in context.locals_at(node.lineno):
        yield replace(context, node, node.attr, 1.2 * (2.0 if node.attr in context.cues else 1.0))


@operator("whole", 0.3, ast.Attribute, ast.Subscript, ast.Call)
def whole(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """The object itself instead of its attribute, item or call; a call where there was none."""
    if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)) or in_fstring(context.source, node):
        return
    parent = context.source.parents.get(node)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            yield replace(context, node, context.source.seg(node.func.value), 0.8)
        if len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp)):
            yield replace(context, node, context.source.seg(node.args[0]), 1.5)
        if not node.args and not node.keywords:
            yield replace(context, node, context.source.seg(node.func), 0.3)
    elif not (isinstance(parent, ast.Call) and node is parent.func):
        value = cast(Union[ast.Attribute, ast.Subscript], node).value
        if not (isinstance(value, ast.Name) and value.id == context.self_name):
            yield replace(context, node, context.source.seg(value), 0.7)
        if isinstance(node, ast.Attribute) and not (isinstance(parent, ast.Attribute)):
            yield replace(context, node, f"{context.source.seg(node)}()", 0.5)


@operator("donor", 0.3, ast.Attribute, ast.Subscript, ast.Call)
def donor(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A variable in scope, or another such expression of the same function, in place of a compound one."""
    parent = context.source.parents.get(node)
    called = isinstance(parent, ast.Call) and node is parent.func
    whole_statement = isinstance(parent, ast.Expr)
    stored = isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del))
    if called or whole_statement or stored or in_fstring(context.source, node):
        return
    line, own = cast(ast.expr, node).lineno, context.source.seg(node)
    names = [name for name in context.locals_at(line) if name not in (context.self_name, own)]
    for position, name in enumerate(
        sorted(names, key=lambda name: (name not in context.cues, -alike(name, own), name))[:8]
    ):
        yield replace(context, node, name, rank(1.0, position))
    others = dict.fromkeys(
        context.source.seg(other)
        for other in ast.walk(context.unit.node)
        if isinstance(other, type(node)) and isinstance(getattr(other, "ctx", ast.Load()), ast.Load)
    )
    near = sorted(
        (text for text in others if text != own and len(text) < 60), key=lambda text: (-alike(text, own), text)
    )
    for position, text in enumerate(near[:5]):
        yield replace(context, node, text, rank(0.6, position))


@operator("exception", 0.8, ast.Name)
def exception(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """Another exception type, or one more, where it is raised or caught."""
    node = cast(ast.Name, node)
    parent = context.source.parents.get(node)
    grand = context.source.parents.get(parent) if parent is not None else None
    caught = isinstance(parent, ast.ExceptHandler) or (
        isinstance(parent, ast.Tuple) and isinstance(grand, ast.ExceptHandler)
    )
    raised = isinstance(parent, ast.Raise) or (
        isinstance(parent, ast.Call) and node is parent.func and isinstance(grand, ast.Raise)
    )
    if not caught and not raised:
        return
    usual = [
        "ValueError",
        "TypeError",
        "KeyError",
        "IndexError",
        "AttributeError",
        "OSError",
        "StopIteration",
        "LookupError",
        "RuntimeError",
    ]
    usual += [
        "ZeroDivisionError",
        "UnicodeDecodeError",
        "OverflowError",
        "NotImplementedError",
        "ImportError",
        "AssertionError",
    ]
    for position, name in enumerate(dict.fromkeys([*context.file.exceptions, *usual])):
        if name != node.id and name not in ("Exception", "BaseException"):
            yield replace(context, node, name, rank(1.0, position // 2))
            if isinstance(parent, ast.ExceptHandler):
                yield replace(context, node, f"({node.id}, {name})", rank(0.8, position // 2))


@operator("key", 0.5, ast.Subscript, ast.Call)
def key(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """`d[k]` for `d.get(k)` and the other way round."""
    source = context.source
    if isinstance(node, ast.Call):
        if callee(node) == "get" and isinstance(node.func, ast.Attribute) and node.args:
            yield replace(context, node, f"{source.seg(node.func.value)}[{source.seg(node.args[0])}]")
        return
    node = cast(ast.Subscript, node)
    if isinstance(node.ctx, ast.Load) and not isinstance(node.slice, (ast.Slice, ast.Tuple)):
        index = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if not isinstance(index, int):
            yield replace(context, node, f"{source.seg(node.value)}.get({source.seg(node.slice)})")

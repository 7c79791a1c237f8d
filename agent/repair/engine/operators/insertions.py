"""Statements that are not there: donors of the same file, guards, and small ones made of names in scope."""

from __future__ import annotations

import ast
import re
from typing import Iterator, Optional

from ..context import Donor, UnitContext, alike
from .kit import Change, operator
from .logic import terms

_ANY = (
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
    ast.Break,
)
_ANY_FLOW = (*_ANY, ast.Continue, ast.Pass, ast.Delete, ast.Assert)
_LIMIT = 40
"""Donors per place, after ranking."""


def _in_front(context: UnitContext, node: ast.AST, text: str, weight: float) -> Optional[Change]:
    """A statement put on lines of its own in front of another."""
    source = context.source
    indent = source.indent(node)
    if indent is None or source.text[source.span(node)[0] :][:4] == b"elif":
        return None
    start = source.starts[node.lineno - 1]  # type: ignore[attr-defined]
    decorators = getattr(node, "decorator_list", None)
    if decorators:
        return None
    return start, start, _block(text, indent, source.newline) + source.newline, weight


def _behind(context: UnitContext, node: ast.AST, text: str, weight: float) -> Optional[Change]:
    """A statement put on lines of its own behind another, at the same depth."""
    source = context.source
    indent = source.indent(node)
    if indent is None:
        return None
    end = source.span(node)[1]
    if source.text[end : source.line_end(node.end_lineno)].split(b"#")[0].strip():  # type: ignore[attr-defined]
        return None
    stop = source.line_end(node.end_lineno)  # type: ignore[attr-defined]
    if source.text[stop - 1 : stop] in (b"\n", b"\r"):
        return stop, stop, _block(text, indent, source.newline) + source.newline, weight
    return stop, stop, source.newline + _block(text, indent, source.newline), weight


def _block(text: str, indent: str, newline: str) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    return newline.join(indent + line if line.strip() else line for line in lines)


def _places(context: UnitContext, node: ast.AST) -> Iterator[tuple[bool, float]]:
    """In front of a statement always; behind it too when it is the last of its block and control goes on."""
    yield False, 1.0
    parent = context.source.parents.get(node)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if (
            isinstance(block, list)
            and block
            and block[-1] is node
            and not isinstance(node, (ast.Return, ast.Raise, ast.Continue, ast.Break))
        ):
            yield True, 1.0


def _put(context: UnitContext, node: ast.AST, behind: bool, text: str, weight: float) -> Iterator[Change]:
    change = _behind(context, node, text, weight) if behind else _in_front(context, node, text, weight)
    if change is not None:
        yield change


@operator("insert_donor", 0.55, *_ANY_FLOW)
def insert_donor(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A statement of the same file, names renamed where one of them means nothing here."""
    line = node.lineno  # type: ignore[attr-defined]
    near = _near_names(context, node)
    previous = _previous(context, node)
    here = frozenset(context.locals_at(line))
    best: dict[str, float] = {}
    for donor, foreign in context.donors:
        if donor.node is not node:
            for text, names, weight in _fitted(context, donor, foreign, here):
                belief = weight * _affinity(context, donor, names, near, previous)
                if belief > best.get(text, 0.0):
                    best[text] = belief
    ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:_LIMIT]
    for behind, strength in _places(context, node):
        for text, weight in ranked:
            yield from _put(context, node, behind, text, strength * weight)


def _fitted(
    context: UnitContext, donor: Donor, foreign: list[str], here: frozenset[str]
) -> Iterator[tuple[str, frozenset[str], float]]:
    """The donor as it stands if its names mean something here, else with its one foreign name exchanged."""
    if any(name in context.stored and name not in here for name in donor.names):
        return
    if not foreign:
        yield donor.text, donor.mentions, 1.0
        return
    others = sorted(here - donor.names, key=lambda name: (name not in context.cues, -alike(name, foreign[0]), name))
    for name in others[:3]:
        if name != context.self_name:
            renamed = re.sub(rf"(?<![\w.]){re.escape(foreign[0])}\b", name, donor.text)
            yield renamed, (donor.mentions - {foreign[0]}) | {name}, 0.4 + 0.3 * alike(name, foreign[0])


def _near_names(context: UnitContext, node: ast.AST) -> frozenset[str]:
    """Names used around a statement."""
    parent = context.source.parents.get(node)
    found: set[str] = set()
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and node in block:
            place = block.index(node)
            for item in block[max(0, place - 2) : place + 2]:
                found.update(inner.id for inner in ast.walk(item) if isinstance(inner, ast.Name))
    return frozenset(found)


def _previous(context: UnitContext, node: ast.AST) -> str:
    """First line of the statement in front of another in the same block; empty when there is none."""
    block = getattr(context.source.parents.get(node), "body", None)
    if isinstance(block, list) and node in block and block.index(node) > 0:
        return context.source.seg(block[block.index(node) - 1]).split("\n")[0]
    return ""


def _affinity(context: UnitContext, donor: Donor, names: frozenset[str], near: frozenset[str], previous: str) -> float:
    """How well a donor fits a place: same function, names in use around it, and the same statement in front."""
    local = [name for name in names if name in context.stored]
    weight = 0.4 + 0.6 * (sum(name in near for name in local) / len(local) if local else 0.2)
    own = context.unit.node.name
    weight *= 0.8 if donor.inside == own else 0.5 + 0.7 * alike(donor.inside, own)
    if names & context.cues:
        weight *= 3.0
    return weight * (2.5 if previous and previous == donor.before else 1.0)


@operator("insert_return", 1.0, *_ANY)
def insert_return(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """`return` of a name in scope, behind a last statement or in front of any; the same for leaving a loop."""
    if isinstance(node, (ast.Return, ast.Raise)):
        return
    line: int = node.end_lineno  # type: ignore[attr-defined]
    names = sorted(context.locals_at(line), key=lambda name: (name not in context.cues, -context.stored[name]))
    top = node in context.unit.node.body
    for behind, _ in _places(context, node):
        weight = (1.6 if top else 0.8) if behind else 0.25
        for position, name in enumerate(names[:8]):
            yield from _put(
                context,
                node,
                behind,
                f"return {name}",
                weight * (1.5 if name in context.cues else 1.0) / (1 + position) ** 0.5,
            )
        yield from _put(context, node, behind, "return", weight * 0.3)
        if not top:
            yield from _put(context, node, behind, "continue", 0.5 if behind else 0.2)
            yield from _put(context, node, behind, "break", 0.5 if behind else 0.2)


@operator("insert_made", 0.45, *_ANY)
def insert_made(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """A small statement made of names in scope: store a parameter, count, collect."""
    line = node.lineno  # type: ignore[attr-defined]
    made = list(_made(context, line))
    for behind, strength in _places(context, node):
        for text, weight in made:
            yield from _put(context, node, behind, text, weight * strength)


def _made(context: UnitContext, line: int) -> Iterator[tuple[str, float]]:
    here = [name for name in context.locals_at(line) if name != context.self_name]
    if context.self_name:
        for name in context.params[1:]:
            unstored = name in context.cues
            for target in (name, f"_{name}"):
                if target in context.members or unstored:
                    yield f"{context.self_name}.{target} = {name}", 3.0 if unstored else 0.5
        for name, method in context.members.items():
            if method and not name.startswith("__"):
                yield f"{context.self_name}.{name}()", 0.3
    for name in here[:10]:
        strong = 3.0 if name in context.cues else 1.0
        yield f"{name} += 1", 0.5 * strong
        yield f"{name} -= 1", 0.25 * strong
    for call, names in _receivers(context).items():
        for name in here[:10]:
            if name != names:
                yield f"{call}({name})", 0.6 if name in context.cues else 0.25
    for name in sorted(context.cues):
        if name not in context.stored:
            for value in ("None", "[]", "0", "{}", '""', "False"):
                yield f"{name} = {value}", 1.0


def _receivers(context: UnitContext) -> dict[str, str]:
    """Collections of the function that something is put into, as the call that does it."""
    found: dict[str, str] = {}
    for item in ast.walk(context.unit.node):
        if (
            isinstance(item, ast.Attribute)
            and isinstance(item.value, ast.Name)
            and item.attr in ("append", "add", "update", "extend", "discard")
        ):
            found[f"{item.value.id}.{item.attr}"] = item.value.id
        if isinstance(item, ast.Assign) and len(item.targets) == 1 and isinstance(item.targets[0], ast.Name):
            name = item.targets[0].id
            kind = (
                item.value.func.id if isinstance(item.value, ast.Call) and isinstance(item.value.func, ast.Name) else ""
            )
            if isinstance(item.value, ast.List) or kind == "list":
                found.setdefault(f"{name}.append", name)
            elif kind == "set":
                found.setdefault(f"{name}.add", name)
    return found


@operator("insert_guard", 0.35, *_ANY)
def insert_guard(context: UnitContext, node: ast.AST) -> Iterator[Change]:
    """`if` with a condition of the same file or a check of a name in scope, and a way out."""
    line = node.lineno  # type: ignore[attr-defined]
    loop = _in_loop(context, node)
    ways = _ways_out(context, line, loop)
    near = _near_names(context, node)
    scored: list[tuple[float, str]] = []
    for position, (condition, strength) in enumerate(terms(context, line)):
        if position >= 40:
            break
        words = set(re.findall(r"[A-Za-z_]\w*", condition))
        fit = 0.5 + 0.5 * bool(words & near)
        for place, (way, weight) in enumerate(ways):
            scored.append((strength * weight * fit / (1 + place) ** 0.5, f"if {condition}:\n    {way}"))
    scored.sort(key=lambda item: (-item[0], item[1]))
    for weight, text in scored[:_LIMIT]:
        yield from _put(context, node, False, text.replace("\n    ", "\n" + _unit_indent(context)), weight)


def _unit_indent(context: UnitContext) -> str:
    """One level of indentation as the file has it."""
    outer = context.source.indent(context.unit.node) or ""
    inner = context.source.indent(context.unit.node.body[0])
    return inner[len(outer) :] if inner and inner.startswith(outer) and inner != outer else "    "


def _in_loop(context: UnitContext, node: ast.AST) -> bool:
    parent = context.source.parents.get(node)
    while parent is not None and parent is not context.unit.node:
        if isinstance(parent, (ast.For, ast.While, ast.AsyncFor)):
            return True
        parent = context.source.parents.get(parent)
    return False


def _ways_out(context: UnitContext, line: int, loop: bool) -> list[tuple[str, float]]:
    """What a guard may do, most likely first: what the function's other exits do, then the usual."""
    ways: dict[str, float] = {}
    for item in ast.walk(context.unit.node):
        if isinstance(item, (ast.Return, ast.Raise)):
            text = context.source.seg(item)
            if "\n" not in text and len(text) < 100:
                ways.setdefault(text, 1.0)
    if loop:
        ways.setdefault("continue", 0.9)
        ways.setdefault("break", 0.7)
    ways.setdefault("return", 0.6)
    for name in context.locals_at(line)[:8]:
        if name != context.self_name:
            ways.setdefault(f"return {name}", 0.6)
    for text in (
        "return None",
        "return False",
        "return True",
        "return []",
        "return 0",
        'return ""',
        "return NotImplemented",
    ):
        ways.setdefault(text, 0.3)
    for donor in context.file.statements:
        if isinstance(donor.node, ast.Raise) and context.knows(donor.names):
            ways.setdefault(donor.text, 0.25)
    return sorted(ways.items(), key=lambda item: -item[1])[:16]

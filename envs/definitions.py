"""What a source file defines, and where."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from envs.python_units import parse_python
from sandbox.values import Value

if TYPE_CHECKING:
    from tree_sitter import Node

_DEEPEST = 20
_DEFINITIONS = {"function_definition", "class_definition"}


class Definition(Value):
    """One class, function, method or module-level name."""

    name: str
    """Qualified inside its file, such as `Class.method`."""
    kind: str
    """`class`, `function`, `method` or `constant`."""
    line: int
    """First line, decorators included, from 1."""
    end_line: int
    signature: str
    """As written, on one line."""


def find_definitions(path: str, source: bytes) -> tuple[Definition, ...]:
    """Return the definitions of a Python file in order, those inside functions left out; of other files, nothing.

    A file that does not parse gives what can be made out.
    """
    if not path.endswith((".py", ".pyi")):
        return ()
    return tuple(_walk(parse_python(source), "", "", 0))


def _walk(body: "Node", prefix: str, owner: str, depth: int) -> Iterator[Definition]:
    for child in body.children:
        inner = child.child_by_field_name("definition") or child if child.type == "decorated_definition" else child
        name = inner.child_by_field_name("name")
        if inner.type in _DEFINITIONS and name is not None:
            block = inner.child_by_field_name("body")
            is_class = inner.type == "class_definition"
            kind = "class" if is_class else "method" if owner == "class" else "function"
            yield _definition(prefix + _text(name), kind, child, _header(inner, block))
            if is_class and block is not None and depth < _DEEPEST:
                yield from _walk(block, f"{prefix}{_text(name)}.", "class", depth + 1)
        elif (
            child.type in {"if_statement", "try_statement", "else_clause", "except_clause", "block"}
            and depth < _DEEPEST
        ):
            yield from _walk(child, prefix, owner, depth + 1)
        elif child.type == "expression_statement" and child.named_children:
            target = child.named_children[0].child_by_field_name("left")
            if target is not None and target.type == "identifier":
                yield _definition(prefix + _text(target), "constant", child, _text(child))


def _definition(name: str, kind: str, node: "Node", signature: str) -> Definition:
    return Definition(
        name=name,
        kind=kind,
        line=node.start_point[0] + 1,
        end_line=node.end_point[0] + 1,
        signature=re.sub(r"\s+", " ", signature)[:300],
    )


def _header(node: "Node", block: "Node | None") -> str:
    text = _text(node)
    return text if block is None else text[: len(text) - len(_text(block))].rstrip(": \t\r\n") or text


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")

"""The named pieces of a source file."""

import hashlib
from collections.abc import Iterator
from posixpath import splitext
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from envs.grammar import as_utf8, python_parser
from sandbox.values import Value

if TYPE_CHECKING:
    from tree_sitter import Node

_PYTHON = (".py", ".pyi")
_MAX_SIGNATURE = 240  # characters
_MAX_CONSTANT = 100  # characters
_MAX_NESTING = 20  # classes in classes
_TRANSPARENT = {
    "module",
    "block",
    "if_statement",
    "elif_clause",
    "else_clause",
    "try_statement",
    "except_clause",
    "except_group_clause",
    "finally_clause",
    "with_statement",
    "ERROR",
}
"""What stands in these stands at the level of their parent: conditional definitions, and what a broken file still shows."""


class Symbol(Value):
    """A named piece of code."""

    name: str
    """Qualified inside its file, such as `Class.method`."""
    kind: Literal["class", "function", "method", "constant"]
    line: int = Field(ge=1)
    """First line, decorators included."""
    end_line: int = Field(ge=1)
    signature: str = ""
    """As written, on one line, decorators first; clipped when long."""


def find_symbols(path: str, source: bytes) -> tuple[Symbol, ...]:
    """Return classes, functions, methods and module-level names in the order of the file.

    What lies inside functions has no name outside and is left out. A broken file gives what could be read of it; a language without a
    grammar here gives nothing.

    Args:
        path: only its ending matters.
        source: the content; anything at all.
    """
    if not path.lower().endswith(_PYTHON):
        return ()
    source = as_utf8(source)
    return tuple(_walk(python_parser().parse(source).root_node, source))


class SymbolCache:
    """Remembers the symbols of contents that were read, by their hash. Several threads may use one at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], tuple[Symbol, ...]] = {}

    def find(self, path: str, source: bytes) -> tuple[Symbol, ...]:
        """As `find_symbols`."""
        key = (splitext(path)[1].lower(), hashlib.sha256(source).digest())
        if key not in self._known:
            self._known[key] = find_symbols(path, source)
        return self._known[key]


class _Level(NamedTuple):
    """Where a node stands."""

    owner: str
    in_class: bool
    depth: int


def _walk(root: "Node", source: bytes) -> Iterator[Symbol]:
    """Visit definitions in order, without recursion: an `elif` chain of a thousand links is a thousand deep."""
    stack: list[tuple[Node, _Level]] = [(root, _Level("", False, 0))]
    while stack:
        node, level = stack.pop()
        kind = node.type
        if kind in _TRANSPARENT:
            stack += [(child, level) for child in reversed(node.named_children)]
            continue
        if kind == "expression_statement":
            if not level.in_class:
                yield from _constants(node)
            continue
        inner = node.child_by_field_name("definition") if kind == "decorated_definition" else node
        if inner is None or inner.type not in ("function_definition", "class_definition"):
            continue
        name = _text(inner.child_by_field_name("name"))
        if not name:
            continue
        body = inner.child_by_field_name("body")
        qualified = f"{level.owner}.{name}" if level.owner else name
        is_class = inner.type == "class_definition"
        yield Symbol(
            name=qualified,
            kind="class" if is_class else "method" if level.in_class else "function",
            line=node.start_point[0] + 1,
            end_line=_last_line(node),
            signature=_signature(node, inner, body, source),
        )
        if is_class and body is not None and level.depth < _MAX_NESTING:
            stack.append((body, _Level(qualified, True, level.depth + 1)))


def _constants(statement: "Node") -> Iterator[Symbol]:
    for node in statement.named_children:
        left = node.child_by_field_name("left") if node.type == "assignment" else None
        if left is not None and left.type == "identifier":
            yield Symbol(
                name=_text(left),
                kind="constant",
                line=node.start_point[0] + 1,
                end_line=_last_line(node),
                signature=_clipped((node.text or b"")[: 4 * _MAX_CONSTANT], _MAX_CONSTANT),
            )


def _signature(whole: "Node", inner: "Node", body: "Node | None", source: bytes) -> str:
    """From the first decorator to the colon."""
    end = body.start_byte if body is not None else inner.end_byte
    decorators = [_clipped(child.text or b"", 80) for child in whole.children if child.type == "decorator"]
    head = source[inner.start_byte : min(end, inner.start_byte + 4 * _MAX_SIGNATURE)]
    comment = next((child for child in inner.children if child.type == "comment"), None)
    if comment is not None and comment.start_byte < end:
        head = source[inner.start_byte : comment.start_byte]
    text = " ".join([*decorators, " ".join(head.decode("utf-8", "replace").split()).rstrip(" :")])
    return text if len(text) <= _MAX_SIGNATURE else text[: _MAX_SIGNATURE - 1] + "…"


def _last_line(node: "Node") -> int:
    """A node that ends with a line break ends in the line before it."""
    row, column = node.end_point
    return row + 1 if column or row == node.start_point[0] else row


def _clipped(text: bytes, limit: int) -> str:
    line = " ".join(text.decode("utf-8", "replace").split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _text(node: "Node | None") -> str:
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""

"""A Python file as functions, methods and what is left, each as tokens that formatting does not touch.

Each unit is a flat list: leaves of tree-sitter's tree, with a mark where an inner node begins and ends. The marks keep the structure
(what indentation and parentheses say), so that parentheses which change nothing can be left out like comments and commas.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from envs.grammar import as_utf8, python_parser

if TYPE_CHECKING:
    from tree_sitter import Node

    _Part = Node | str | int
    """Something to walk into, a token that is done, or the offset up to which the source is accounted for."""

Units = dict[str, tuple[str, ...]]
"""Tokens by dotted name. The empty name is the module's own code; a class's name is its header and its own code."""

_OPEN, _CLOSE = "\0(", "\0)"
_MAX_NESTING = 20  # classes in classes; what lies deeper counts as code of the innermost

_IGNORED = {"comment", "line_continuation", ";"}
_TUPLES = {
    "expression_list": "tuple",
    "tuple": "tuple",
    "pattern_list": "tuple_pattern",
    "tuple_pattern": "tuple_pattern",
}
_BARE = {*_TUPLES, "import_from_statement", "with_clause"}
"""Their parentheses say nothing that the node's type does not say."""
_LISTS = {*_BARE, "argument_list", "parameters", "lambda_parameters", "list", "set", "dictionary"}
"""Their commas only separate: each element is a node of its own."""
_INDICES = {"subscript": 2, "type_parameter": 1}
"""As `_LISTS`, except that a comma after the only index makes a tuple of it: how many named children there are then."""
_RAW = {"format_specifier"}
"""Text inside them belongs to no child."""


def units(source: bytes) -> Units | None:
    """Take a file apart; None when it does not parse.

    Left out: comments, docstrings, blank lines, line ends and continuations, parentheses and trailing commas that change nothing,
    and how strings are quoted and numbers are spelled.
    """
    return _units(source)


@lru_cache(maxsize=128)  # many candidates change the same few files
def _units(source: bytes) -> Units | None:
    source = as_utf8(source)
    root = python_parser().parse(source).root_node
    if root.has_error:
        return None
    found: dict[str, list[str]] = {}
    _collect(root, source, "", found, 0)
    return {name: tuple(tokens) for name, tokens in found.items()}


def leaves(tokens: Sequence[str]) -> list[str]:
    """The tokens that a reader sees, without the marks of structure."""
    return [token for token in tokens if not token.startswith("\0")]


def _collect(body: "Node", source: bytes, owner: str, found: dict[str, list[str]], depth: int) -> None:
    """Give every function below a module or class its own unit, and the rest to the owner."""
    rest = found.setdefault(owner, [])
    prefix = f"{owner}." if owner else ""
    for child in _statements(body):
        inner = child.child_by_field_name("definition") or child if child.type == "decorated_definition" else child
        name = inner.child_by_field_name("name")
        if name is None or inner.type not in ("function_definition", "class_definition") or depth >= _MAX_NESTING:
            rest += _tokens(child, source)
            continue
        key = _free(prefix + _text(name), found)
        block = inner.child_by_field_name("body")
        if inner.type == "function_definition" or block is None:
            found[key] = list(_tokens(child, source))
        else:
            found[key] = list(_tokens(child, source, without=block))
            _collect(block, source, key, found, depth + 1)


def _free(name: str, found: dict[str, list[str]]) -> str:
    """A property and its setter share a name; the second gets a number."""
    number = 2
    key = name
    while key in found:
        key = f"{name}#{number}"
        number += 1
    return key


def _statements(body: "Node") -> "list[Node]":
    """What a module's or class's or function's body does: its docstring is not part of that."""
    children = [child for child in body.children if child.type not in _IGNORED]
    return children[1:] if children and _is_docstring(children[0]) else children


def _is_docstring(node: "Node") -> bool:
    if node.type != "expression_statement" or node.named_child_count != 1:
        return False
    value = node.named_children[0]
    while value.type == "parenthesized_expression" and value.named_child_count == 1:
        value = value.named_children[0]
    strings = value.named_children if value.type == "concatenated_string" else [value]
    return all(part.type == "string" and not _prefix(part) & set("bft") for part in strings)


def _tokens(node: "Node", source: bytes, *, without: "Node | None" = None) -> Iterator[str]:
    """Walk without recursion: an expression of ten thousand terms is ten thousand deep."""
    at = node.start_byte
    stack: list[tuple[_Part, str]] = [(node, "")]
    while stack:
        item, parent = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        if isinstance(item, int):
            at = max(at, item)
            continue
        if item == without:
            at = item.end_byte
            continue
        whole = _whole(item)
        if whole is None and item.child_count:
            kind = item.type
            stack += [(part, kind) for part in reversed(_parts(item, parent))]
            continue
        # The grammar leaves some text to no node; none of it may be lost.
        gap = source[at : item.start_byte].translate(None, b" \t\r\n\f\\;")
        if gap:
            yield gap.decode("utf-8", "replace")
        at = max(at, item.end_byte)
        if whole is None:
            yield " ".join(_text(item).split())
        elif whole:
            yield whole


def _parts(node: "Node", parent: str) -> "list[_Part]":
    """What a node contributes: marks around its children, or the children alone when it says nothing by itself.

    In the place of a child that is left out stands the offset where it ends. The parent's type is handed down, because tree-sitter
    would search for it from the top.
    """
    kind = node.type
    children = list(node.children)
    if kind == "string":
        return [_OPEN + kind, *(part for child in children for part in _string_part(child, _prefix(node))), _CLOSE]
    named = [child for child in children if child.is_named and child.type != "comment"]
    comma = any(child.type == "," for child in children)
    dropped = {"(", ")"} if kind in _BARE or kind == "parenthesized_expression" else set()
    if kind in _LISTS or len(named) > _INDICES.get(kind, len(named)):
        dropped.add(",")
    parts: list[_Part] = [child.end_byte if child.type in dropped else child for child in children]
    if kind == "block" and parent in ("function_definition", "class_definition"):
        first = next((at for at, child in enumerate(children) if child.type not in _IGNORED), None)
        if first is not None and _is_docstring(children[first]):
            parts[first] = children[first].end_byte
    alone = kind == "tuple_pattern" and len(named) == 1 and not comma
    if alone or kind == "parenthesized_expression":
        return parts
    if kind == "argument_list" and not named and parent == "class_definition":
        return [node.end_byte]
    parts = [_OPEN + _TUPLES.get(kind, kind), *parts, _CLOSE]
    if kind == "generator_expression" and parent == "call":  # the only argument may share the call's parentheses
        return [_OPEN + "argument_list", "(", *parts, ")", _CLOSE]
    return parts


def _whole(node: "Node") -> str | None:
    """The one token that stands for a node with all that is in it; None when its parts speak for themselves, "" for nothing."""
    kind = node.type
    whole: str | None = None
    if kind in _IGNORED:
        whole = ""
    elif kind in ("integer", "float"):
        whole = _text(node).lower().replace("_", "")
    elif kind == "string" and not _has_holes(node):
        whole = _plain_string(node)
    elif kind == "concatenated_string":
        whole = _joined(node)
    elif kind in ("not in", "is not"):
        whole = kind
    elif kind in _RAW or (kind == "interpolation" and any(child.type == "=" for child in node.children)):
        whole = _text(node)  # `f"{x = }"` prints its own source
    return whole


def _string_part(child: "Node", prefix: set[str]) -> "list[_Part]":
    if child.type == "string_start":
        return ["".join(sorted(prefix)) + '"', child.end_byte]
    if child.type == "string_content":
        return [_content(_text(child), raw="r" in prefix), child.end_byte]
    return [child.end_byte] if child.type == "string_end" else [child]


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _joined(node: "Node") -> str | None:
    """Neighbours of one kind are one string; None when there are holes, different prefixes, or an escape at a seam that might grow."""
    strings = [
        _plain_string(child) for child in node.named_children if child.type == "string" and not _has_holes(child)
    ]
    prefixes = {string.partition('"')[0] for string in strings}
    if (
        len(strings) != len(node.named_children)
        or len(prefixes) != 1
        or any(re.search(r'\\[0-7]{1,2}"$', string) for string in strings)
    ):
        return None
    return prefixes.pop() + '"' + "".join(string.partition('"')[2][:-1] for string in strings) + '"'


def _has_holes(string: "Node") -> bool:
    return any(child.type == "interpolation" for child in string.children)


def _plain_string(node: "Node") -> str:
    content = "".join(
        (child.text or b"").decode("utf-8", "replace") for child in node.children if child.type == "string_content"
    )
    prefix = _prefix(node)
    if "\\" not in content:
        prefix -= {"r"}
    return "".join(sorted(prefix)) + '"' + _content(content, raw="r" in prefix) + '"'


def _prefix(node: "Node") -> set[str]:
    """Letters before the quotes, without the one that means nothing."""
    letters = re.match(rb"[A-Za-z]*", node.text or b"")
    return set(letters[0].decode().lower()) - {"u"} if letters else set()


def _content(text: str, *, raw: bool) -> str:
    """Spell a string's content as if it stood on one line between double quotes."""
    text = text.replace("\r\n", "\n")
    if raw:
        return text
    text = re.sub(r"\\(.)", lambda match: {"'": "'", '"': '"', "\n": ""}.get(match[1], match[0]), text, flags=re.DOTALL)
    return text.replace("\n", "\\n")

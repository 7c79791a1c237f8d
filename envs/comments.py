"""A Python file without comments."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from envs.grammar import as_utf8, python_parser

if TYPE_CHECKING:
    from tree_sitter import Node


def comments(source: bytes) -> tuple[str, ...]:
    """Return a file's comments as they stand, in order."""
    source = as_utf8(source)
    return tuple(source[start:end].decode("utf-8", "replace") for start, end in _spans(source))


def without_comments(source: bytes, *, keep: Collection[str] = ()) -> bytes:
    """Return a Python file without its comments; a line that held nothing else goes.

    Args:
        source: the content; what does not parse loses the comments that could be read.
        keep: comments that stay, as they stand.
    """
    source = as_utf8(source)
    parts, at = list[bytes](), 0
    for start, end in _spans(source):
        if source[start:end].decode("utf-8", "replace") in keep:
            continue
        line = source.rfind(b"\n", 0, start) + 1
        if source[line:start].strip():
            parts.append(source[at:start].rstrip(b" \t"))
            at = end
        else:
            parts.append(source[at:line])
            at = min(len(source), end + 1)
    return b"".join([*parts, source[at:]])


def _spans(source: bytes) -> list[tuple[int, int]]:
    """Where comments begin and end, in order; without recursion, as broken files nest deeply."""
    found: list[tuple[int, int]] = []
    stack: list[Node] = [python_parser().parse(source).root_node]
    while stack:
        node = stack.pop()
        if node.type == "comment":
            found.append((node.start_byte, node.end_byte))
        stack += node.children
    return sorted(found)

"""One source file: its bytes, its tree, and the way from one to the other."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import Iterator, Optional, Union

_NEWLINE = re.compile(rb"\r\n|\r|\n")

FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef]

HEADERS = (ast.If, ast.While, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.Try)


class UnreadableSource(Exception):
    """The file is not UTF-8, or not Python for this interpreter."""


class Source:
    """Text and tree of one file.

    Offsets are bytes from the start of the file, as `ast` counts columns in UTF-8 bytes.
    """

    def __init__(self, path: str, text: bytes) -> None:
        self.path = path
        self.text = text
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(text).readline)
            self.tree = ast.parse(text, path)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise UnreadableSource(str(error)) from error
        if encoding not in ("utf-8", "utf-8-sig", "ascii"):
            raise UnreadableSource(f"encoded as {encoding}")
        bom = 3 if text.startswith(b"\xef\xbb\xbf") else 0
        self.starts = [bom] + [match.end() for match in _NEWLINE.finditer(text)]
        self.newline = "\r\n" if b"\r\n" in text else "\n"
        self.parents: dict[ast.AST, ast.AST] = {}
        for parent in ast.walk(self.tree):
            for child in ast.iter_child_nodes(parent):
                self.parents[child] = parent

    @classmethod
    def load(cls, path: str) -> Source:
        """Read a file. Raises `UnreadableSource`."""
        try:
            with open(path, "rb") as file:
                return cls(path, file.read())
        except OSError as error:
            raise UnreadableSource(str(error)) from error

    def offset(self, line: int, column: int) -> int:
        """Byte offset of a position as `ast` gives it (lines from 1)."""
        return self.starts[line - 1] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """First byte of a node and the byte after its last; parentheses around it are not part of it."""
        return (
            self.offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self.offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def seg(self, node: ast.AST) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end].decode("utf-8", "replace")

    def outer(self, node: ast.AST) -> tuple[int, int]:
        """Span with the parentheses that are the node's own; exact for operands of operators."""
        start, end = self.span(node)
        parent = self.parents.get(node)
        if not isinstance(parent, (ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.Compare, ast.IfExp)):
            return start, end
        low, high = self.span(parent)
        while True:
            left, right = self._left_paren(start, low), self._right_paren(end, high)
            if left is None or right is None:
                return start, end
            start, end = left, right

    def _left_paren(self, position: int, low: int) -> Optional[int]:
        while position > low:
            position -= 1
            byte = self.text[position : position + 1]
            if byte == b"(":
                return position
            if not byte.isspace():
                return None
        return None

    def _right_paren(self, position: int, high: int) -> Optional[int]:
        while position < high:
            byte = self.text[position : position + 1]
            if byte == b")":
                return position + 1
            if not byte.isspace():
                return None
            position += 1
        return None

    def indent(self, node: ast.AST) -> Optional[str]:
        """White space before a statement; None when something else stands before it on its line."""
        start, _ = self.span(node)
        lead = self.text[self.starts[node.lineno - 1] : start].decode("utf-8", "replace")  # type: ignore[attr-defined]
        return None if lead.strip() else lead

    def line_end(self, line: int) -> int:
        """Offset of the first byte after a line's newline."""
        return self.starts[line] if line < len(self.starts) else len(self.text)


def functions(source: Source) -> Iterator[FunctionNode]:
    """Functions that are not inside another function, in file order."""
    stack: list[ast.AST] = [source.tree]
    found: list[FunctionNode] = []
    while stack:
        node = stack.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.append(child)
            elif not isinstance(child, ast.expr):
                stack.append(child)
    return iter(sorted(found, key=lambda node: node.lineno))


def class_chain(source: Source, node: ast.AST) -> list[ast.ClassDef]:
    """Classes around a node, outermost first."""
    chain: list[ast.ClassDef] = []
    parent = source.parents.get(node)
    while parent is not None:
        if isinstance(parent, ast.ClassDef):
            chain.append(parent)
        parent = source.parents.get(parent)
    return chain[::-1]


def first_line(node: Union[FunctionNode, ast.ClassDef]) -> int:
    """The line that code objects call their first: that of the first decorator, if any."""
    lines: list[int] = [node.lineno, *(decorator.lineno for decorator in node.decorator_list)]
    return min(lines)


def header_end(node: ast.stmt) -> int:
    """Last line of a statement without the blocks inside it."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        return max(node.lineno, int(body[0].lineno) - 1)
    return node.end_lineno or node.lineno


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every statement list below a node, outside nested classes too, in order of appearance."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block
            for child in block:
                yield from blocks(child)
    for handler in list(getattr(node, "handlers", [])) + list(getattr(node, "cases", [])):
        yield from blocks(handler)


def header_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Expression nodes that belong to a statement itself and not to statements inside it, outermost first."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        yield node
        children = [
            child for child in ast.iter_child_nodes(node) if not isinstance(child, (ast.stmt, ast.expr_context))
        ]
        children = [
            child
            for child in children
            if not isinstance(child, (ast.excepthandler, ast.arguments)) or node is not statement
        ]
        stack.extend(reversed(children))

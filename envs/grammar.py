"""The tree-sitter grammar of Python, for everything that reads syntax trees."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


def python_parser() -> "Parser":
    """Make a parser; one for each use, because a parser must not be shared by threads."""
    parser, language = _language()
    return parser(language)  # type: ignore[arg-type]


def parse_python(source: bytes) -> "Node":
    """Return the root of the file's syntax tree; `has_error` says whether all of it could be read."""
    return python_parser().parse(as_utf8(source)).root_node


def as_utf8(source: bytes) -> bytes:
    """Drop a byte order mark; bytes that are not UTF-8 are read as Latin-1, which changes no ASCII."""
    source = source.removeprefix(b"\xef\xbb\xbf")
    try:
        source.decode()
    except UnicodeDecodeError:
        return source.decode("latin-1").encode()
    return source


@lru_cache(maxsize=1)
def _language() -> "tuple[type[Parser], object]":
    import tree_sitter  # noqa: PLC0415 (a native library that only candidates need)
    import tree_sitter_python  # noqa: PLC0415

    return tree_sitter.Parser, tree_sitter.Language(tree_sitter_python.language())

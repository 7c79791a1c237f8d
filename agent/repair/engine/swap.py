"""Put a candidate's code into the live function objects of this process, and take it out again.

Only the edited function is compiled, inside a skeleton of the classes around it. Assigning `__code__` reaches every holder of
the function: other modules that imported it, bound methods, decorators, registries.
"""

from __future__ import annotations
import __future__

import ast
import gc
from types import CodeType, FunctionType
from typing import Any, Iterator, Optional

from .edits import Edit
from .source import FunctionNode, Source, class_chain, first_line
from .tracing import CodeKey, key_of


class Unit:
    """One function that is not inside another function, with the places it may be edited at."""

    expressions_only = False
    """Statements are neither moved nor added."""

    def __init__(self, source: Source, node: FunctionNode) -> None:
        self.source = source
        self.node = node
        chain = class_chain(source, node)
        self.classes = chain
        self.qualname = ".".join([item.name for item in chain] + [node.name])
        self.key: CodeKey = (source.path, first_line(node), node.name)
        self.start = source.starts[node.lineno - 1]
        self.end = source.span(node)[1]
        self._prefix = self._skeleton(chain)
        self._flags = _future_flags(source.tree)

    def contains(self, line: int) -> bool:
        """True for the lines of the function, decorators left out."""
        return self.node.lineno <= line <= (self.node.end_lineno or self.node.lineno)

    def _skeleton(self, chain: list[ast.ClassDef]) -> bytes:
        """Headers that give the function the class names around it, each as far to the right as in the file."""
        text = b""
        for item in chain:
            lead = (self.source.indent(item) or "").encode()
            if lead and not text:
                text = b"if 1:\n"
            text += lead + b"class " + item.name.encode() + b":\n"
        if not text and self.source.indent(self.node):
            text = b"if 1:\n"
        return text

    def compile(self, edit: Optional[Edit]) -> Optional[CodeType]:
        """The function's code object with the edit made; None when that is not Python."""
        body = self.source.text[self.start : self.end]
        if edit is not None:
            replacement = edit.text.encode("utf-8", "surrogatepass")
            body = body[: edit.start - self.start] + replacement + body[edit.end - self.start :]
        try:
            module = compile(self._prefix + body, self.source.path, "exec", self._flags, True)
        except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
            return None
        return _find(module, self.node.name, [item.name for item in self.classes])


def _find(code: CodeType, name: str, classes: list[str]) -> Optional[CodeType]:
    wanted, rest = (classes[0], classes[1:]) if classes else (name, [])
    for const in code.co_consts:
        if isinstance(const, CodeType):
            if const.co_name == wanted:
                return _find(const, name, rest) if classes else const
            if const.co_name.startswith("<generic parameters"):
                inner = _find(const, name, classes)
                if inner is not None:
                    return inner
    return None


def _future_flags(tree: ast.Module) -> int:
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


def identity(code: CodeType) -> tuple[Any, ...]:
    """Equal for code objects that do the same, wherever they stand in the file."""
    consts = tuple(
        identity(item) if isinstance(item, CodeType) else (type(item).__name__, repr(item)) for item in code.co_consts
    )
    table = getattr(code, "co_exceptiontable", b"")
    return (
        code.co_code,
        consts,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_flags,
        table,
    )


class LiveFunctions:
    """The function objects of this process, by the code that they run."""

    def __init__(self) -> None:
        self._by_key: dict[CodeKey, list[FunctionType]] = {}
        for item in gc.get_objects():
            if type(item) is FunctionType:
                self._by_key.setdefault(key_of(item.__code__), []).append(item)

    def of(self, unit: Unit) -> list[FunctionType]:
        """Function objects made from this unit's `def`."""
        return self._by_key.get(unit.key, [])

    def running(self, code: CodeType) -> list[FunctionType]:
        """Function objects that run exactly this code object."""
        return [item for item in self._by_key.get(key_of(code), []) if item.__code__ is code]


class Swap:
    """One candidate in place of the original, in this process. Made once, applied and undone often."""

    def __init__(self, pairs: list[tuple[FunctionType, CodeType, CodeType]]) -> None:
        self._pairs = pairs

    def apply(self) -> None:
        """Install the candidate. Raises ValueError when a function's closure does not fit."""
        for function, _, code in self._pairs:
            function.__code__ = code

    def undo(self) -> None:
        """Install the original."""
        for function, code, _ in self._pairs:
            function.__code__ = code


class DefaultSwap(Swap):
    """One default argument in place of the original."""

    def __init__(self, changes: list[tuple[FunctionType, Any, Any]]) -> None:
        super().__init__([])
        self._changes = changes
        self._before = [(function, function.__defaults__, function.__kwdefaults__) for function, _, _ in changes]

    def apply(self) -> None:
        """Install the new default."""
        for function, defaults, kwdefaults in self._changes:
            function.__defaults__, function.__kwdefaults__ = defaults, kwdefaults

    def undo(self) -> None:
        """Install the original."""
        for function, defaults, kwdefaults in self._before:
            function.__defaults__, function.__kwdefaults__ = defaults, kwdefaults


def body_swap(live: LiveFunctions, unit: Unit, code: CodeType) -> Optional[Swap]:
    """A swap of the whole function, with the live functions that its inner `def`s have made; None when it cannot be."""
    pairs: list[tuple[FunctionType, CodeType, CodeType]] = []
    for function in live.of(unit):
        pairs.append((function, function.__code__, code))
        for old, new in _inner(function.__code__, code):
            pairs += [(item, old, new) for item in live.running(old)]
    if not pairs or any(old.co_freevars != new.co_freevars for _, old, new in pairs):
        return None
    return Swap(pairs)


def _inner(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Nested code objects of two versions of a function, paired by name and order."""
    seen: dict[str, int] = {}
    theirs: dict[tuple[str, int], CodeType] = {}
    for const in new.co_consts:
        if isinstance(const, CodeType):
            theirs[const.co_name, seen.get(const.co_name, 0)] = const
            seen[const.co_name] = seen.get(const.co_name, 0) + 1
    seen = {}
    for const in old.co_consts:
        if isinstance(const, CodeType):
            match = theirs.get((const.co_name, seen.get(const.co_name, 0)))
            seen[const.co_name] = seen.get(const.co_name, 0) + 1
            if match is not None:
                yield const, match
                yield from _inner(const, match)


def default_swap(live: LiveFunctions, unit: Unit, edit: Edit) -> Optional[Swap]:
    """A swap of one default argument; None when the new one cannot be had from the function's globals."""
    arguments = unit.node.args
    for index, node in enumerate(arguments.defaults):
        if _within(unit.source, node, edit):
            place: Any = index - len(arguments.defaults)
            break
    else:
        for name, keyword in zip(arguments.kwonlyargs, arguments.kw_defaults):
            if keyword is not None and _within(unit.source, keyword, edit):
                node, place = keyword, name.arg
                break
        else:
            return None
    start, end = unit.source.span(node)
    text = unit.source.text[start : edit.start] + edit.text.encode() + unit.source.text[edit.end : end]
    changes: list[tuple[FunctionType, Any, Any]] = []
    for function in live.of(unit):
        try:
            code = compile(b"(" + text + b")", unit.source.path, "eval", 0, True)
            value = eval(code, dict(function.__globals__))  # noqa: S307  a candidate, like the others
        except Exception:
            return None
        defaults, kwdefaults = function.__defaults__, function.__kwdefaults__
        if isinstance(place, int):
            values = list(defaults or ())
            if len(values) < -place:
                return None
            values[place] = value
            defaults = tuple(values)
        else:
            kwdefaults = {**(kwdefaults or {}), place: value}
        changes.append((function, defaults, kwdefaults))
    return DefaultSwap(changes) if changes else None


def _within(source: Source, node: ast.AST, edit: Edit) -> bool:
    start, end = source.span(node)
    return start <= edit.start and edit.end <= end

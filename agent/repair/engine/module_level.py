"""Edits of code that runs at import: constants, class attributes, decorators, and functions that build tables.

Swapping code objects cannot reach what such code has already made. Here the module's edited text is executed again in its own
namespace, in a forked child, and what it made is grafted onto the objects that others hold. What that misses is found out by
the confirmation in a cold process; it can only miss repairs, not invent them.
"""

from __future__ import annotations

import ast
import sys
from types import CodeType, FunctionType, ModuleType
from typing import Any, Iterator

from .edits import Edit
from .localize import Map, Place
from .source import FunctionNode, Source
from .swap import Swap, Unit
from .tracing import real

_INDIRECT = 0.6
"""Share of a function's suspicion that goes to what it reads, and again to what that is made from."""


class ModuleUnit(Unit):
    """A statement of a module or class."""

    expressions_only = True

    def __init__(self, source: Source, statement: ast.stmt, name: str) -> None:
        node = ast.FunctionDef(
            name="<module>",
            args=ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]),
            body=[statement],
            decorator_list=[],
            lineno=statement.lineno,
            col_offset=0,
            end_lineno=statement.end_lineno,
            end_col_offset=statement.end_col_offset,
        )
        super().__init__(source, node)
        self.qualname = name

    def compile(self, edit: Edit | None) -> CodeType | None:
        """The whole module's code with the edit made; None when that is not Python."""
        return compile_module(self.source, edit)


class ImportedUnit(Unit):
    """A function that runs at import."""

    def compile(self, edit: Edit | None) -> CodeType | None:
        """The whole module's code with the edit made; None when that is not Python."""
        return compile_module(self.source, edit)


def compile_module(source: Source, edit: Edit | None) -> CodeType | None:
    """Compile a file with an edit made; None when that is not Python."""
    try:
        return compile(source.text if edit is None else edit.apply(source.text), source.path, "exec", 0, True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        return None


def places(found: Map) -> list[Place]:
    """Code that runs at import, as suspicious as the functions that depend on it."""
    result: list[Place] = []
    for path in sorted(found.sources):
        source = found.sources[path]
        interest = _interest(found, path)
        if not interest:
            continue
        statements = list(_statements(source.tree))
        helpers = {node.name: node for node in source.tree.body if isinstance(node, ast.FunctionDef)}
        weights = _weights(statements, interest, helpers)
        called: dict[str, float] = {}
        for statement, owner in statements:
            score = weights.get(id(statement), 0.0)
            if score:
                unit = ModuleUnit(source, statement, owner or "<module>")
                lines = dict.fromkeys(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1), score)
                result.append(Place(unit, lines, score))
                for node in ast.walk(statement):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                        called[node.func.id] = max(called.get(node.func.id, 0.0), score)
        result += [_imported(source, helpers[name], called[name]) for name in sorted(called.keys() & helpers.keys())]
    result += _decorated(found)
    return sorted(result, key=lambda place: (-place.score, place.unit.source.path, place.unit.node.lineno))


def _interest(found: Map, path: str) -> dict[str, float]:
    """Names that suspicious functions of a file read, with the suspicion that they pass on."""
    interest: dict[str, float] = {}
    for place in found.places:
        if place.unit.source.path != path:
            continue
        for node in ast.walk(place.unit.node):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                name = node.id
            elif isinstance(node, ast.Attribute):
                name = "." + node.attr
            else:
                continue
            interest[name] = max(interest.get(name, 0.0), place.score * _INDIRECT)
    return interest


def _statements(tree: ast.AST, owner: str = "") -> Iterator[tuple[ast.stmt, str]]:
    """Statements that run at import, with the class they are in; definitions of functions left out."""
    for child in ast.iter_child_nodes(tree):
        docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if isinstance(child, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)) and not docstring:
            yield child, owner
        elif isinstance(child, ast.ClassDef):
            yield from _statements(child, child.name)
        elif isinstance(child, (ast.If, ast.Try, ast.For, ast.With)):
            yield from _statements(child, owner)


def _weights(
    statements: list[tuple[ast.stmt, str]], interest: dict[str, float], helpers: dict[str, ast.FunctionDef]
) -> dict[int, float]:
    """Suspicion by statement: of what it makes or touches, directly and by one step through another statement."""
    interest = dict(interest)
    for _ in range(2):
        weights: dict[int, float] = {}
        for statement, owner in statements:
            score = max((interest.get(name, 0.0) for name in _touched(statement, owner, helpers)), default=0.0)
            if score:
                weights[id(statement)] = score
                for name in _names(statement):
                    interest[name] = max(interest.get(name, 0.0), score * _INDIRECT)
    return weights


def _touched(statement: ast.stmt, owner: str, helpers: dict[str, ast.FunctionDef]) -> Iterator[str]:
    """Names that a statement makes, or that a call in it may change."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    for target in targets:
        for node in ast.walk(target) if target is not None else ():
            if isinstance(node, ast.Name):
                yield node.id
                if owner:
                    yield "." + node.id
            elif isinstance(node, ast.Attribute):
                yield "." + node.attr
    if isinstance(statement, ast.Expr):
        for name in _names(statement):
            yield name
            if name in helpers:
                yield from _names(helpers[name])


def _names(node: ast.AST) -> Iterator[str]:
    return (item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load))


def _imported(source: Source, node: ast.FunctionDef, score: float) -> Place:
    """A function of the module that its own statements call: more suspicious than any one of those."""
    score *= 1.5
    lines = dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), score)
    return Place(ImportedUnit(source, node), lines, score)


def _decorated(found: Map) -> Iterator[Place]:
    """Decorators of suspicious functions."""
    for place in found.places:
        node: FunctionNode = place.unit.node
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call):
                statement = ast.Expr(value=decorator)
                ast.copy_location(statement, decorator)
                unit = ModuleUnit(place.unit.source, statement, place.unit.qualname)
                score = place.score * _INDIRECT * _INDIRECT
                yield Place(unit, {decorator.lineno: score}, score)


class ReloadSwap(Swap):
    """The module executed again with the edit made. Cannot be undone: for children that judge nothing else."""

    def __init__(self, path: str, code: CodeType) -> None:
        super().__init__([])
        self._path = path
        self._code = code

    def apply(self) -> None:
        """Execute and graft. Raises whatever the module's code raises."""
        modules = [item for item in list(sys.modules.values()) if type(item) is ModuleType]
        for module in modules:
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and real(path) == self._path and module.__name__ != "__main__":
                before = dict(vars(module))
                exec(self._code, vars(module))  # noqa: S102  a candidate, like the others
                _graft_module(module, before, modules)


def _graft_module(module: ModuleType, before: dict[str, Any], modules: list[ModuleType]) -> None:
    for name, new in list(vars(module).items()):
        old = before.get(name, new)
        if old is new:
            continue
        if _graft(old, new, module.__name__):
            setattr(module, name, old)
            continue
        for other in modules:
            if other is not module and vars(other).get(name) is old:
                setattr(other, name, new)


def _graft(old: Any, new: Any, module: str) -> bool:
    """Make an object that others hold do what a new one does; False when that is not possible for its kind."""
    if isinstance(old, FunctionType) and isinstance(new, FunctionType):
        if old.__code__.co_freevars != new.__code__.co_freevars:
            return False
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
        for mine, other in zip(old.__closure__ or (), new.__closure__ or ()):
            if not isinstance(other.cell_contents, type):
                mine.cell_contents = other.cell_contents
        return True
    if isinstance(old, type) and isinstance(new, type) and old.__module__ == new.__module__ == module:
        for name, value in list(vars(new).items()):
            kept = vars(old).get(name)
            if name not in ("__dict__", "__weakref__", "__doc__", "__module__") and not _graft(kept, value, module):
                try:
                    setattr(old, name, value)
                except (AttributeError, TypeError):
                    continue
        return True
    return False

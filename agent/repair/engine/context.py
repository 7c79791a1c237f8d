"""What operators may use as material: names in scope, constants, conditions, statements and calls of the same file."""

from __future__ import annotations

import ast
import builtins
import functools
import re
from dataclasses import dataclass
from typing import Iterator, Optional, Union

from .edits import in_fstring
from .source import FunctionNode, Source, blocks, functions
from .swap import Unit

_BUILTINS = frozenset(dir(builtins))

SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.Return,
    ast.Raise,
    ast.Continue,
    ast.Break,
    ast.Delete,
    ast.Assert,
)


@dataclass(frozen=True)
class Donor:
    """A piece of the file that may be put elsewhere."""

    text: str
    names: frozenset[str]
    """Names that it reads."""
    line: int
    inside: str
    """Name of the function that it is in; empty for the module's own."""
    before: str = ""
    """First line of the statement in front of it."""
    mentions: frozenset[str] = frozenset()
    """Names that it reads or makes."""
    node: Optional[ast.AST] = None


class FileContext:
    """Material of one file."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.globals = _module_names(source.tree)
        self.functions: dict[str, FunctionNode] = {}
        self.classes = {node.name: node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)}
        for node in functions(source):
            self.functions.setdefault(node.name, node)
        self.statements: list[Donor] = []
        self.conditions: list[Donor] = []
        for node in functions(source):
            self._gather(node)
        self.calls: dict[str, list[ast.Call]] = {}
        self.attributes: dict[str, dict[str, int]] = {}
        self.strings: dict[str, int] = {}
        self.numbers: dict[str, int] = {}
        self.exceptions: dict[str, None] = {}
        self.enclosing: dict[str, list[ast.expr]] = {}
        """Expressions of the file by the text of each operand or argument in them."""
        self._survey()
        alone = {name: sum(len(call.args) == 1 for call in self.calls.get(name, [])) for name in self.functions}
        self.converters = sorted((name for name in alone if alone[name]), key=lambda name: (-alone[name], name))[:6]
        """Functions of the file that it calls with one argument."""

    def _gather(self, function: FunctionNode) -> None:
        for block in blocks(function):
            before = ""
            for statement in block:
                small = isinstance(statement, SIMPLE) and not _is_docstring(statement)
                guard = (
                    isinstance(statement, ast.If)
                    and len(statement.body) == 1
                    and not statement.orelse
                    and isinstance(statement.body[0], SIMPLE)
                )
                text = self.source.seg(statement)
                if (small or guard) and len(text) < 240 and text.count("\n") <= (2 if guard else 0):
                    self.statements.append(self._donor(statement, function, before))
                if isinstance(statement, (ast.If, ast.While)):
                    self._condition(statement.test, function)
                before = text.split("\n")[0]
        for node in ast.walk(function):
            if isinstance(node, (ast.IfExp, ast.Assert)):
                self._condition(node.test, function)
            if isinstance(node, ast.comprehension):
                for test in node.ifs:
                    self._condition(test, function)

    def _condition(self, test: ast.expr, function: FunctionNode) -> None:
        parts = [test] + (list(test.values) if isinstance(test, ast.BoolOp) else [])
        for part in parts:
            text = self.source.seg(part)
            if "\n" not in text and len(text) < 120 and not isinstance(part, ast.Constant):
                self.conditions.append(self._donor(part, function, ""))

    def _enclose(self, node: ast.expr) -> None:
        if in_fstring(self.source, node) or (node.end_lineno or 0) > node.lineno:
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) and child is not getattr(
                node, "func", None
            ):
                self.enclosing.setdefault(self.source.seg(child), []).append(node)

    def _donor(self, node: Union[ast.stmt, ast.expr], function: FunctionNode, before: str) -> Donor:
        text = self.source.seg(node)
        lead = self.source.indent(node)
        if lead:
            text = "\n".join(line[len(lead) :] if line.startswith(lead) else line for line in text.split("\n"))
        mentions = frozenset(item.id for item in ast.walk(node) if isinstance(item, ast.Name))
        return Donor(text, reads(node), node.lineno, function.name, before, mentions, node)

    def _survey(self) -> None:
        for node in ast.walk(self.source.tree):
            if isinstance(node, (ast.Call, ast.BinOp, ast.BoolOp, ast.Subscript, ast.UnaryOp)):
                self._enclose(node)
            if isinstance(node, ast.Call):
                self.calls.setdefault(callee(node), []).append(node)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                names = self.attributes.setdefault(node.value.id, {})
                names[node.attr] = names.get(node.attr, 0) + 1
            elif isinstance(node, ast.Constant) and not in_fstring(self.source, node):
                if (
                    isinstance(node.value, str)
                    and len(node.value) < 60
                    and not isinstance(self.source.parents.get(node), ast.Expr)
                ):
                    self.strings[node.value] = self.strings.get(node.value, 0) + 1
                elif isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
                    text = self.source.seg(node)
                    self.numbers[text] = self.numbers.get(text, 0) + 1
            elif isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name):
                self.exceptions[node.type.id] = None
            elif isinstance(node, ast.Raise) and node.exc is not None:
                target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
                if isinstance(target, ast.Name):
                    self.exceptions[target.id] = None


class UnitContext:
    """Material of one function: what is in scope there."""

    def __init__(self, file: FileContext, unit: Unit, expected: list[Union[str, int, float]]) -> None:
        self.file = file
        self.unit = unit
        self.source = file.source
        self.expected = expected
        node = unit.node
        arguments = node.args
        self.params = [item.arg for item in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
        self.vararg = arguments.vararg.arg if arguments.vararg else None
        self.kwarg = arguments.kwarg.arg if arguments.kwarg else None
        self.owner = unit.classes[-1] if unit.classes else None
        self.self_name = self.params[0] if self.owner is not None and self.params and not _is_static(node) else None
        self.stored: dict[str, int] = {}
        self.loaded: dict[str, int] = {}
        for item in ast.walk(node):
            if isinstance(item, ast.Name):
                if isinstance(item.ctx, ast.Store):
                    self.stored[item.id] = min(item.lineno, self.stored.get(item.id, item.lineno))
                else:
                    self.loaded[item.id] = self.loaded.get(item.id, 0) + 1
            elif isinstance(item, ast.arg) and item.arg not in self.params:
                self.stored.setdefault(item.arg, item.lineno)
            elif (isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and item is not node) or (
                isinstance(item, ast.ExceptHandler) and item.name
            ):
                self.stored.setdefault(item.name or "_", item.lineno)
            elif isinstance(item, (ast.Import, ast.ImportFrom)):
                for alias in item.names:
                    self.stored.setdefault((alias.asname or alias.name).split(".")[0], item.lineno)
        names = [*self.params, self.vararg, self.kwarg]
        self.stored.update({name: node.lineno for name in names if name})
        self.members = _members(self.owner) if self.owner is not None else {}
        self.cues = self._cues()
        self.donors = [(donor, foreign) for donor in file.statements if len(foreign := self._foreign(donor)) <= 1]

    def _foreign(self, donor: Donor) -> list[str]:
        """Names of a donor that mean nothing here, `self` left out."""
        return sorted(name for name in donor.names if name != "self" and not self.knows(frozenset([name])))

    def locals_at(self, line: int) -> list[str]:
        """Parameters and variables that may be set when this line runs, in order of first assignment."""
        return [
            name
            for name, first in sorted(self.stored.items(), key=lambda item: item[1])
            if first <= line and name not in ("_",)
        ]

    def knows(self, names: frozenset[str]) -> bool:
        """True when every name is a local, a global of the module, or built in."""
        return all(name in self.stored or name in self.file.globals or name in _BUILTINS for name in names)

    def _cues(self) -> frozenset[str]:
        """Names whose use looks broken: parameters and variables that nobody reads, and reads of what nobody sets."""
        unread = {
            name
            for name in self.stored
            if name not in self.loaded and not name.startswith("_") and name not in ("self", "cls")
        }
        unset = {name for name in self.loaded if not self.knows(frozenset([name]))}
        return frozenset(unread | unset)

    def signature(self, name: str) -> Optional[list[str]]:
        """Parameter names of a function, method or class of this file, without `self`; None for what is not known."""
        node: Optional[FunctionNode] = self.file.functions.get(name)
        owner = self.file.classes.get(name)
        if owner is not None:
            node = next(
                (item for item in owner.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None
            )
        if node is None:
            return None
        params = [item.arg for item in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
        return params[1:] if params[:1] in (["self"], ["cls"]) else params


def reads(node: ast.AST) -> frozenset[str]:
    """Names that a piece of code reads and does not make itself."""
    loads: set[str] = set()
    makes: set[str] = set()
    for item in ast.walk(node):
        if isinstance(item, ast.Name):
            (loads if isinstance(item.ctx, ast.Load) else makes).add(item.id)
        elif isinstance(item, ast.arg):
            makes.add(item.arg)
    own = makes if any(isinstance(item, (ast.comprehension, ast.Lambda)) for item in ast.walk(node)) else set()
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        loads.add(node.target.id)
    return frozenset(loads - own)


def callee(node: ast.Call) -> str:
    """The last name of what is called; empty for what has none."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def constants(node: ast.AST) -> Iterator[Union[str, int, float]]:
    """Strings and numbers below a node."""
    for item in ast.walk(node):
        if (
            isinstance(item, ast.Constant)
            and isinstance(item.value, (str, int, float))
            and not isinstance(item.value, bool)
        ):
            yield item.value


_PARTS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")


@functools.lru_cache(maxsize=1 << 16)
def alike(left: str, right: str) -> float:
    """How alike two names are, in [0, 1]: shared ends and shared words."""
    if left == right:
        return 1.0
    longest = max(len(left), len(right)) or 1
    head = next((index for index, (one, two) in enumerate(zip(left, right)) if one != two), min(len(left), len(right)))
    tail = next(
        (index for index, (one, two) in enumerate(zip(left[::-1], right[::-1])) if one != two),
        min(len(left), len(right)),
    )
    mine, theirs = set(_PARTS.findall(left)), set(_PARTS.findall(right))
    words = len(mine & theirs) / (len(mine | theirs) or 1)
    short = 0.3 if len(left) <= 2 and len(right) <= 2 else 0.0
    return max(head / longest, tail / longest, words, short)


def _members(owner: ast.ClassDef) -> dict[str, bool]:
    """Attributes of a class that its own text shows; True for methods."""
    found: dict[str, bool] = {}
    for item in owner.body:
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            decorators = {getattr(decorator, "id", "") for decorator in item.decorator_list}
            found[item.name] = "property" not in decorators
        elif isinstance(item, ast.Assign):
            found.update({target.id: False for target in item.targets if isinstance(target, ast.Name)})
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found[item.target.id] = False
    for node in ast.walk(owner):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            found.setdefault(node.attr, False)
    return found


def _module_names(tree: ast.Module) -> frozenset[str]:
    """Names that the module itself binds, in whatever blocks; not those inside its functions and classes."""
    names: set[str] = set()
    stack: list[ast.AST] = list(tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        stack.extend(ast.iter_child_nodes(node))
    return frozenset(names)


def _is_static(node: FunctionNode) -> bool:
    return any(isinstance(item, ast.Name) and item.id == "staticmethod" for item in node.decorator_list)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)

"""All edits worth trying, in the order in which to try them.

The order is a function of the sources, the localisation, the seed and the variant alone; nothing in it depends on time.
"""

from __future__ import annotations

import ast
import math
import random
from dataclasses import dataclass
from typing import Iterator, Sequence, Union

from .context import FileContext, UnitContext
from .edits import Edit
from .localize import Place
from .operators import arithmetic, calls, insertions, logic, statements, values
from .operators.kit import REGISTER, Operator
from .source import Source, header_end
from .swap import Unit

_ = (arithmetic, calls, insertions, logic, statements, values)  # importing them fills the register

MAX_UNITS = 30
"""Functions to edit, most suspicious first."""
_MAX_EDITS = 60_000
_FADE = 0.35
"""How fast belief falls from one candidate of a family in a function to the next."""
_STORE_OPERATORS = {"attribute", "swap_arguments"}


BODY, DEFAULT, RELOAD = "body", "default", "reload"


@dataclass(frozen=True)
class Candidate:
    """One edit with its place in the order."""

    edit: Edit
    unit: Unit
    suspicion: float
    priority: float
    how: str
    """What it takes to try it: exchange the function's code, or a default argument, or execute the module again."""


class Generator:
    """Makes candidates for one search."""

    def __init__(self, expected: Sequence[Union[str, int, float]], seed: int, variant: int) -> None:
        self._expected = list(expected)
        self._files: dict[str, FileContext] = {}
        self._priors = _priors(seed, variant)
        self._jitter = random.Random(f"{seed}/jitter")  # noqa: S311

    def generate(self, places: Sequence[Place], reload: bool = False) -> list[Candidate]:
        """Candidates, most promising first, each text edit once."""
        chosen: dict[tuple[str, int, int, str], Candidate] = {}
        total = 0
        for place in places[:MAX_UNITS]:
            source = place.unit.source
            if source.path not in self._files:
                self._files[source.path] = FileContext(source)
            context = UnitContext(self._files[source.path], place.unit, self._expected)
            families: dict[str, list[tuple[float, Edit, bool]]] = {}
            for suspicion, edit, default in _edits(context, place):
                families.setdefault(edit.operator, []).append((suspicion, edit, default))
            for name in sorted(families):
                total += len(families[name])
                for candidate in self._ranked(place.unit, name, families[name], reload):
                    edit = candidate.edit
                    key = (source.path, edit.start, edit.end, edit.text)
                    if key not in chosen or chosen[key].priority < candidate.priority:
                        chosen[key] = candidate
            if total > _MAX_EDITS:
                break
        return sorted(chosen.values(), key=_order)

    def _ranked(
        self, unit: Unit, name: str, family: list[tuple[float, Edit, bool]], reload: bool
    ) -> Iterator[Candidate]:
        """One family in one function: belief falls with every further member."""
        family.sort(key=lambda item: (-(item[0] ** 2) * item[1].weight, item[1].start, item[1].end, item[1].text))
        for index, (suspicion, edit, default) in enumerate(family):
            belief = suspicion**2 * self._priors[name] * edit.weight / (1 + index) ** _FADE
            how = RELOAD if reload else DEFAULT if default else BODY
            yield Candidate(edit, unit, suspicion, belief * (1 + 0.02 * self._jitter.random()), how)


def _order(item: Candidate) -> tuple[float, str, int, int, str]:
    return -item.priority, item.unit.source.path, item.edit.start, item.edit.end, item.edit.text


def _priors(seed: int, variant: int) -> dict[str, float]:
    """Belief in each family; variants other than 0 shuffle it around the measured one."""
    dice = random.Random(f"{seed}/{variant}")  # noqa: S311
    return {item.name: item.prior * (math.exp(dice.gauss(0, 0.7)) if variant else 1.0) for item in REGISTER}


def _edits(context: UnitContext, place: Place) -> Iterator[tuple[float, Edit, bool]]:
    """Every edit of one function, with the suspicion of its line and whether it changes a default argument."""
    table: dict[type[ast.AST], list[Operator]] = {}
    for item in REGISTER:
        for kind in item.nodes:
            table.setdefault(kind, []).append(item)
    for node, line, suspicion in _targets(context.source, place):
        for item in table.get(type(node), ()):
            if place.unit.expressions_only and item.make.__module__.endswith(("statements", "insertions")):
                continue
            if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)) and item.name not in _STORE_OPERATORS:
                continue
            for start, end, text, weight in item.make(context, node):
                edit = Edit(start, end, text, item.name, line, weight, item.flags)
                if context.source.text[start:end] != text.encode("utf-8", "surrogatepass"):
                    yield suspicion, edit, False
    for default in [
        *place.unit.node.args.defaults,
        *(item for item in place.unit.node.args.kw_defaults if item is not None),
    ]:
        for item in table.get(type(default), ()):
            if item.name in ("number", "boolean", "string", "variable", "attribute"):
                for start, end, text, weight in item.make(context, default):
                    yield place.score * 0.8, Edit(start, end, text, item.name, default.lineno, weight, item.flags), True


def _targets(source: Source, place: Place) -> Iterator[tuple[ast.AST, int, float]]:
    """Nodes that failing tests run, each with the line and the suspicion of its statement."""
    for statement in _statements(place.unit.node):
        if isinstance(statement, ast.ExceptHandler):
            suspicion = place.lines.get(statement.lineno, 0.0)
            if suspicion and statement.type is not None:
                yield from ((node, statement.lineno, suspicion) for node in ast.walk(statement.type))
            continue
        last = header_end(statement)
        suspicion = max((place.lines.get(line, 0.0) for line in range(statement.lineno, last + 1)), default=0.0)
        if not suspicion and isinstance(statement, (ast.Continue, ast.Break, ast.Pass)):
            above = source.parents.get(statement)
            suspicion = place.lines.get(getattr(above, "lineno", 0), 0.0) * 0.8
        if suspicion:
            yield from ((node, statement.lineno, suspicion) for node in _own_nodes(statement))


def _statements(function: ast.AST) -> Iterator[Union[ast.stmt, ast.ExceptHandler]]:
    for node in ast.walk(function):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, (ast.stmt, ast.ExceptHandler)) and node is not function and not docstring:
            yield node


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """The statement and the expressions in its header, without annotations, decorators and signatures."""
    yield statement
    if isinstance(
        statement,
        (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal),
    ):
        return
    for name, value in ast.iter_fields(statement):
        if name in ("annotation", "body", "orelse", "finalbody", "handlers", "cases"):
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST):
                yield from (node for node in ast.walk(item) if not isinstance(node, ast.expr_context))

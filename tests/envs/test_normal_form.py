import ast
import operator
import random
import time
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from envs.normal_form import normalise
from envs.python_units import units
from envs.trees import FileChange

NOTHING = normalise(())

SOURCE = '''
import os

LIMIT = 3

class Box(Base, key=1):
    """A box."""

    size = 1

    def __init__(self, width, height=2):
        """Make it."""
        self.width = width  # in metres
        self.items = [width, height]

    @property
    def area(self):
        return (self.width + 1) * self.size

    @area.setter
    def area(self, value):
        self.width = value


def run(a, b):
    if a < b and not a == 3:
        return {"x": a, 'y': b}
    return f"{a!r:>{b}} items"
'''


def change(before, after, path="m.py", **rest):
    encoded = (None if text is None else text.encode() if isinstance(text, str) else text for text in (before, after))
    before, after = encoded
    modes = {"mode_before": None if before is None else 0o100644, "mode_after": None if after is None else 0o100644}
    return FileChange(path=path, before=before, after=after, **(modes | rest))


def form(before, after, path="m.py", **rest):
    return normalise([change(before, after, path, **rest)])


SAME = [
    lambda s: s.replace("# in metres", "# in feet"),
    lambda s: s.replace('"""Make it."""', "'''Make another\n        thing.'''"),
    lambda s: s.replace('        """Make it."""\n', ""),
    lambda s: s.replace("    size = 1\n", "\n\n    # one\n    size   =  1;\n"),
    lambda s: s.replace("    ", "\t"),
    lambda s: s.replace("\n", "\r\n"),
    lambda s: "\ufeff" + s,
    lambda s: s.replace("(self, width, height=2)", "(\n        self,\n        width,\n        height=2,\n    )"),
    lambda s: s.replace("[width, height]", "[\n width,  # first\n height,\n]"),
    lambda s: s.replace("if a < b and not a == 3:", "if (a < b) and (not (a == 3)):"),
    lambda s: s.replace("return (self.width + 1)", "return (((self.width) + 1))"),
    lambda s: s.replace("a < b and not a == 3", "a < b \\\n    and not a == 3"),
    lambda s: s.replace("\"x\": a, 'y': b", "'x': a, \"y\": b,"),
    lambda s: s.replace('f"{a!r:>{b}} items"', "f'''{a!r:>{b}} items'''"),
    lambda s: s.replace("(Base, key=1)", "(\n    Base, key=1,\n)"),
    lambda s: s.replace("LIMIT = 3", "LIMIT = (3)"),
    lambda s: s.replace("        return {", "        return {}\n        return {").replace("        return {}\n", ""),
]


@pytest.mark.parametrize("edit", SAME)
def test_formatting_is_no_change(edit):
    assert edit(SOURCE) != SOURCE or edit is SAME[-1]
    assert form(SOURCE, edit(SOURCE)) == NOTHING
    assert NOTHING.size == 0


DIFFERENT = [
    ("a < b", "a <= b", 1, "m.py::run"),
    ("a < b and", "a < b or", 1, "m.py::run"),
    ("not a == 3", "not (a == 4)", 1, "m.py::run"),
    ("(self.width + 1) * self.size", "self.width + 1 * self.size", 1, "m.py::Box.area"),
    ("LIMIT = 3", "LIMIT = 3,", 1, "m.py"),
    ("size = 1", "size = 1.0", 1, "m.py::Box"),
    ("key=1", "key=2", 1, "m.py::Box"),
    ("= value", "= value or 0", 2, "m.py::Box.area#2"),
    ('"x": a', '"X": a', 1, "m.py::run"),
    ("{a!r:>", "{a!r:<", 1, "m.py::run"),
    ("{a!r:", "{a!s:", 1, "m.py::run"),
    ("} items", "}  items", 1, "m.py::run"),
    ("        self.items = ", "        if 0: self.items = ", 3, "m.py::Box.__init__"),
    ("    return f", "        return f", 1, "m.py::run"),
]


@pytest.mark.parametrize(("old", "new", "size", "where"), DIFFERENT)
def test_meaning_is_a_change_and_has_its_size_and_place(old, new, size, where):
    edited = SOURCE.replace(old, new, 1)
    assert edited != SOURCE
    found = form(SOURCE, edited)
    assert found.digest != NOTHING.digest
    assert (found.size, found.functions) == (size, (where,))
    for edit in SAME:
        assert form(SOURCE, edit(edited)).digest == found.digest


def test_one_index_and_a_tuple_of_one_are_not_the_same():
    for one, other in [("x[1]", "x[1,]"), ("x = 1", "x = 1,"), ("a, = b", "a = b"), ("(a,) = b", "(a) = b"), ("f(*a)", "f(a)"),
                       ("x: tuple[int]", "x: tuple[int,]"), ("[a for a in b]", "[(a for a in b)]"), ("assert a, b", "assert (a, b)"),
                       ("a or (b and c)", "(a or b) and c"), ("(a < b) < c", "a < b < c"), ("r'\\n'", "'\\n'"), ("b'x'", "'x'"),
                       ("f'{a,}'", "f'{a}'"),
                       ("f'{a}'", "'{a}'"), ("f'{a=}'", "f'{a}'"), ("f'{a = }'", "f'{a=}'"), ("'a' 'b'", "'a', 'b'"),
                       ("'\\1' '2'", "'\\12'"),
                       ("match x:\n case (a): pass", "match x:\n case (a,): pass"), ("if a:\n b\nc", "if a:\n b\n c"),
                       ("print(a),", "print(a)"), ("async def f(): pass", "def f(): pass"), ("@a\ndef f(): pass", "def f(): pass"),
                       ("def f(a, /): 0", "def f(a): 0"), ("def f(*, a): 0", "def f(a): 0"), ("x = '''a\nb'''", "x = 'a b'"),
                       ("x = '''a\n  b'''", "x = '''a\n b'''"), ("class A:\n '''d'''\n x = 1", "class A:\n 'd' + e\n x = 1")]:  # fmt: skip
        assert form("0\n" + one, "0\n" + other).size > 0, (one, other)
        assert form(one, one + " # same").size == 0


def test_spellings_that_are_the_same():
    for one, other in [("x = (1, 2)", "x = 1, 2"), ("(a, b) = c", "a, b = c"), ("from a import (b, c,)", "from a import b, c"),
                       ("with (a as b, c): 0", "with a as b, c: 0"), ("class A(): 0", "class A: 0"),
                       ("f((a for a in b))", "f(a for a in b)"),
                       ("'it\\'s'", '"it\'s"'), ("u'a'", "'a'"), ("R'a'", "'a'"), ("Rb'\\d'", "bR'\\d'"), ("0XFF + 1_000", "0xff + 1000"),
                       ("'a' 'b'", "'ab'"), ("x = '''a\nb'''", "x = 'a\\nb'"), ("a not  in b", "a not in b"), ("a; b", "a\nb"),
                       ("if a: b", "if a:\n  b"), ("return_ = (yield_)", "return_ = yield_"), ("for (a, b) in c: 0", "for a, b in c: 0"),
                       ("del (a)", "del a"), ("x = 'a' \\\n 'b'", "x = ('a'\n 'b')"), ("def f():\n 'doc'\n x", "def f(): x")]:  # fmt: skip
        assert form("0\n" + one, "0\n" + other) == NOTHING, (one, other)


def test_functions_that_only_moved_are_no_change():
    first, second = "def a():\n    return 1\n", "def b():\n    return 2\n"
    assert form(first + second, second + "\n\n" + first) == NOTHING


def test_same_change_in_another_order_or_as_a_rename():
    one, two = change("a = 1\n", "a = 2\n", "x.py"), change("b = 1\n", "b = 2\n", "y.py")
    assert normalise([one, two]) == normalise([two, one])
    renamed = change("a = 1\n", "a = 1\n", "new.py", renamed_from="old.py")
    gone, made = change("a = 1\n", None, "old.py"), change(None, "a = 1\n", "new.py")
    assert normalise([renamed]).digest == normalise([gone, made]).digest
    assert (normalise([renamed]).size, normalise([gone, made]).size) == (1, 8)
    assert normalise([renamed]).functions == ("new.py", "old.py")


def test_files_that_appear_and_modes():
    empty = form(None, "", "pkg/__init__.py")
    assert (empty.size, empty.functions) == (1, ("pkg/__init__.py",))
    assert empty.digest != NOTHING.digest
    assert form(None, "# only a comment\n").size == 1
    assert form(None, "x = 1\n").size == 4
    assert form("x = 1\n", "x = 1\n", mode_after=0o100755).size == 1
    link = form(None, "b/c", "l.py", mode_after=0o120000)
    assert link.digest not in (
        form(None, "b/c", "l.py").digest,
        form(None, "b / c", "l.py", mode_after=0o100755).digest,
    )


def test_broken_python_never_equals_a_good_file():
    good, broken = "def f():\n    return 1\n", "def f(:\n    return 1\n"
    assert form(broken, good).digest != form(None, good).digest
    assert form(good, broken).size > 0
    assert form(broken, broken.replace("return 1", "return  1   ")) == NOTHING
    assert form(broken, broken.replace("    return", "return")).size > 0
    text = "x = = 1\n"
    assert form("", text).digest != form("", text, "m.txt").digest


def test_other_files_are_text_without_space_between_tokens():
    assert form("int  f ( ) {\n return 1; }", "int f()\n{\n  return 1;\n}\n", "a.c") == NOTHING
    assert form("int f() { return 1; }", "int f() { return 2; }", "a.c").size == 1
    assert form("ab", "a b", "a.txt").size == 2
    assert form("a:\n  b: 1\n", "a:\n  b:  1\n\n", "a.yaml") == NOTHING
    assert form("a:\n  b: 1\n", "a:\nb: 1\n", "a.yaml").size == 1
    assert form("a:\n\tb\n", "a:\n        b\n", "Makefile") == NOTHING
    assert form(b"\0\1", b"\0\2", "a.bin").size == 1
    assert form(b"caf\xe9", b"caf\xe8", "a.txt").size == 1


def test_source_that_is_not_utf8():
    before = "# coding: latin-1\nx = 'caf\xe9'\n".encode("latin-1")
    assert form(before, before + b"# more\n") == NOTHING
    assert form(before, before.replace(b"\xe9", b"\xe8")).size == 1


def test_deep_and_long_files_take_no_recursion_and_little_time():
    deep = "x = " + " + ".join(["1"] * 20_000) + "\n"
    start = time.monotonic()
    assert form(deep, deep.replace("1\n", "2\n")).size == 1
    nested = "".join(f"{' ' * depth}class C{depth}:\n" for depth in range(90)) + " " * 90 + "x = 1\n"
    assert form(nested, nested.replace("x = 1", "x = 2")).size == 1
    rows = [f"    'key{number}': {number}," for number in range(10_000)]
    mixed = list(rows)
    random.Random(1).shuffle(mixed)
    assert form("d = {\n" + "\n".join(rows) + "\n}", "d = {\n" + "\n".join(mixed) + "\n}").size > 0
    assert time.monotonic() - start < 20


# Lines go on at a deeper level than their block: tree-sitter-python 0.25 fails on others, and such a file is compared as text.
# Expressions, rendered once as Python's own printer does and once by a printer that likes parentheses, space and line breaks.
NAMES = st.sampled_from(
    ["a", "b", "c.d", "f(x)", "g(x, y=1)", "[1, 2]", "{1: 'k'}", "'text'", "x[1:2]", "3.5", "(yield)", "(lambda: 0)"]
)
BINARY = ["+", "-", "*", "/", "//", "%", "**", "@", "|", "&", "^", "<<", ">>"]
COMPARE = ["<", "<=", ">", ">=", "==", "!=", "in", "not in", "is", "is not"]
BOOLEAN = ["and", "or"]
OPERATORS = st.sampled_from(BINARY + COMPARE + BOOLEAN)
EXPRESSIONS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.tuples(inner, OPERATORS, inner),
        st.tuples(st.sampled_from(["not", "-", "~"]), inner),
    ),
    max_leaves=12,
)


def plain(node):
    """With every inner expression in parentheses, so that structure is what the tuples say."""
    if isinstance(node, str):
        return node
    return "(" + " ".join(part if isinstance(part, str) and part in SIGNS else plain(part) for part in node) + ")"


SIGNS = {*BINARY, *COMPARE, *BOOLEAN, "not", "~"}


def decorated(node, rng):
    if isinstance(node, str):
        text = f"({node})" if rng.random() < 0.3 else node
    else:
        gap = rng.choice([" ", "\n        ", " # note\n        ", "\t"])
        text = (
            "("
            + gap.join(part if isinstance(part, str) and part in SIGNS else decorated(part, rng) for part in node)
            + ")"
        )
    return f"({text})" if rng.random() < 0.2 else text


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, st.randoms(use_true_random=False))
def test_formatting_never_changes_the_digest(node, rng):
    one = f"def f():\n    return {plain(node)}\n"
    two = f"def f():\n  # why\n\n  return ({decorated(node, rng)})\n\n"
    three = ast.unparse(ast.parse(one))  # fewest parentheses
    assert form(one, two) == form(one, three) == NOTHING
    base = "def f():\n    return 0\n"
    assert form(base, one).digest == form(base, two).digest == form(base, three).digest


def swapped(node, at, new):
    """The tree with its at-th operator replaced, and how many operators were seen."""
    if isinstance(node, str):
        return node, at
    parts = []
    for part in node:
        if isinstance(part, str) and part in SIGNS and len(node) == 3:
            parts.append(new if at == 0 else part)
            at -= 1
        else:
            inner, at = swapped(part, at, new)
            parts.append(inner)
    return tuple(parts), at


@settings(max_examples=300, deadline=None)
@given(st.tuples(EXPRESSIONS, OPERATORS, EXPRESSIONS), st.integers(0, 3), OPERATORS)
def test_changed_operator_always_changes_the_digest(node, at, new):
    other, _ = swapped(node, at, new)
    assume(other != node)
    one, two = (f"def f():\n    return {plain(tree)}\n" for tree in (node, other))
    assume(ast.dump(ast.parse(one)) != ast.dump(ast.parse(two)))
    assert form(one, two).size == 1
    assert form(one, two).digest != form(two, one).digest


class _Mutant(ast.NodeTransformer):
    """Changes the n-th operator, constant or name."""

    def __init__(self, at):
        self.at = at

    def generic_visit(self, node):
        found = {
            ast.Lt: ast.LtE,
            ast.Eq: ast.NotEq,
            ast.Add: ast.Sub,
            ast.And: ast.Or,
            ast.Not: ast.UAdd,
            ast.In: ast.NotIn,
            ast.Is: ast.IsNot,
        }
        new = found.get(type(node))
        if new is not None or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
            self.at -= 1
            if self.at == 0:
                return new() if new else ast.Name(node.id + "_", node.ctx)
        return super().generic_visit(node)


@pytest.mark.parametrize("module", [operator, random])
def test_real_files_reprinted_and_mutated(module):
    """Python's own printer is a formatter that nobody tuned for this: what it changes is layout, but for escapes and f-string seams."""
    source = Path(module.__file__).read_text()
    tree = ast.parse(source)
    before, after = units(source.encode()), units(ast.unparse(tree).encode())
    assert before.keys() == after.keys()
    unlike = [name for name in before if before[name] != after[name]]
    assert len(unlike) <= 0.12 * len(before)
    printed = ast.unparse(tree)
    for at in range(1, 400, 17):
        mutant = ast.unparse(_Mutant(at).visit(ast.parse(source)))
        assert (form(printed, mutant).size == 0) == (mutant == printed)

"""Operators: what each family offers, as text, on small pieces of code."""

import ast

import pytest

from agent.repair.engine.candidates import Generator
from agent.repair.engine.edits import fit, is_atom
from agent.repair.engine.localize import Place
from agent.repair.engine.operators.kit import REGISTER
from agent.repair.engine.source import Source, functions
from agent.repair.engine.swap import Unit


def edits(text, *, expected=(), variant=0, seed=0):
    """Every edited text of the file's first function, all of its lines suspicious, best first, with its operator."""
    source = Source("/x/code.py", text.encode())
    node = next(functions(source))
    lines = dict.fromkeys(range(node.lineno, node.end_lineno + 1), 1.0)
    made = Generator(expected, seed, variant).generate([Place(Unit(source, node), lines, 1.0)])
    return [(item.edit.apply(source.text).decode(), item.edit.operator) for item in made]


def function(body):
    return "def f(a, b, items=(), *, flag=False):\n    " + "\n    ".join(body.split("\n")) + "\n"


@pytest.mark.parametrize(
    ("broken", "mended", "operator"),
    [
        ("return a < b", "return a <= b", "compare"),
        ("return (a) is not (b)", "return (a) is (b)", "compare"),
        ("if a not in items:  # here\n    return b", "if a in items:  # here\n    return b", "compare"),
        ("return a and b or items", "return a or b or items", "and_or"),
        ("if not (a and b):\n    return a", "if (a and b):\n    return a", "negate"),
        ("if a or b:\n    return a", "if not (a or b):\n    return a", "negate"),
        ("if items and (a or b):\n    return a", "if items and a:\n    return a", None),
        ("if items and (a or b):\n    return a", "if (a or b):\n    return a", "drop_term"),
        ("if a:\n    return b", "if a is not None:\n    return b", "none_check"),
        ("return a if b else items", "return items if b else a", "ifexp"),
        ("a += b\nreturn a", "a -= b\nreturn a", "arithmetic"),
        ("return a - b", "return b - a", "swap_operands"),
        ("return a - (b - 1)", "return (b - 1) - a", "swap_operands"),
        ("return items[a]", "return items[a - 1]", "off_by_one"),
        ("return range(len(items))", "return range(len(items) + 1)", "off_by_one"),
        ("return items[a:]", "return items[:a]", "slice"),
        ("return -a", "return a", "sign"),
        ("return a * 3", "return a * 2", "number"),
        ("return a & 0xf0", "return a & 0xf1", "number"),
        ("return sorted(items, reverse=True)", "return sorted(items, reverse=False)", "boolean"),
        ("return r'(\\d*)x'", "return r'(\\d+)x'", "string"),
        ("return a.lower()", "return a.upper()", "attribute"),
        ("return a + a", "return a + b", "variable"),
        ("return divmod(a, b)", "return divmod(b, a)", "swap_arguments"),
        ("return f(a)", "return f(a, flag=flag)", "add_argument"),
        ("return f(a, b)", "return f(a)", "drop_argument"),
        ("return a.join(b for b in items)", "return a.join(str(b) for b in items)", "wrap"),
        ("return int(a)", "return a", "whole"),
        ("return isinstance(a, list)", "return isinstance(a, (list, tuple))", "types"),
        ("try:\n    f()\nexcept KeyError:\n    f(b)", "try:\n    f()\nexcept IndexError:\n    f(b)", "exception"),
        ("return items[a]", "return items.get(a)", "key"),
        ("a.append(b)\na.sort()", "a.sort()\na.append(b)", "swap_statements"),
        ("for x in items:\n    a += x\n    return a", "for x in items:\n    a += x\nreturn a", "depth"),
        ("a + b", "return a + b", "to_return"),
        ("a = b + 1", "a = b + 1\nreturn a", "insert_return"),
        ("for x in items:\n    if x:\n        break\nreturn x", "for x in items:\n    if x:\n        continue\nreturn x", "flow"),
        ("while a < b:\n    a.add(b)\nreturn a", "while a < b:\n    a.add(b)\n    a += 1\nreturn a", "insert_made"),
        ("return a / b", "if not b:\n    return\nreturn a / b", "insert_guard"),
    ],
)  # fmt: skip
def test_offers(broken, mended, operator):
    found = dict(edits(function(broken))[::-1])
    if operator is None:
        return
    assert function(mended) in found
    assert found[function(mended)] == operator


def test_a_default_argument_can_be_changed():
    assert function("return flag").replace("flag=False", "flag=True") in dict(edits(function("return flag")))


def test_constants_of_the_failing_test_are_material():
    assert function("return 'one'").replace("one", "two") in dict(edits(function("return 'one'"), expected=["two"]))


LOADER = """
def f(self, key):
    return self.load(key)


def g(self, key):
    if key in self.cache:
        return self.cache[key]
    value = self.load(key)
    self.cache[key] = value
    return clean(self.load(key))


def clean(value):
    return value
""".lstrip()


def test_what_stands_in_the_same_file_is_material():
    found = dict(edits(LOADER))
    guard = "    if key in self.cache:\n        return self.cache[key]\n    return self.load(key)\n\n"
    assert LOADER.replace("    return self.load(key)\n\n", guard) in found
    assert LOADER.replace("return self.load(key)\n\n", "return clean(self.load(key))\n\n") in found


def test_a_parameter_that_nobody_reads_is_a_cue():
    text = "def f(a, base):\n    return convert(a)\n\n\ndef convert(a, base=10):\n    return int(a, base)\n"
    order = [edited for edited, _ in edits(text)]
    assert order.index(text.replace("convert(a)\n", "convert(a, base=base)\n", 1)) < 5


MIXED = """
total = 0
for x in items:  # each
    if x > a and not flag:
        total += x * 2
    elif b:
        continue
return [total, 'x-y', a.b[0]]
""".strip()


def test_everything_offered_differs_and_most_of_it_is_python():
    found = edits(function(MIXED))
    assert len(found) == len(dict(found))
    assert function(MIXED) not in dict(found)
    broken = 0
    for edited, _ in found:
        try:
            ast.parse(edited)
        except SyntaxError:
            broken += 1
    assert broken < 0.05 * len(found)
    assert all("# each" in edited for edited, _ in found)


def test_no_operator_swallows_exceptions():
    text = function("return items[a]")
    assert not [edited for edited, _ in edits(text) if "except" in edited or "pass\n" in edited]


def test_edits_that_delete_are_flagged_and_come_late():
    source = Source("/x/code.py", function("a.x = 1\na.y = 2\nreturn a").encode())
    node = next(functions(source))
    places = [Place(Unit(source, node), dict.fromkeys(range(1, 5), 1.0), 1.0)]
    made = Generator([], 0, 0).generate(places)
    deleting = [index for index, item in enumerate(made) if item.edit.flags]
    assert deleting
    assert min(deleting) > 20


def test_order_depends_on_seed_and_variant_alone():
    text = function("if a < b:\n    return items[a]\nreturn b")
    assert edits(text, seed=1) == edits(text, seed=1)
    assert edits(text, variant=1) != edits(text, variant=2)
    made = [{mended for mended, _ in edits(text, variant=variant)} for variant in (1, 2)]
    assert made[0] == made[1]


def test_families_have_names_of_their_own():
    names = [item.name for item in REGISTER]
    assert len(names) == len(set(names))
    assert all(0 < item.prior < 2 for item in REGISTER)


@pytest.mark.parametrize(
    ("text", "atom"),
    [
        ("a", True),
        ("a.b", True),
        ("f(x)", True),
        ("(a, b)", True),
        ("a + b", False),
        ("-a", False),
        ("(a) + (b)", False),
        ("'x'", True),
        ("a[1]", True),
    ],
)
def test_what_needs_parentheses(text, atom):
    assert is_atom(text) is atom


def test_parentheses_only_where_needed():
    source = Source("/x/code.py", b"x = f(a) * b\n")
    call = source.tree.body[0].value.left
    assert fit(source, call, "p + q") == "(p + q)"
    assert fit(source, call.args[0], "p + q") == "p + q"


def test_positions_survive_marks_newlines_and_wide_characters():
    source = Source("/x/code.py", "\ufeffé = 'ü'\r\nif é:\r\n\tß = (é\r\n\t\t== 'ö')\r\n".encode())
    compare = source.tree.body[1].body[0].value
    assert source.seg(compare) == "é\r\n\t\t== 'ö'"
    assert source.newline == "\r\n"
    assert source.indent(source.tree.body[1].body[0]) == "\t"

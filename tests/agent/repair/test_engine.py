"""The engine on small projects, run as it is shipped: an archive, under the project's interpreter."""

import json
import shutil
import subprocess
import sys

import pytest

MEDIAN = '''
"""Numbers."""


def median(values):
    # sorted first: the middle is only the middle then
    values = sorted(values)
    middle = len(values) // 2
    if len(values) % 2 == 0:
        return (values[middle - 1] + values[middle + 1]) / 2   # an even count
    return values[middle]
'''

MEDIAN_TESTS = """
import pytest
from numbers_ import median


def test_odd():
    assert median([3, 1, 2]) == 2


@pytest.mark.parametrize("values, expected", [([1, 2, 3, 4], 2.5), ([4, 1], 2.5)])
def test_even(values, expected):
    assert median(values) == expected


def test_one():
    assert median([7]) == 7
"""


def last(events):
    assert events[-1]["event"] == "done"
    return events[-1]


def test_repairs_a_function_and_keeps_its_layout(project, run_engine, plausible):
    tree = project({"numbers_.py": MEDIAN, "test_median.py": MEDIAN_TESTS})
    events = run_engine(tree, ["test_median.py::test_even"])
    kinds = [event["event"] for event in events]
    assert kinds[:3] == ["started", "baseline", "located"]
    assert events[1]["failing"] == ["test_median.py::test_even[values0-2.5]", "test_median.py::test_even[values1-2.5]"]
    assert events[2]["functions"][0]["function"] == "median"
    fixed = MEDIAN.replace("values[middle + 1]", "values[middle]")
    assert fixed in plausible(tree, events)
    assert (tree / "numbers_.py").read_text() == MEDIAN
    assert sorted(path.name for path in tree.iterdir()) == ["numbers_.py", "test_median.py"]


def test_equal_requests_give_equal_edits_and_variants_another_order(project, run_engine):
    tree = project({"numbers_.py": MEDIAN, "test_median.py": MEDIAN_TESTS})

    def edits(**fields):
        events = run_engine(tree, ["test_median.py::test_even"], max_candidates=250, max_plausible=3, **fields)
        drop = ("cpu_s", "event")
        return [{k: v for k, v in event.items() if k not in drop} for event in events if event["event"] == "plausible"]

    first = edits(seed=3)
    assert first
    assert edits(seed=3) == first
    assert edits(seed=3, batch=7) == first
    indices = [edit["index"] for edit in edits(seed=3, variant=1)]
    assert indices != [edit["index"] for edit in first]


def test_a_search_goes_on_where_another_stopped(project, run_engine):
    tree = project({"numbers_.py": MEDIAN, "test_median.py": MEDIAN_TESTS})
    whole = [
        event
        for event in run_engine(tree, ["test_median.py::test_even"], max_candidates=300)
        if event["event"] == "plausible"
    ]
    skip = whole[0]["index"] + 1
    rest = [
        event
        for event in run_engine(tree, ["test_median.py::test_even"], max_candidates=300, skip=skip)
        if event["event"] == "plausible"
    ]
    assert [event["index"] for event in rest] == [event["index"] for event in whole[1:]]


def test_stops_at_the_budget_and_at_enough(project, run_engine):
    tree = project({"numbers_.py": MEDIAN, "test_median.py": MEDIAN_TESTS})
    assert last(run_engine(tree, ["test_median.py::test_even"], max_plausible=1))["reason"] == "enough"
    done = last(run_engine(tree, ["test_median.py::test_even"], max_candidates=5))
    assert (done["reason"], done["tried"]) == ("budget", 5)


UNITTEST = """
import unittest
from stack import Stack


class StackTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = (1, 2, 3)

    def setUp(self):
        self.stack = Stack()

    def test_order(self):
        for item in self.shared:
            self.stack.push(item)
        self.assertEqual([self.stack.pop() for _ in self.shared], [3, 2, 1])

    def test_parts(self):
        for item in self.shared:
            with self.subTest(item=item):
                self.stack.push(item)
                self.assertEqual(self.stack.top(), item)

    def test_empty(self):
        with self.assertRaises(LookupError):
            self.stack.pop()
"""

STACK = """
class Stack:
    def __init__(self):
        self._items = []

    def push(self, item):
        self._items.append(item)

    def top(self):
        return self._items[0]

    def pop(self):
        if not self._items:
            raise LookupError("empty")
        return self._items.pop()
"""


@pytest.mark.parametrize(
    ("kind", "failing", "arguments"),
    [
        ("unittest", ["test_stack.StackTest.test_parts"], []),
        ("unittest", ["test_stack.StackTest"], ["discover", "-s", "."]),
        ("pytest", ["test_stack.py::StackTest::test_parts"], ["-q"]),
    ],
)
def test_unittest_suites_with_class_set_up_and_sub_tests(project, run_engine, plausible, kind, failing, arguments):
    tree = project({"stack.py": STACK, "test_stack.py": UNITTEST})
    events = run_engine(tree, failing, kind=kind, arguments=arguments)
    assert STACK.replace("_items[0]", "_items[-1]") in plausible(tree, events)


def test_unittest_needs_no_pytest(project, run_engine, plausible, tmp_path):
    """A bare interpreter has none: the engine may import it only for pytest suites."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    tree = project({"stack.py": STACK, "test_stack.py": UNITTEST})
    events = run_engine(tree, ["test_stack.StackTest.test_parts"], kind="unittest", python=str(bare / "bin/python"))
    assert plausible(tree, events)
    done = last(run_engine(tree, ["test_stack.py::StackTest::test_parts"], python=str(bare / "bin/python")))
    assert (done["reason"], "pytest" in done["detail"]) == ("unusable", True)


REACH = '''
import functools


def logged(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner


class Box:
    def __init__(self, width, height):
        self.width, self.height = width, height

    @property
    def area(self):
        return self.width + self.height

    @staticmethod
    def unit(size=2):
        return Box(size, size)

    @logged
    def scaled(self, by):
        return Box(self.width * by, self.height)

    def rows(self):
        for row in range(1, self.height):
            yield row

    async def later(self):
        return self.width


def adder(first):
    def add(second):
        return first - second
    return add


add_two = adder(2)


def half(value, *, down=False):
    """Half of a value.

    >>> half(4)
    2
    >>> half(3, down=True)
    1
    """
    return value // 2 if down else (value + 2) // 2


def table(rows):
    return [
        ",".join(str(cell) for cell in row)
        for row in rows
        if row is not None or len(row) > 1
    ]
'''


@pytest.mark.parametrize(
    ("test", "fixed"),
    [
        (
            "assert Box(2, 3).area == 6 and Box(1, 1).area == 1",
            ("self.width + self.height", "self.width * self.height"),
        ),
        ("assert Box.unit().width == 1 and Box.unit(3).width == 3", ("size=2", "size=1")),
        (
            "assert Box(2, 3).scaled(2).height == 6 and Box(1, 1).scaled(3).width == 3",
            ("self.height)\n\n    def rows", "self.height * by)\n\n    def rows"),
        ),
        (
            "assert list(Box(2, 3).rows()) == [0, 1, 2] and not list(Box(1, 0).rows())",
            ("range(1, self", "range(0, self"),
        ),
        ("assert add_two(3) == 5 and adder(1)(1) == 2", ("first - second", "first + second")),
        ("assert table([[1, 2], [3], []]) == ['1,2'] and table([]) == []", ("None or", "None and")),
    ],
    ids=["property", "default", "decorated", "generator", "closure", "comprehension"],
)
def test_reaches_every_kind_of_function(project, run_engine, plausible, test, fixed):
    tree = project(
        {
            "src/reach.py": REACH,
            "tests/test_reach.py": f"from reach import *\n\ndef test_it():\n    {test}\n",
            "pytest.ini": "[pytest]\npythonpath = src\n",
        }
    )
    events = run_engine(tree, ["tests/test_reach.py::test_it"], max_plausible=12)
    assert REACH.replace(*fixed) in plausible(tree, events)


def test_doctests_are_tests(project, run_engine, plausible):
    tree = project({"reach.py": REACH})
    events = run_engine(tree, ["reach.py::reach.half"], arguments=["--doctest-modules"])
    assert REACH.replace("(value + 2)", "(value + 1)") in plausible(tree, events)


def test_fixtures_of_every_scope_are_made_anew_for_every_candidate(project, run_engine, plausible):
    """A session fixture that one candidate built must not judge the next one."""
    code = "def build(n):\n    total = []\n    for i in range(n):\n        total.append(i * 3)\n    return total\n"
    tests = """
import pytest
from build import build

@pytest.fixture(scope="session")
def built(tmp_path_factory):
    return build(3)

@pytest.fixture(scope="module", autouse=True)
def autoused(built):
    yield

@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path

def test_values(built, folder):
    assert built == [0, 2, 4]

def test_length(built):
    assert len(built) == 3

def test_log(caplog, built):
    import logging
    logging.getLogger().warning("%s", len(built))
    assert caplog.messages == ["3"]

def test_out(capsys, built):
    print(len(built))
    assert capsys.readouterr().out == "3\\n"
"""
    tree = project({"build.py": code, "test_build.py": tests})
    events = run_engine(tree, ["test_build.py::test_values"])
    assert events[1]["tests"] == 3
    assert code.replace("* 3", "* 2") in plausible(tree, events)


def test_state_that_tests_leave_is_put_back_between_candidates(project, run_engine, plausible):
    code = """
import functools

_seen = {}
count = 0

@functools.lru_cache
def cached(n):
    return n - 1

def lookup(n):
    global count
    count += 1
    if n not in _seen:
        _seen[n] = cached(n)
    return _seen[n]
"""
    tests = """
import memo

def test_value():
    assert memo.lookup(3) == 4

def test_count():
    assert memo.count == 0 or memo.count > 0
    memo.lookup(3)
    assert memo._seen
"""
    tree = project({"memo.py": code, "test_memo.py": tests})
    events = run_engine(tree, ["test_memo.py::test_value"])
    assert code.replace("n - 1", "n + 1") in plausible(tree, events)
    assert events[1]["alone"] is False


def test_order_dependent_suites_get_a_process_for_each_candidate(project, run_engine, plausible):
    code = "import sys\n\ndef twice(n):\n    return n + n + 1\n"
    tests = """
import pytest
from twice import twice

@pytest.mark.parametrize("box, expected", [([2], 4), ([3], 6), ([0], 0)])
def test_twice(box, expected):
    n = box.pop()
    result = twice(n)
    assert n == 0 or result == expected
"""
    tree = project({"twice.py": code, "test_twice.py": tests})
    events = run_engine(tree, ["test_twice.py::test_twice[box0-4]", "test_twice.py::test_twice[box1-6]"])
    assert events[1]["alone"] is True
    assert code.replace("n + n + 1", "n + n") in plausible(tree, events)


@pytest.mark.parametrize(
    ("failing", "word"),
    [
        (["test_ok.py::test_ok"], "fails"),
        (["test_ok.py::test_missing"], "collected"),
        (["test_ok.py::test_alone"], "work tree"),
    ],
)
def test_says_why_there_is_nothing_to_search(project, run_engine, failing, word):
    tree = project({"test_ok.py": "def test_ok():\n    pass\n\ndef test_alone():\n    assert [] == 1\n"})
    done = last(run_engine(tree, failing))
    assert done["reason"] == "hopeless"
    assert word in done["detail"]


def test_says_why_the_suite_cannot_be_collected(project, run_engine):
    tree = project({"test_bad.py": "import nothing_of_that_name\n"})
    assert last(run_engine(tree, ["test_bad.py::test_it"]))["reason"] in ("unusable", "hopeless")
    assert last(run_engine(tree, ["test_bad.py::test_it"], arguments=["--no-such-option"]))["reason"] == "unusable"
    assert last(run_engine(tree, [], kind="unittest", arguments=["nothing_of_that_name"]))["reason"] in (
        "unusable",
        "hopeless",
    )


def test_refuses_a_request_that_is_none(archive, tmp_path):
    path = tmp_path / "request.json"
    for text in (
        "",
        "[]",
        '{"workdir": "/"}',
        '{"workdir": "/nowhere", "failing": []}',
        '{"workdir": "/", "failing": [], "else": 1}',
    ):
        path.write_text(text)
        answer = subprocess.run([sys.executable, str(archive), str(path)], stdout=subprocess.PIPE, check=False)
        assert answer.returncode == 2
        assert json.loads(answer.stdout)["reason"] == "unusable"


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
def test_runs_on_other_interpreters(project, run_engine, plausible, version):
    """unittest needs nothing but the interpreter, so every one that is installed can be tried."""
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "--version"], check=False, capture_output=True).returncode:
        pytest.skip(f"no python{version} here")
    tree = project({"stack.py": STACK, "test_stack.py": UNITTEST})
    events = run_engine(tree, ["test_stack.StackTest.test_parts"], kind="unittest", python=python)
    assert STACK.replace("_items[0]", "_items[-1]") in plausible(tree, events)


MODULE = """
from functools import wraps

LIMIT = 10
NAMES = {"one": 1, "two": 3}
_WORDS = []


def _word(singular, plural):
    _WORDS.append((singular, plural + "s"))


_word("ox", "oxen")


def times(count):
    def decorate(function):
        @wraps(function)
        def inner(*args):
            return count * function(*args)
        return inner
    return decorate


class Shape:
    sides = 3

    def corners(self):
        return self.sides


def number(name):
    return NAMES[name]


def small(n):
    return n < LIMIT


def plural(word):
    return dict(_WORDS)[word]


@times(3)
def double(n):
    return n
"""


@pytest.mark.parametrize(
    ("test", "fixed"),
    [
        ("assert number('two') == 2 and number('one') == 1", ('"two": 3', '"two": 2')),
        ("assert small(10) and small(0) and not small(11)", ("LIMIT = 10", "LIMIT = 11")),
        ("assert Shape().corners() == 4", ("sides = 3", "sides = 4")),
        ("assert plural('ox') == 'oxen'", ('plural + "s"', "plural")),
        ("assert double(2) == 4 and double(5) == 10", ("@times(3)", "@times(2)")),
    ],
    ids=["table", "constant", "class attribute", "function at import", "decorator"],
)
def test_reaches_what_runs_at_import(project, run_engine, plausible, test, fixed):
    tree = project(
        {
            "module.py": MODULE,
            "other.py": "from module import *\n",
            "test_module.py": f"from other import *\n\ndef test_it():\n    {test}\n",
        }
    )
    events = run_engine(tree, ["test_module.py::test_it"], max_plausible=8, max_candidates=120)
    assert MODULE.replace(*fixed) in plausible(tree, events)

"""The engine's parts: forked work, state put back, live functions exchanged, places ranked."""

import faulthandler
import functools
import os
import signal
import sys
import time
import types
from pathlib import Path

import pytest

from agent.repair.engine.baseline import Baseline, Observation
from agent.repair.engine.edits import Edit
from agent.repair.engine.forks import Limits, Pipe, forked
from agent.repair.engine.localize import locate
from agent.repair.engine.score import _difference
from agent.repair.engine.source import Source, functions
from agent.repair.engine.state import StateGuard, Tree
from agent.repair.engine.swap import LiveFunctions, Unit, body_swap, default_swap, identity
from agent.repair.engine.tracing import Tracer

QUICK = Limits(cpu_s=0.3, wall_s=1.0, memory=256 << 20, file=1 << 20)


def spin():
    while True:
        pass


def greedy():
    return len(bytearray(1 << 40))


def crash():
    faulthandler.disable()
    os.kill(os.getpid(), signal.SIGSEGV)


WORK = {
    0: lambda: "fine",
    1: spin,
    2: lambda: os._exit(0),
    3: lambda: time.sleep(60),
    4: crash,
    5: greedy,
    6: lambda: os.fork() and None,
    7: lambda: ["still", {"here": 1}],
}


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_what_one_item_does_hurts_no_other(batch):
    found = list(forked(8, lambda index: WORK[index](), lambda index: QUICK, batch=batch))
    assert [done.index for done in found] == list(range(8))
    assert [done.status for done in found] == ["ok", "timeout", "died", "timeout", "died", "died", "ok", "ok"]
    assert found[7].payload == ["still", {"here": 1}]


def test_no_child_is_left():
    list(forked(4, lambda index: WORK[index](), lambda index: QUICK, batch=2))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_work_can_begin_late_end_with_a_word_and_give_up():
    def finish():
        return "bye"

    found = list(forked(5, lambda index: index * 2, lambda index: QUICK, first=3, batch=9, finish=finish))
    assert [(done.index, done.payload) for done in found] == [(3, 6), (4, 8), (-1, "bye")]
    assert len(list(forked(9, lambda index: os._exit(1), lambda index: QUICK, lost=2))) == 2


def test_a_frame_that_is_none_ends_the_stream():
    reader, writer = os.pipe()
    os.write(writer, b"\x05\x00\x00\x00nojsn")
    with pytest.raises(EOFError):
        Pipe(reader).receive(1)
    os.write(writer, b"\xff\xff\xff\xff")
    with pytest.raises(EOFError):
        Pipe(reader).receive(1)
    os.close(reader)
    os.close(writer)


STATE = """
import functools
cache = {"a": 1}
seen = []
count = 0
class Box:
    made = 0
    items = set()
@functools.lru_cache
def slow(n):
    return [n]
"""


def test_state_is_put_back(tmp_path):
    path = tmp_path / "stateful_module.py"
    path.write_text(STATE)
    module = types.ModuleType("stateful_module")
    module.__file__ = str(path)
    sys.modules["stateful_module"] = module
    home = Path.cwd()
    try:
        exec(compile(STATE, str(path), "exec"), vars(module))
        guard = StateGuard(lambda name: name == str(path), str(tmp_path))
        first = module.slow(1)

        def spoil():
            module.cache["b"] = 2
            module.seen.append(1)
            module.count, module.Box.made, module.more = 7, 5, "new"
            module.late = functools
            module.Box.items.add(3)

        spoil()
        guard.mark(guard.watch())
        for _ in range(2):
            guard.restore()
            assert (module.cache, module.seen, module.count) == ({"a": 1}, [], 0)
            assert (module.Box.made, module.Box.items, hasattr(module, "more")) == (0, set(), False)
            assert module.slow(1) is not first
            assert module.late is functools
            spoil()
        assert Path.cwd() == tmp_path
    finally:
        os.chdir(home)
        del sys.modules["stateful_module"]


def test_a_tree_is_put_back(tmp_path):
    (tmp_path / "kept").write_text("as it was")
    (tmp_path / "gone").write_text("here")
    tree = Tree(str(tmp_path))
    assert tree.restore() == []
    (tmp_path / "kept").write_text("changed, and longer")
    (tmp_path / "gone").unlink()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").write_text("x")
    assert len(tree.restore()) == 3
    assert (tmp_path / "kept").read_text() == "as it was"
    assert (tmp_path / "gone").read_text() == "here"
    assert not (tmp_path / "new" / "file").exists()
    assert tree.restore() == []


LIVE = """
def decorate(function):
    def inner(*args):
        return function(*args) + 1
    return inner

class Base:
    def size(self):
        return 1

class Child(Base):
    @decorate
    def size(self):
        return super().size() + 1

    def __hidden(self, step=1):
        return step

    def shown(self):
        return self.__hidden()
"""


@pytest.fixture
def live(tmp_path):
    path = tmp_path / "live.py"
    path.write_text(LIVE)
    names = {"__name__": "live"}
    exec(compile(LIVE, str(path), "exec"), names)
    source = Source.load(str(path))
    units = {Unit(source, node).qualname: Unit(source, node) for node in functions(source)}
    return names, units, LiveFunctions()


def replaced(unit, old, new):
    start = unit.source.text.index(old.encode())
    return Edit(start, start + len(old), new, "test", 1)


@pytest.mark.parametrize(
    ("unit", "old", "new", "before", "after"),
    [
        ("Child.size", "super().size() + 1", "super().size() + 5", 3, 7),
        ("decorate", "(*args) + 1", "(*args) + 9", 3, 11),
        ("Base.size", "return 1", "return 4", 3, 6),
    ],
)
def test_live_functions_are_exchanged_and_given_back(live, unit, old, new, before, after):
    names, units, functions_ = live
    child = names["Child"]()
    swap = body_swap(functions_, units[unit], units[unit].compile(replaced(units[unit], old, new)))
    assert child.size() == before
    swap.apply()
    assert child.size() == after
    swap.undo()
    assert child.size() == before


def test_default_arguments_and_private_names(live):
    names, units, functions_ = live
    unit = units["Child.__hidden"]
    swap = default_swap(functions_, unit, replaced(unit, "step=1", "step=3"))
    assert swap is None
    start = unit.source.text.index(b"step=1") + len("step=")
    swap = default_swap(functions_, unit, Edit(start, start + 1, "3", "test", 1))
    swap.apply()
    assert names["Child"]().shown() == 3
    swap.undo()
    assert names["Child"]().shown() == 1


def test_a_closure_that_does_not_fit_is_refused(live):
    _, units, functions_ = live
    unit = units["Base.size"]
    assert body_swap(functions_, unit, unit.compile(replaced(unit, "return 1", "return super()"))) is None
    assert unit.compile(replaced(unit, "return 1", "return )")) is None
    same = unit.compile(replaced(unit, "return 1", "return (1)"))
    assert identity(same) == identity(unit.compile(None))


def test_lines_are_traced_only_where_wanted(live):
    names, _, _ = live
    path = functools.reduce(lambda found, item: item.co_filename, [names["decorate"].__code__], "")
    tracer = Tracer(lambda name: name == path)
    tracer.start()
    names["Child"]().shown()
    lines = tracer.stop()
    assert sorted(name for _, _, name in lines) == ["__hidden", "shown"]
    only = next(key for key in lines if key[2] == "shown")
    tracer = Tracer(lambda name: name == path, [only])
    tracer.start()
    names["Child"]().shown()
    assert list(tracer.stop()) == [only]


CODE = """
def outer(n):
    if n:
        return inner(n)
    return 0


def inner(n):
    return n / 0


def other(n):
    return n
"""


def test_places_are_ranked_by_tests_tracebacks_and_names(tmp_path):
    path = tmp_path / "code.py"
    path.write_text(CODE)
    name = str(path)
    outer, inner, other = (name, 2, "outer"), (name, 8, "inner"), (name, 12, "other")
    failing = Observation(
        "t", "failed", {outer: [3, 4], inner: [9], other: [13]}, "ZeroDivisionError", [(name, 9), (name, 4)]
    )
    passing = [Observation("p", "passed", {outer: [3, 5], other: [13]}), Observation("q", "passed", {other: [13]})]
    baseline = Baseline([failing], passing, frozenset(), {})
    found = locate(baseline, "", "")
    assert [place.unit.qualname for place in found.places] == ["inner", "outer", "other"]
    assert found.places[1].lines[4] > found.places[1].lines[3]
    named = locate(baseline, "other() is wrong", "")
    assert named.places[-1].score > found.places[-1].score


def test_a_change_of_order_is_no_change_of_size():
    assert _difference(["a", "=", "b"], ["b", "=", "a"]) == 0
    assert _difference(["a"], ["a", "+", "1"]) == 2

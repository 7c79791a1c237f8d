"""Projects that do their worst: the engine must answer, and must leave the tree as it was."""

import time

import pytest

CODE = """
def price(amount, rate):
    total = amount
    while total > 100:
        total -= 1
    return total - rate
"""

USUAL = """
from price import price

def test_price():
    assert price(10, 2) == 12

def test_free():
    assert price(0, 0) == 0
"""

FIXED = CODE.replace("total - rate", "total + rate")


def check(project, run_engine, plausible, extra, *, files=None, **fields):
    tree = project({"price.py": CODE, "test_price.py": USUAL, "test_zz_hostile.py": extra, **(files or {})})
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    fields = {"max_plausible": 3, "max_candidates": 600, **fields}
    events = run_engine(tree, ["test_price.py::test_price"], **fields)
    assert events[-1]["event"] == "done", events
    assert FIXED in plausible(tree, events)
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == before
    return events


@pytest.mark.parametrize(
    "body",
    [
        "import os; price(1, 1); os._exit(0)",
        "import os; price(1, 1); os._exit(3)",
        "import sys; price(1, 1); sys.exit(0)",
        "import os, signal; price(1, 1); os.kill(os.getpid(), signal.SIGKILL)",
        "import os; price(1, 1); os.closerange(3, 4096)",
        "import ctypes; price(1, 1); ctypes.string_at(0)",
        "import os; price(1, 1); os.fork()",
        "import sys; price(1, 1); sys.settrace(None); sys.setprofile(None)",
        "import pytest; price(1, 1); pytest.exit('enough')",
        "price(1, 1); raise KeyboardInterrupt",
        "import signal; price(1, 1); signal.setitimer(signal.ITIMER_PROF, 0); signal.signal(signal.SIGPROF, signal.SIG_IGN)",
        "import os; price(1, 1); os.dup2(1, 5); os.write(2, b'x' * 1000)",
    ],
)
def test_tests_that_end_or_bend_the_process(project, run_engine, plausible, body):
    check(project, run_engine, plausible, f"from price import price\n\ndef test_it():\n    {body}\n")


def test_tests_that_write_and_wander(project, run_engine, plausible):
    extra = """
import os, pathlib
from price import price

def test_writes():
    price(1, 1)
    pathlib.Path("made.txt").write_text("x")
    pathlib.Path("kept.txt").write_text("changed")
    os.makedirs("deep/er", exist_ok=True)
    os.chdir("deep")

def test_wants_it_clean():
    price(1, 1)
    assert pathlib.Path("price.py").exists()
"""
    check(project, run_engine, plausible, extra, files={"kept.txt": "as it was"})


def test_threads_that_stay_and_output_without_end(project, run_engine, plausible):
    extra = """
import threading, time, sys
from price import price

def test_threads():
    price(1, 1)
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

def test_talks():
    price(1, 1)
    print("x" * 5_000_000)
    sys.stderr.write("y" * 1_000_000)
"""
    check(project, run_engine, plausible, extra)


LOOPS = """
import time


def total(values, stop):
    index = 0
    result = 0
    while index < stop:
        result += values[index % len(values)]
        index += 1
    return result - 1


def recurse(n):
    return 0 if n == 0 else 1 + recurse(n - 1)
"""


def test_candidates_that_never_end_or_recurse_without_end(project, run_engine, plausible):
    tests = """
from loops import recurse, total

def test_total():
    assert total([1, 2], 4) == 6
    assert recurse(5) == 5

def test_none():
    assert total([1], 0) in (0, -1)
"""
    tree = project({"loops.py": LOOPS, "test_loops.py": tests})
    started = time.monotonic()
    events = run_engine(tree, ["test_loops.py::test_total"], max_candidates=400)
    assert LOOPS.replace("result - 1", "result") in plausible(tree, events)
    assert time.monotonic() - started < 90


BLOCKS = """
import queue
import threading

_ready = queue.Queue()


def fetch(items, wait):
    results = queue.Queue()
    for item in items:
        results.put(item)
    out = []
    while len(out) <= len(items):
        out.append(results.get(timeout=None if wait else 0.01))
    return out
"""


def test_candidates_that_block(project, run_engine, plausible):
    """Silence costs no CPU time: only the clock on the wall can end it."""
    tests = """
from blocks import fetch

def test_fetch():
    assert fetch([1, 2], False) == [1, 2]
"""
    tree = project({"blocks.py": BLOCKS, "test_blocks.py": tests})
    events = run_engine(tree, ["test_blocks.py::test_fetch"], max_candidates=60, max_plausible=1)
    assert BLOCKS.replace("<= len", "< len") in plausible(tree, events)


GREEDY = """
def spread(n, size):
    data = [0] * size
    path = "out.bin"
    with open(path, "wb") as file:
        for _ in range(n):
            file.write(bytes(1024))
    return len(data) - n
"""


def test_candidates_that_take_memory_and_disk(project, run_engine, plausible):
    tests = """
import os
from spread import spread

def test_spread():
    try:
        assert spread(2, 10) == 12
        assert os.path.getsize("out.bin") == 2048
    finally:
        os.remove("out.bin")
"""
    tree = project({"spread.py": GREEDY, "test_spread.py": tests})
    events = run_engine(tree, ["test_spread.py::test_spread"], max_candidates=500, max_plausible=3)
    assert GREEDY.replace("len(data) - n", "len(data) + n") in plausible(tree, events)
    assert not (tree / "out.bin").exists()


@pytest.mark.parametrize(
    "conftest",
    [
        "import os\nos._exit(0)\n",
        "import sys\nsys.exit(1)\n",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
        "raise RuntimeError('no')\n",
        "def pytest_collection_modifyitems(items):\n    items.clear()\n",
        "def pytest_configure(config):\n    raise KeyboardInterrupt\n",
    ],
)
def test_a_conftest_that_ends_everything_is_answered(project, run_engine, conftest):
    tree = project({"price.py": CODE, "test_price.py": USUAL, "conftest.py": conftest})
    done = run_engine(tree, ["test_price.py::test_price"])[-1]
    assert done["event"] == "done"
    assert done["reason"] in ("died", "unusable", "hopeless")
    assert done["detail"]


def test_a_conftest_with_hooks_around_tests_is_obeyed(project, run_engine, plausible):
    conftest = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    item.config.ready = True
    return (yield)

def pytest_runtest_teardown(item):
    item.config.ready = False
"""
    extra = """
from price import price

def test_hooked(request):
    assert request.config.ready
    assert price(5, 0) == 5
"""
    events = check(project, run_engine, plausible, extra, files={"conftest.py": conftest})
    assert events[1]["tests"] == 2


def test_sources_that_are_odd(project, run_engine, plausible):
    """Windows newlines, tabs, a byte order mark, no newline at the end, and names beyond ASCII."""
    code = "\ufeff# ÄÖÜ\r\ndef größe(länge):\r\n\tif länge > 3:\r\n\t\treturn 'groß'\r\n\treturn 'klein'"
    test = "from odd import größe\n\ndef test_it():\n    assert größe(3) == 'groß'\n    assert größe(2) == 'klein'\n"
    tree = project({"test_odd.py": test})
    (tree / "odd.py").write_bytes(code.encode())
    events = run_engine(tree, ["test_odd.py::test_it"])
    assert code.replace(" > ", " >= ") in list(_texts(tree, events))


def _texts(tree, events):
    for event in events:
        if event["event"] == "plausible":
            data = (tree / event["path"]).read_bytes()
            yield (data[: event["start"]] + event["replacement"].encode() + data[event["end"] :]).decode()

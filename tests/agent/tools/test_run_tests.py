from typing import Any

from agent.tools.values import ToolLimits

UNITTEST = {
    "pkg/__init__.py": b"",
    "pkg/core.py": b"VALUE = 1\n",
    "tests/__init__.py": b"",
    "tests/test_core.py": (
        b"import unittest\nfrom pkg.core import VALUE\n\nclass TestCore(unittest.TestCase):\n"
        b"    def test_value(self):\n        self.assertEqual(VALUE, 2)\n\n    def test_other(self):\n        pass\n"
    ),
}
SIZE, NAME, NONE = (f"tests/test_core.py::test_{name}" for name in ("size", "name", "none"))


def test_runs_are_compared_with_base(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, report=True)
    done = bench.call("run_tests")
    assert done.data["whole"]
    assert done.data["still_failing"] == [SIZE]
    assert done.data["outcomes"] == {SIZE: "failed", NAME: "passed", NONE: "passed"}
    assert f"Still failing, as on base: 1\n  {SIZE}\nNothing that passed on base fails." in done.text
    assert f"--- {SIZE}" in done.text
    assert "AssertionError: wrong size" in done.text
    bench.edit(
        {"path": "pkg/core.py", "old": "return 1", "new": "return 2"},
        {"path": "pkg/core.py", "old": "'box'", "new": "'bx'"},
    )
    bench.replace("tests/test_core.py", "def test_none", "def test_nothing")
    done = bench.call("run_tests", tests=[])
    assert done.text.startswith("2 passed, 1 failed (")
    for part in (
        f"Newly failing (passed on base): 1\n  {NAME}\n",
        f"Newly passing (failed on base): 1\n  {SIZE}\n",
        f"No result now, but passed on base: 1\n  {NONE}\n",
        "Passing, not on base: 1\n  tests/test_core.py::test_nothing",
    ):
        assert part in done.text
    assert "Nothing that passed" not in done.text
    assert (done.data["newly_failing"], done.data["newly_passing"], done.data["missing"]) == ([NAME], [SIZE], [NONE])


def test_some_tests(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, report=True)
    for tests in ([NAME], [f"./{NAME}"], [f"/repo/{NAME}"], NAME, f'["{NAME}"]'):
        done = bench.call("run_tests", tests=tests)
        assert done.data["outcomes"] == {NAME: "passed"}
        assert (done.data["whole"], done.data["missing"]) == (False, [])
    assert len(bench.call("run_tests", tests=["tests/"]).data["outcomes"]) == 3
    done = bench.call("run_tests", tests=["tests/test_core.py::test_no"])
    assert not done.ok
    assert "could not be started" in done.text
    assert "no such test: tests/test_core.py::test_no" in done.text


def test_a_broken_import_is_shown(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, report=True)
    bench.workspace.write("pkg/core.py", b"import not_there\n")
    done = bench.call("run_tests")
    assert done.data["newly_failing"] == [NAME, NONE]
    assert "ModuleNotFoundError: No module named 'not_there'" in done.text


def test_a_run_that_takes_too_long_is_unknown(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, report=True, limits=ToolLimits(tests_s=2, observation_bytes=1000))
    assert "killed after 2 s" in next(spec for spec in bench.tools.specs if spec.name == "run_tests").description
    bench.replace("tests/test_core.py", "def test_name():", "def test_name():\n    import time; time.sleep(30)")
    done = bench.call("run_tests")
    assert done.data["status"] == "timed_out"
    assert done.text.startswith("The run was killed after 2 s; tests without a result are unknown.")
    assert done.data["missing"] == [NAME, NONE]
    assert len(done.text.encode()) <= 1000


def test_unittest_takes_paths_too(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, UNITTEST, kind_of_suite="unittest", report=True)
    other = "tests.test_core.TestCore.test_other"
    for name in ("tests/test_core.py", "tests.test_core"):
        assert len(bench.call("run_tests", tests=[name]).data["outcomes"]) == 2
    for name in ("tests/test_core.py::TestCore::test_other", other):
        assert bench.call("run_tests", tests=[name]).data["outcomes"] == {other: "passed"}
    assert bench.call("run_tests").data["still_failing"] == ["tests.test_core.TestCore.test_value"]


def test_a_command_is_run_as_a_whole(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, kind_of_suite="command", report=True)
    bench.workspace.write("pkg/core.py", b"fixed\n")
    assert bench.call("run_tests", tests=["x"]).data["newly_passing"] == ["command"]


def test_many_failures_stay_bounded(open_bench: Any, confined: str) -> None:
    bench = open_bench(confined, report=True, limits=ToolLimits(observation_bytes=4000))
    bench.workspace.write(
        "tests/test_many.py", b"\n".join(b"def test_%d(): assert 'x' * 5000 == %d" % (n, n) for n in range(200))
    )
    done = bench.call("run_tests", tests=["tests/test_many.py"])
    assert len(done.data["new_failing"]) == 200
    assert "Failing, not on base: 200" in done.text
    assert "… 170 more" in done.text
    assert len(done.text.encode()) <= 4000

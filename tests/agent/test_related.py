"""Which failing tests belong to an issue."""

from pathlib import Path

import pytest

from agent.related import required_tests
from agent.values import Brief
from envs.values import Image, Issue, Outcome, Snapshot, Suite, SuiteReport, Task

FRAME = 'Traceback (most recent call last):\n  File "/work/src/url.py", line 9, in resolve_dots\n    x\nE   '
FAILING = {
    "tests/test_url.py::test_resolve_dots": "E   assert 1 == 2",
    "tests/test_url.py::TestJoin::test_join": f"{FRAME}ValueError: x",
    "tests/test_url.py::test_short": "src/url.py:9: in resolve_dots\n    x\nE   ValueError: x",
    "tests/test_net.py::test_fetch": "E   UnicodeDecodeError: 'ascii' codec can't decode byte 0xe2 in position 3",
    "tests/test_misc.py::test_sorting": "E   assert [1] == [2]",
}


def brief(tmp_path: Path, issue: str | None, *, named: bool = False, others: int = 100) -> Brief:
    outcomes = dict.fromkeys(FAILING, Outcome.FAILED)
    outcomes |= {f"tests/test_misc.py::test_sorting_{n}": Outcome.PASSED for n in range(others)}
    text = Issue(title="A bug", body=issue, source="text") if issue is not None else None
    return Brief(
        task=Task(id="t", issue=text, failing_tests=tuple(FAILING)[:1] if named else ()),
        snapshot=Snapshot(archive=str(tmp_path), base_commit="0" * 40, head_commit="0" * 40, dirty=False, origin=""),
        sandbox="host",
        image=Image(reference=None, python="python", workdir="/work", digest="0"),
        suite=Suite(kind="pytest", argv=("python", "-m", "pytest")),
        base_report=SuiteReport(status="ran", outcomes=outcomes, messages=FAILING),
        targets=tuple(FAILING),
    )


@pytest.mark.parametrize(
    ("issue", "found"),
    [
        ("`resolve_dots()` is wrong", [0, 1, 2]),
        ("url.resolve_dots(path) is wrong", [0, 1, 2]),
        ("I get UnicodeDecodeError: 'ascii' codec can't decode byte 0xe2 in position 3", [3]),
        ("Sorting is slow, as in `sort`", []),
        ("`test` should `join` the `url`", [1]),
        ("Nothing to do with it: `colours`", []),
    ],
)
def test_by_name_by_frame_and_by_error(tmp_path: Path, issue: str, found: list[int]) -> None:
    assert required_tests(brief(tmp_path, issue)) == tuple(list(FAILING)[place] for place in found)


def test_named_tests_and_tests_without_an_issue_are_all_required(tmp_path: Path) -> None:
    assert required_tests(brief(tmp_path, "`colours`", named=True)) == tuple(FAILING)
    assert required_tests(brief(tmp_path, None)) == tuple(FAILING)


def test_a_crowd_is_no_sign(tmp_path: Path) -> None:
    """Thirty tests that fail in one function fail for a reason of the environment as likely as not."""
    crowd = {f"tests/test_a.py::test_{n}": f"{FRAME}OSError: no" for n in range(30)}
    report = SuiteReport(status="ran", outcomes=dict.fromkeys(crowd, Outcome.FAILED), messages=crowd)
    many = brief(tmp_path, "`resolve_dots` is wrong").model_copy(
        update={"base_report": report, "targets": tuple(crowd)}
    )
    assert required_tests(many) == ()

"""Reports: of values made by hand, and of other systems' official files."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.values import Usage
from selection.stored import StoredCandidate, StoredPool
from winnow.errors import BatchUnusable, SettingsError
from winnow.eval.progress import BatchProgress
from winnow.eval.report.measure import measure
from winnow.eval.report.page import page
from winnow.eval.report.pictures import pictures, png
from winnow.eval.report.values import Results, TaskRow
from winnow.eval.report.write import make_report, read_results


def diff(line: str) -> str:
    return f"diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-x = 0\n+x = {line}\n"


def row(task: str, outcome: Any, tries: tuple[bool | None, ...], **more: Any) -> TaskRow:
    known = True if True in tries else None if None in tries else False
    return TaskRow(task_id=task, repository="a/b", outcome=outcome, tries=tries, any_right=known, **more)


def pool(task: str, *lines: str) -> tuple[StoredPool, tuple[tuple[str, ...], ...]]:
    """A candidate for each try; an empty line is a try that came to nothing."""
    made = [
        StoredCandidate(id=f"c{at}", patch=diff(line), trajectory_id=f"t{at}") for at, line in enumerate(lines) if line
    ]
    units = tuple((f"c{at}",) if line else () for at, line in enumerate(lines))
    return StoredPool(task_id=task, candidates=tuple(made)), units


@pytest.fixture
def results() -> Results:
    """Two right ones of four that the majority finds; one right one that nobody follows; nothing at all; a machine that failed."""
    first, first_tries = pool("t1", "1", "1", "2", "3")
    second, second_tries = pool("t2", "1", "2", "2", "")
    third, third_tries = pool("t3", "", "", "", "")
    fourth, fourth_tries = pool("t4", "", "", "", "")
    spent = Usage(calls=2, input_tokens=100, cached_tokens=50, output_tokens=10, usd=0.5)
    return Results(
        name="ours",
        source="ours",
        tasks=(
            row("t1", "resolved", (True, True, False, False), usage=spent, seconds=10.0),
            row("t2", "unresolved", (True, False, False, False), usage=spent, seconds=30.0),
            row("t3", "no_patch", (False, False, False, False), usage=spent, seconds=20.0),
            row("t4", "infra", (False, False, False, False), failures=3, lost=1),
        ),
        pools=(first, second, third, fourth),
        right={
            "t1": {"c0": True, "c1": True, "c2": False, "c3": False},
            "t2": {"c0": True, "c1": False, "c2": False},
        },
        tried={"t1": first_tries, "t2": second_tries, "t3": third_tries, "t4": fourth_tries},
        policy="majority",
    )


def test_every_task_counts(results: Results) -> None:
    numbers = measure([results], resamples=200).systems[0]
    assert (numbers.tasks, numbers.delivered.value, numbers.at_most) == (4, 0.25, 0.5)
    assert numbers.coverage is not None and numbers.coverage.value == 0.5
    shares = {at.k: at.share.value for at in numbers.pass_at}
    # The first task has two right ones of four tries, the second one of four.
    assert shares == {1: pytest.approx((0.5 + 0.25) / 4), 2: pytest.approx((5 / 6 + 0.5) / 4), 4: pytest.approx(2 / 4)}
    assert numbers.infra_failures == 3 and numbers.lost_tries == 1


def test_policies_choose_again_over_all_tasks(results: Results) -> None:
    numbers = measure([results], resamples=200).systems[0]
    found = numbers.policies
    assert found is not None and found.rows[0].policy == "majority"
    delivered = {one.policy: one.delivered.value for one in found.rows}
    assert delivered["majority"] == 0.25, (
        "it finds t1, follows the two wrong ones in t2, and the other two count as well"
    )
    assert delivered["first"] == 0.5
    assert (found.tasks, found.oracle, found.random) == (4, 0.5, pytest.approx(0.75 / 4))
    assert {one.policy: one.abstained for one in found.rows}["majority"] == 0.5
    ones = numbers.best_at[0]
    # With one try nothing is to choose: every policy delivers what a try by lot does, up to the draws of subsets.
    assert {round(one.delivered.value or 0, 6) for one in ones.comparison.rows} == {round(ones.comparison.oracle, 6)}
    assert ones.comparison.random == pytest.approx(0.75 / 4)


def test_costs(results: Results) -> None:
    cost = measure([results], resamples=10).systems[0].cost
    assert cost is not None
    assert (cost.usd, cost.usd_per_task, cost.usd_per_resolved) == (1.5, 0.375, 1.5)
    assert (cost.calls, cost.seconds, cost.seconds_median) == (6, 60.0, 20.0)
    unknown = results.tasks[0].model_copy(update={"usage": Usage(usd=None)})
    results = results.model_copy(update={"tasks": (unknown, *results.tasks[1:])})
    cost = measure([results], resamples=10).systems[0].cost
    assert cost is not None and cost.usd is None and cost.usd_per_task is None, "unknown is not zero"


def test_what_the_grader_cannot_say_is_neither_right_nor_left_out(results: Results) -> None:
    doubtful = row("t1", "unknown", (None, None, False, False))
    results = results.model_copy(update={"tasks": (doubtful, *results.tasks[1:])})
    numbers = measure([results], resamples=10).systems[0]
    assert (numbers.delivered.value, numbers.at_most) == (0.0, 0.5)
    assert numbers.pass_at[0].share.value == pytest.approx(0.25 / 4)


def test_without_grades_there_is_no_share(results: Results) -> None:
    rows = tuple(one.model_copy(update={"outcome": "not_graded", "tries": None}) for one in results.tasks)
    numbers = measure([Results(name="x", source="x", tasks=rows)], resamples=10).systems[0]
    assert not numbers.graded and numbers.delivered.value is None and numbers.coverage is None and not numbers.pass_at
    assert "not graded 4" in page(measure([Results(name="x", source="x", tasks=rows)], resamples=10))


def test_systems_are_compared_on_the_tasks_that_both_have(results: Results) -> None:
    rows = [
        TaskRow(task_id=task, repository="a/b", outcome="resolved" if good else "unresolved")
        for task, good in {"t1": False, "t2": True, "t3": True, "t9": True}.items()
    ]
    report = measure([results, Results(name="theirs", source="theirs", tasks=tuple(rows))], resamples=200)
    pair = report.pairs[0]
    assert (pair.paired.tasks, pair.only_in_first, pair.only_in_second) == (3, 1, 1)
    assert (pair.paired.only_first, pair.paired.only_second, pair.paired.p_value) == (1, 2, 1.0)
    text = page(report)
    assert "**theirs against ours**, on the 3 tasks that both have (2 that only one has are left out): +33.3 (" in text
    for svg in pictures(report).values():
        raster = png(svg)
        assert raster is None or raster.startswith(b"\x89PNG")
    assert set(pictures(report)) == {"resolved", "best-at-1"}


SUMMARY = {
    "total_instances": 5,
    "submitted_ids": ["o__r-1", "o__r-2", "o__r-3", "p__q-4"],
    "completed_ids": ["o__r-1", "o__r-2"],
    "resolved_ids": ["o__r-1"],
    "unresolved_ids": ["o__r-2", "p__q-4"],
    "infra_failure_ids": ["p__q-4"],
    "empty_patch_ids": ["o__r-3"],
    "error_ids": [],
    "incomplete_ids": ["p__q-5"],
    "schema_version": 2,
}


def test_official_summaries_are_read(tmp_path: Path) -> None:
    path = tmp_path / "system.run.json"
    path.write_text(json.dumps(SUMMARY))
    results = read_results(path)
    assert {one.task_id: one.outcome for one in results.tasks} == {
        "o__r-1": "resolved",
        "o__r-2": "unresolved",
        "o__r-3": "no_patch",
        "p__q-4": "infra",
        "p__q-5": "not_run",
    }
    numbers = make_report([path]).systems[0]
    assert (numbers.name, numbers.delivered.value, numbers.at_most) == ("system.run", 0.2, 0.6)
    assert [(one.repository, one.tasks, one.resolved) for one in numbers.repositories] == [("o/r", 3, 1), ("p/q", 2, 0)]


def test_official_reports_by_task_are_read(tmp_path: Path) -> None:
    reports = {
        "o__r-1": {"patch_is_None": False, "patch_exists": True, "patch_successfully_applied": True, "resolved": True},
        "o__r-2": {
            "patch_is_None": False,
            "patch_exists": True,
            "patch_successfully_applied": False,
            "resolved": False,
        },
        "o__r-3": {"patch_is_None": True, "patch_exists": False, "resolved": False},
        "o__r-4": {"patch_exists": True, "patch_successfully_applied": True, "resolved": False, "infra_failure": True},
    }
    for task, report in reports.items():
        (tmp_path / "logs" / task).mkdir(parents=True)
        (tmp_path / "logs" / task / "report.json").write_text(json.dumps({task: report}))
    outcomes = {one.task_id: one.outcome for one in read_results(tmp_path / "logs").tasks}
    assert outcomes == {"o__r-1": "resolved", "o__r-2": "not_applied", "o__r-3": "no_patch", "o__r-4": "infra"}
    whole = tmp_path / "all.json"
    whole.write_text(json.dumps(reports))
    assert {one.task_id: one.outcome for one in read_results(whole).tasks} == outcomes


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"resolved_ids": []}', '{"x": {"y": 1}}'])
def test_what_is_no_result_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(BatchUnusable):
        make_report([path])


def test_one_result_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "system.json"
    path.write_text(json.dumps(SUMMARY))
    with pytest.raises(SettingsError, match="twice"):
        make_report([path, path])


def test_the_command(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(json.dumps(SUMMARY))
    done = subprocess.run(
        [
            Path(sys.executable).with_name("winnow"),
            "eval",
            "report",
            "one.json",
            "two.json",
            "-o",
            "out",
            "--resamples",
            "50",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| one | 5 | 1 | 20.0% (3.6% to 62.4%) |" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"report.md", "report.json", "resolved.svg"}
    assert json.loads((tmp_path / "out/report.json").read_text())["pairs"][0]["paired"]["p_value"] == 1.0
    missing = subprocess.run(
        [Path(sys.executable).with_name("winnow"), "eval", "report", "absent", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert missing.returncode == 60 and json.loads(missing.stdout)["error"]["kind"] == "BatchUnusable"


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_lines_that_say_what_happened(terminal: bool) -> None:
    out = io.StringIO()
    with BatchProgress(Console(file=out, force_terminal=terminal, width=100)) as progress:
        progress("batch", {"dir": "/b", "tasks": 3, "known": 1})
        progress("start", {"key": "solve/t1"})
        progress("retry", {"task": "t1", "reason": "the machine went away"})
        progress("ended", {"task": "t1", "ended": "no_patch", "reason": "nothing was found"})
        progress("graded", {"task": "t2", "status": "resolved", "chosen": True})
        progress("graded", {"task": "t2", "status": "not_applied", "chosen": False})
    text = out.getvalue()
    for line in (
        "batch of 3 tasks in /b, 1 of them known from before",
        "t1: trying again: the machine went away",
        "t1: no patch: nothing was found",
        "t2: graded: resolved",
        "t2: another candidate graded: not applied",
    ):
        assert line in text

"""Predictions in, reports out."""

import json
from pathlib import Path

import pytest

from envs.errors import DatasetUnusable
from envs.grading.grader import Graded
from envs.grading.official import failure, folder_of, report, summary, thinned, write_task
from envs.grading.predictions import Prediction, read_predictions, write_predictions
from envs.grading.values import Grade, Status
from envs.values import Patch

ROWS = [
    {"instance_id": "a", "model_name_or_path": "me/v1", "model_patch": "diff\n"},
    {"instance_id": "b", "model_name_or_path": "me/v1", "model_patch": None},
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", json.dumps(ROWS)),
        ("p.json", json.dumps({row["instance_id"]: row for row in ROWS})),
        ("p.jsonl", "\n".join(map(json.dumps, ROWS))),
    ],
)
def test_all_forms_are_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    first, second = read_predictions(tmp_path / name)
    assert (first.task_id, first.system, first.patch.diff) == ("a", "me/v1", "diff\n")
    assert second.patch.is_empty


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    given = (
        Prediction(task_id="a", system="me", patch=Patch(diff="x")),
        Prediction(task_id="b", system="me", patch=Patch(diff="")),
    )
    for path in write_predictions(tmp_path / "new", given):
        read = read_predictions(path)
        assert [(one.task_id, one.system, one.patch.diff) for one in read] == [("a", "me", "x\n"), ("b", "me", "")]


def test_the_official_harness_reads_what_was_written(tmp_path: Path) -> None:
    harness = pytest.importorskip("swebench.harness.utils")
    given = [Prediction(task_id=name, system="me", patch=Patch(diff=f"of {name}")) for name in ("a", "b")]
    for path in write_predictions(tmp_path, given):
        read = harness.get_predictions_from_file(str(path), "none", "test")
        assert [(one["instance_id"], one["model_name_or_path"], one["model_patch"]) for one in read] == [
            ("a", "me", "of a\n"),
            ("b", "me", "of b\n"),
        ]


def test_bad_predictions_are_named(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    for rows, said in (
        ([ROWS[0], ROWS[0]], "p.jsonl:2: there are two"),
        ([{"x": 1}], "names no task"),
        ([{**ROWS[0], "model_patch": 3}], "no text"),
    ):
        path.write_text("\n".join(map(json.dumps, rows)))
        with pytest.raises(DatasetUnusable, match=said):
            read_predictions(path)


def graded(task: str, status: Status, *, log: str = "", code: int | None = 1) -> Graded:
    return Graded(grade=Grade(task_id=task, status=status, reason="-"), log=log, exit_code=code)


def test_the_summary_counts_everybody_once_and_infra_besides() -> None:
    found = {
        "r": graded("r", "resolved", code=0),
        "u": graded("u", "unresolved", log="ModuleNotFoundError"),
        "e": graded("e", "empty"),
        "n": graded("n", "not_applied"),
        "k": graded("k", "unknown", code=None),
        "i": graded("i", "infra"),
    }
    said = summary([*found, "absent"], found, [*found, "stranger"])
    assert said["total_instances"] == 7
    assert said["submitted_ids"] == sorted([*found, "stranger"])
    assert (said["resolved_ids"], said["unresolved_ids"], said["empty_patch_ids"]) == (["r"], ["u"], ["e"])
    assert (said["error_ids"], said["incomplete_ids"], said["completed_ids"]) == (
        ["i", "k", "n"],
        ["absent"],
        ["r", "u"],
    )
    assert (said["infra_failure_ids"], said["ambiguous_failure_ids"]) == (["i"], ["k", "u"])
    assert said["schema_version"] == 2


def test_logs_are_where_the_harness_has_them(tmp_path: Path) -> None:
    prediction = Prediction(task_id="a", system="me/v1", patch=Patch(diff="x"))
    folder = folder_of(tmp_path, "run", prediction)
    assert folder == tmp_path / "logs/run_evaluation/run/me__v1/a"
    right = graded("a", "resolved", log="PASSED", code=0)
    write_task(folder, prediction, right, "#!/bin/bash", 60)
    assert json.loads((folder / "report.json").read_text()) == {"a": report(right)}
    assert (folder / "patch.diff").read_text() == "x\n"
    assert ">>>>> Start Test Output" in (folder / "test_output.txt").read_text()
    write_task(folder, prediction, graded("a", "unknown", code=None), "", 60)  # no verdict: no report is left
    assert not (folder / "report.json").exists()
    assert "Timeout error: 60 seconds" in (folder / "test_output.txt").read_text()


@pytest.mark.parametrize("log", ["a\nKilled\nb", "x\nE  ModuleNotFoundError: no\n", "== no tests ran in 1s ==", "fine"])
def test_without_its_log_a_failure_has_the_same_reason(log: str) -> None:
    graded = Graded(
        grade=Grade(task_id="a", status="unresolved", reason="."), log=f"{'long ' * 99}\n{log}", exit_code=1
    )
    assert failure(thinned(graded)) == failure(graded)
    assert len(thinned(graded).log) < 40


def test_names_of_systems_can_be_written_down(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(
        json.dumps({"instance_id": "a", "model_name_or_path": "x\ud800", "model_patch": "d"})
    )
    assert read_predictions(tmp_path / "p.jsonl")[0].system == "x\\ud800"

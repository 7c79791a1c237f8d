"""Grades in the forms of the `swebench` package, version 5: logs and a report for each task, and a summary for each system."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from envs.disk import room_for
from envs.grading.grader import Graded
from envs.grading.predictions import Prediction, official_form
from envs.grading.script import END, EXIT, START

_FAILURES: tuple[tuple[str, bool, str], ...] = (
    ("display_unavailable", True, r"cannot open display|Missing X server|unable to open X display"),
    ("out_of_memory", True, r"Cannot allocate memory|MemoryError: Unable to allocate|^Killed$"),
    ("network_unreachable", True, r"Could not resolve host|Temporary failure in name resolution|Network is unreachable"),
    ("missing_module", False, r"ModuleNotFoundError|Cannot find module"),
    ("no_tests_collected", False, r"no tests ran|collected 0 items"),
    ("tests_timed_out", False, r"Timeout error: \d+ seconds exceeded"),
)  # fmt: skip
"""Name, whether only the environment can be at fault, and what shows it in a log."""
RUNS = Path("logs/run_evaluation")


def folder_of(top: Path, run_id: str, prediction: Prediction) -> Path:
    """Return the folder of one task's logs."""
    return top / RUNS / run_id / _file_name(prediction.system) / prediction.task_id


def write_task(folder: Path, prediction: Prediction, graded: Graded, script: str, timeout_s: float) -> None:
    """Write what the official harness leaves for one task.

    The report is the last file: where it is, the others are. A task without a verdict has none, as there.

    Raises:
        DiskFull: no room.
    """
    grade = graded.grade
    report_file = folder / "report.json"
    with room_for("the logs"):
        folder.mkdir(parents=True, exist_ok=True)
        report_file.unlink(missing_ok=True)
        _write(folder / "patch.diff", official_form(prediction)["model_patch"])
        _write(folder / "eval.sh", script)
        _write(folder / "run_instance.log", f"{graded.steps}\n{grade.status}: {grade.reason}\n")
        if grade.status in ("resolved", "unresolved", "unknown"):
            ended = f"{EXIT}: {graded.exit_code}\n"
            if graded.exit_code is None:
                ended = f"\n\nTimeout error: {timeout_s:.0f} seconds exceeded."
            _write(folder / "test_output.txt", f"+ : '{START}'\n{graded.log}\n+ : '{END}'\n{ended}")
        _write(folder / "grade.json", grade.model_dump_json(indent=1))
        if grade.status in ("resolved", "unresolved") or (grade.status == "unknown" and graded.exit_code is not None):
            _write(report_file, json.dumps({prediction.task_id: report(graded)}, indent=4))


def report(graded: Graded) -> dict[str, Any]:
    """Return the official report of one task."""
    grade = graded.grade
    reason, environment = failure(graded) if grade.status == "unknown" else ("", False)
    found: dict[str, Any] = {
        "patch_is_None": False,
        "patch_exists": True,
        "patch_successfully_applied": grade.status in ("resolved", "unresolved"),
        "resolved": grade.resolved,
        "infra_failure": environment,
    }
    if reason:
        found["infra_failure_reason"] = reason
    if grade.tests:
        nothing: dict[str, tuple[str, ...]] = {"success": (), "failure": ()}
        kinds = ("FAIL_TO_PASS", "PASS_TO_PASS", "FAIL_TO_FAIL", "PASS_TO_FAIL")
        found["tests_status"] = {kind: dict(grade.tests.get(kind, nothing)) for kind in kinds}
    return found


def failure(graded: Graded) -> tuple[str, bool]:
    """Return why a task that is not resolved may have failed for reasons of the environment, and whether nothing else explains it."""
    if graded.grade.status == "infra":
        return "container_unavailable", True
    text = f"{graded.log}\n{graded.steps}\n"
    if graded.grade.status == "unknown" and graded.exit_code is None:
        text += "Timeout error: 0 seconds exceeded"
    for name, environment, pattern in _FAILURES:
        if re.search(pattern, text, re.MULTILINE):
            return name, environment
    return "", False


def thinned(graded: Graded) -> Graded:
    """The same with nothing of its texts but what `failure` looks for: nobody can hold the logs of a whole dataset."""
    found = [
        match[0] for _, _, pattern in _FAILURES for text in (graded.log, graded.steps)
        if (match := re.search(pattern, text, re.MULTILINE))
    ]  # fmt: skip
    return graded.model_copy(update={"log": "\n".join(found), "steps": ""})


def summary(tasks: Sequence[str], grades: Mapping[str, Graded], submitted: Sequence[str]) -> dict[str, Any]:
    """Return the official summary of one system.

    What failed for reasons of the environment is listed besides: it stays among the unresolved and the errors, so that the
    denominator never moves.

    Args:
        tasks: of the dataset, as far as they were wanted.
        grades: by task id.
        submitted: every task that the system has a prediction for, also those that are not in the dataset.
    """
    ids: dict[str, list[str]] = {
        name: []
        for name in (
            "completed",
            "incomplete",
            "empty_patch",
            "resolved",
            "unresolved",
            "infra_failure",
            "ambiguous_failure",
            "error",
        )
    }
    reasons: dict[str, str] = {}
    for task in sorted(tasks):
        graded = grades.get(task)
        if graded is None:
            ids["incomplete"].append(task)
            continue
        status = graded.grade.status
        if status == "empty":
            ids["empty_patch"].append(task)
            continue
        done = status in ("resolved", "unresolved") or (status == "unknown" and graded.exit_code is not None)
        if done:
            ids["completed"].append(task)
        ids["resolved" if graded.grade.resolved else "unresolved" if done else "error"].append(task)
        name, environment = ("", False) if graded.grade.resolved else failure(graded)
        if name:
            reasons[task] = name
            ids["infra_failure" if environment else "ambiguous_failure"].append(task)
    counts = {f"{name}_instances": len(ids[name]) for name in ids if name != "incomplete"}
    listed = {f"{name}_ids": found for name, found in ids.items()}
    return {
        "total_instances": len(tasks),
        "submitted_instances": len(submitted),
        **counts,
        "submitted_ids": sorted(submitted),
        **listed,
        "failure_reasons": reasons,
        "schema_version": 2,
        "unstopped_instances": 0,
        "unstopped_containers": [],
        "unremoved_images": sorted({g.place.image for g in grades.values() if g.place and g.place.kind == "built"}),
    }


def write_summary(top: Path, system: str, run_id: str, value: Mapping[str, Any]) -> Path:
    """Write a summary and return its path.

    Raises:
        DiskFull: no room.
    """
    path = top / f"{_file_name(system)}.{run_id}.json"
    with room_for("the summary"):
        top.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(value, indent=4) + "\n")
    return path


def write_run(top: Path, run_id: str, dataset: str, split: str) -> None:
    """Say what a run was graded against, for grading its logs again.

    Raises:
        DiskFull: no room.
    """
    path = top / RUNS / run_id / "run.json"
    created = datetime.now(UTC).isoformat(timespec="seconds")
    with room_for("the logs"):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(
            path,
            json.dumps({"dataset": dataset, "split": split, "task_repo": None, "created_at": created}, indent=2) + "\n",
        )


def _file_name(system: str) -> str:
    """The official spelling; what would leave the folder is no name."""
    name = system.replace("/", "__")
    return name if name not in ("", ".", "..") else f"_{name}"


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(text.encode("utf-8", "surrogatepass"))
    draft.replace(path)

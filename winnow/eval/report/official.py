"""Results of any system in the official forms: a summary, or reports per task."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from winnow.errors import BatchUnusable
from winnow.eval.report.batches import repository_of
from winnow.eval.report.values import Outcome, Results, TaskRow

_LISTS: tuple[tuple[str, Outcome], ...] = (
    ("submitted_ids", "not_graded"),
    ("incomplete_ids", "not_run"),
    ("completed_ids", "unresolved"),
    ("unresolved_ids", "unresolved"),
    ("empty_patch_ids", "no_patch"),
    ("error_ids", "unknown"),
    ("ambiguous_failure_ids", "unknown"),
    ("infra_failure_ids", "infra"),
    ("resolved_ids", "resolved"),
)
"""Lists of a summary and what they say of a task; a later one says more than an earlier one."""
_HINT = "Wanted is a batch's folder, a summary with `resolved_ids`, or reports by task with `resolved`."


def read_official(path: Path) -> Results:
    """Read a summary file, a file of reports, or a folder that holds files called report.json at any depth.

    Raises:
        BatchUnusable: it is none of these.
    """
    if path.is_dir():
        reports: dict[str, Any] = {}
        for file in sorted(path.rglob("report.json")):
            reports |= _mapping(file)
        return _results(path, _by_report(reports))
    value = _mapping(path)
    if "resolved_ids" in value:
        return _results(path, _by_summary(value))
    return _results(path, _by_report(value))


def _mapping(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BatchUnusable(f"{file} cannot be read: {error}", hint=_HINT) from error
    if not isinstance(value, dict):
        raise BatchUnusable(f"{file} is no report", hint=_HINT)
    return value


def _by_summary(value: Mapping[str, Any]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for name, outcome in _LISTS:
        listed = value.get(name) or ()
        outcomes |= {str(task): outcome for task in (listed if isinstance(listed, list) else ())}
    return outcomes


def _by_report(value: Mapping[str, Any]) -> dict[str, Outcome]:
    return {
        task: _of_report(report) for task, report in value.items() if isinstance(report, dict) and "resolved" in report
    }


def _of_report(report: Mapping[str, Any]) -> Outcome:
    if report["resolved"] is True:
        return "resolved"
    if report.get("infra_failure"):
        return "infra"
    if report.get("patch_is_None") or report.get("patch_exists") is False:
        return "no_patch"
    return "not_applied" if report.get("patch_successfully_applied") is False else "unresolved"


def _results(path: Path, outcomes: Mapping[str, Outcome]) -> Results:
    if not outcomes:
        raise BatchUnusable(f"{path} holds no results", hint=_HINT)
    return Results(name=_name(path), source=str(path), tasks=tuple(_rows(sorted(outcomes.items()))))


def _rows(outcomes: Iterable[tuple[str, Outcome]]) -> Iterable[TaskRow]:
    for task, outcome in outcomes:
        yield TaskRow(task_id=task, repository=repository_of(task), outcome=outcome)


def _name(path: Path) -> str:
    return path.stem if path.is_file() else path.name

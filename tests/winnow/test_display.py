"""Displays: a bar or a table on a terminal, plain whole lines elsewhere, nothing when quiet."""

import io

import pytest
from rich.console import Console

from envs.grading.values import Grade
from winnow.grade_progress import GradeProgress
from winnow.progress import Progress

GRADE = Grade(task_id="t", status="resolved", reason="All 3 tests pass [really], " + "x" * 100 + ".")


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("quiet", [True, False])
def test_lines_stay_whole_and_quiet_is_quiet(terminal: bool, quiet: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=60, color_system=None)
    with GradeProgress(console, quiet=quiet) as grading:
        grading.begin(1)
        grading.note("Building winnow/task-t.")
        grading.graded("s", GRADE)
    with Progress(console, quiet=quiet) as progress:
        progress("note", {"text": "a [note]"})
        progress("phase", {"name": "judge"})
    text = out.getvalue()
    if quiet:
        assert not text
    else:
        assert GRADE.reason in text and "a [note]" in text and "Building winnow/task-t." in text

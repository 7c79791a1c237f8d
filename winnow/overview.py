"""Runs at a glance, for `winnow runs` and `winnow show`."""

from pathlib import Path
from typing import Literal

from sandbox.values import Value
from winnow.request import Request
from winnow.result import FixResult
from winnow.store import RunDir, Status, Store


class Row(Value):
    """One run."""

    run_id: str
    state: Literal["running", "finished", "failed", "interrupted", "killed"]
    """`killed`: it says that it runs, but no process holds it."""
    result: str
    """Status of the result; empty before there is one."""
    asked: str
    """The issue's title or the named tests."""
    repository: str
    created: str
    detail: str
    """Why it failed, when it did."""
    run_dir: str


def overview(state_dir: Path) -> list[Row]:
    """All runs, oldest first."""
    return [describe_run(run) for run in Store(state_dir).all()]


def describe_run(run: RunDir) -> Row:
    """One run, as far as it came."""
    request = run.load("request.json", Request)
    status = run.load("status.json", Status) or Status(state="running")
    result = run.load("result.json", FixResult)
    killed = status.state == "running" and not run.is_live()
    return Row(
        run_id=run.id,
        state="killed" if killed else status.state,
        result=result.status if result else "",
        asked=_asked(request) if request else "",
        repository=request.repository if request else "",
        created=request.created if request else "",
        detail=status.detail,
        run_dir=str(run.path),
    )


def _asked(request: Request) -> str:
    """What was asked, in a few words."""
    task = request.task
    if task.issue is not None:
        return (task.issue.title or task.issue.body.strip().partition("\n")[0])[:100]
    return ", ".join(task.failing_tests)[:100] or "whatever fails"

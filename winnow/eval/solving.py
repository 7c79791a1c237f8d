"""One task of a batch in a worker: its work tree, its run, and what came of it. Gold cannot come here."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from agent.models.errors import (
    AuthenticationFailed,
    BudgetExhausted,
    ModelError,
    ModelUnavailable,
    PriceUnknown,
)
from agent.values import Brief, ExitReason, Trajectory
from envs.errors import TaskError
from sandbox.errors import SandboxError, WinnowError
from winnow.errors import Interrupted, RunUnusable, SettingsError
from winnow.eval.runs import choice_of, spent, trajectories
from winnow.eval.values import Ended, Site, SolveJob, TaskEnd
from winnow.prepare import BRIEF
from winnow.request import Request, without_secrets
from winnow.result import FixResult
from winnow.settings import Settings, with_secrets
from winnow.solve import RESULT, provider_of, silent, work
from winnow.store import RunDir, Status

CHECKOUT = "checkout"
_SITE = "site.json"
FATAL = (SettingsError, AuthenticationFailed, PriceUnknown, Interrupted)
"""Errors that the other tasks would meet as well, or that are about none: they end the batch."""


def solve(job: SolveJob) -> TaskEnd:
    """Start a task's run, or go on with it; a run that is finished just says its result again.

    Raises:
        Interrupted: the worker was asked to stop; the run can be resumed.
        WinnowError: as `FATAL`, or the endpoint refuses what every task would ask.
    """
    run = RunDir(Path(job.run_dir))
    try:
        run.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _conclude(job, run, _work(job, run))
    except FATAL:
        raise
    except WinnowError as error:
        return _failed(job, run, error)


def _work(job: SolveJob, run: RunDir) -> FixResult:
    """Make the site and walk the run graph."""
    settings = Settings.model_validate(job.settings)
    if not (run.path / RESULT).exists():
        # Every time: another machine than last time may have to make the image.
        site = job.sites.site(job.record, run.path / CHECKOUT)
        run.save(_SITE, site)
        tree = settings.model_dump(mode="json")
        for section, values in site.settings.items():
            tree[section] |= values
        settings = Settings.model_validate(tree)
    request = run.load("request.json", Request)
    if request is None:
        request = Request(
            repository=str(run.path / CHECKOUT),
            task=job.record.task,
            settings=without_secrets(settings),
            version=version("winnow"),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        run.save("request.json", request)
    settings = with_secrets(settings)
    brief = run.load(BRIEF, Brief)
    kind = brief.sandbox if brief else settings.sandbox.kind
    return work(run, request, settings, provider_of(settings, kind), silent)


def _conclude(job: SolveJob, run: RunDir, result: FixResult) -> TaskEnd:
    """A run that came to its end. What only a resume needs is deleted: of 500 tasks it is tens of gigabytes."""
    shutil.rmtree(run.path / CHECKOUT, ignore_errors=True)
    (run.path / "base.tar").unlink(missing_ok=True)
    choice = choice_of(run)
    exits = [trajectory.exit for trajectory in trajectories(run)]
    ended: Ended = "patch" if result.patch else "no_patch"
    if ended == "no_patch" and exits and all(reason is ExitReason.OUT_OF_BUDGET for reason in exits):
        ended = "budget"
    return _end(job, run, ended, result.reason).model_copy(
        update={
            "patch": result.patch,
            "chosen": choice.selection.chosen if choice else None,
            "candidates": result.contest.candidates,
            "seconds": result.seconds,
        }
    )


def _failed(job: SolveJob, run: RunDir, error: WinnowError) -> TaskEnd:
    """A run that could not go on.

    Raises:
        ModelError: the endpoint refuses the model or the request, as it would for every other task.
    """
    ended: Ended
    if isinstance(error, ModelUnavailable) and not error.retryable:
        raise error
    if isinstance(error, (SandboxError, ModelUnavailable, RunUnusable)):
        ended = "infra"
    elif isinstance(error, BudgetExhausted):
        ended = "budget"
    elif isinstance(error, ModelError):
        raise error
    else:
        ended = "unusable" if isinstance(error, TaskError) else "defect"
    reason = f"{type(error).__name__}: {error}"
    return _end(job, run, ended, reason)


def _end(job: SolveJob, run: RunDir, ended: Ended, reason: str) -> TaskEnd:
    tries: Sequence[Trajectory] = trajectories(run)
    brief, site = run.load(BRIEF, Brief), run.load(_SITE, Site)
    status = run.load("status.json", Status)
    lost = (ExitReason.SANDBOX_LOST, ExitReason.MODEL_FAILED)
    cpu = status.cpu_seconds if status else 0.0
    return TaskEnd(
        task_id=job.record.task.id,
        repository=job.record.repository,
        ended=ended,
        reason=reason,
        trajectories=len(tries),
        lost=sum(trajectory.exit in lost for trajectory in tries),
        usage=spent(run).model_copy(update={"cpu_seconds": cpu}),
        seconds=status.seconds if status else 0.0,
        image=(site.image if site else "") or (brief.image.digest if brief else ""),
    )

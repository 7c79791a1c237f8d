"""What happens with the chosen patch: nothing, unless the user said so."""

from pathlib import Path

from pydantic import ValidationError

from envs.delivery import apply_to_work_tree, commit_on_branch, forget_patch, tidy_up, write_patch
from envs.errors import TaskError
from envs.values import Patch
from winnow.errors import DeliveryFailed, RunUnusable
from winnow.request import Request
from winnow.result import FixResult
from winnow.settings import Settings
from winnow.store import RunDir

_NOTE = "apply.json"
"""There from before a work tree is changed until the result says so."""


def under_way(run: RunDir) -> bool:
    """Whether a work tree is being changed, or was when the process was killed."""
    return (run.path / _NOTE).exists()


def tidy(run: RunDir) -> list[str]:
    """Remove temporary files that a delivery which was killed left in the user's folders; nothing when another process works on it."""
    try:
        with run.lock():
            request = run.load("request.json", Request)
            out = Settings.model_validate(request.settings).fix.patch_out if request else None
            return [*tidy_up(run.path / _NOTE), *(forget_patch(out, run.id) if out else [])]
    except (RunUnusable, ValidationError, OSError):
        return []


def deliver(run: RunDir, request: Request, settings: Settings, result: FixResult) -> FixResult:
    """Do what `--apply`, `--branch` and `--patch-out` ask, each once, and keep what was done in the result.

    Raises:
        DeliveryFailed: the tree has changed so that the patch no longer applies, or the branch exists; the patch stays in the run.
    """
    if not result.patch:
        return result
    patch, repository = Patch(diff=result.patch), Path(request.repository)
    kept = run.path / "patch.diff"
    write_patch(kept, patch)
    done = dict(result.delivered)
    try:
        if settings.fix.patch_out is not None and "patch_out" not in done:
            write_patch(settings.fix.patch_out, patch, mark=run.id)
            done["patch_out"] = str(settings.fix.patch_out)
        if settings.fix.branch is not None and "branch" not in done:
            done["commit"] = commit_on_branch(repository, patch, settings.fix.branch, message(request, result))
            done["branch"] = settings.fix.branch
        if settings.fix.apply and "applied" not in done:
            done["applied"] = ", ".join(apply_to_work_tree(repository, patch, note=run.path / _NOTE))
    except TaskError as error:
        raise DeliveryFailed(str(error), hint=f"{error.hint} The patch is kept in {kept}.".strip()) from error
    finally:
        result = result.model_copy(update={"delivered": done})
        run.save("result.json", result)
    (run.path / _NOTE).unlink(missing_ok=True)
    return result


def message(request: Request, result: FixResult) -> str:
    """The message of a delivered commit: what was asked and what is known of the patch."""
    issue = request.task.issue
    title = (issue.title if issue and issue.title else f"Make {result.targets[0]} pass")[:68]
    body = [
        f"Plausible patch by Winnow (run {result.run_id}): {result.summary}".rstrip(": "),
        "",
        result.reason,
        "",
        "Tests that pass with it:",
    ]
    body += [f"  {test}" for test in result.targets[:20]]
    if result.still_failing:
        body += ["", "Tests that failed before and still do:"]
        body += [f"  {test}" for test in result.still_failing[:20]]
    if issue and issue.source.startswith("http"):
        body += ["", f"Issue: {issue.source}"]
    return "\n".join([title, "", *body])

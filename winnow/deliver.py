"""What happens with the chosen patch: nothing, unless the user said so."""

from pathlib import Path

from envs.delivery import apply_to_work_tree, commit_on_branch, write_patch
from envs.errors import TaskError
from envs.values import Patch
from winnow.errors import DeliveryFailed
from winnow.request import Request
from winnow.result import FixResult
from winnow.settings import Settings
from winnow.store import RunDir


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
            write_patch(settings.fix.patch_out, patch)
            done["patch_out"] = str(settings.fix.patch_out)
        if settings.fix.branch is not None and "branch" not in done:
            done["commit"] = commit_on_branch(repository, patch, settings.fix.branch, message(request, result))
            done["branch"] = settings.fix.branch
        if settings.fix.apply and "applied" not in done:
            done["applied"] = ", ".join(apply_to_work_tree(repository, patch))
    except TaskError as error:
        raise DeliveryFailed(str(error), hint=f"{error.hint} The patch is kept in {kept}.".strip()) from error
    finally:
        result = result.model_copy(update={"delivered": done})
        run.save("result.json", result)
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

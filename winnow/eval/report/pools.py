"""A run's candidates with what their selection rested on, so that other policies can choose again."""

from selection.choose import SelectionLog
from selection.evidence import Evidence
from selection.files import LOG
from selection.stored import StoredCandidate, StoredPool
from winnow.eval.runs import diffs_of, trajectories
from winnow.request import Request
from winnow.store import RunDir


def pool_of(run: RunDir, task_id: str) -> StoredPool:
    """Read the pool of a run; one that came to no selection has patches and nothing else, and may be empty."""
    candidates = [candidate for one in trajectories(run) for candidate in one.candidates]
    diffs = diffs_of(run)
    request = run.load("request.json", Request)
    issue = request.task.issue if request else None
    return StoredPool(
        task_id=task_id,
        issue=issue.text if issue else "",
        candidates=tuple(
            StoredCandidate(id=one.id, patch=diffs[one.id], trajectory_id=one.trajectory_id, proposer=one.proposer)
            for one in candidates
        ),
        evidence=_evidence(run, {one.id for one in candidates}),
    )


def _evidence(run: RunDir, names: set[str]) -> Evidence | None:
    """What the selection's log holds; None where it is not about these candidates."""
    log = run.load(LOG, SelectionLog)
    if log is None or {entry.candidate_id for entry in log.evidence.entries} != names:
        return None
    return log.evidence

"""A run's candidates with what their selection rested on, so that other policies can choose again."""

from agent.values import Candidate
from selection.choose import SelectionLog
from selection.evidence import Evidence, entry_of, gate_of
from selection.gate import GateResult
from selection.stored import StoredCandidate, StoredPool
from selection.values import Selection
from winnow.eval.solving import trajectories
from winnow.request import Request
from winnow.store import RunDir, read_lines

_LOG = "selection-log.json"


def pool_of(run: RunDir, task_id: str) -> StoredPool:
    """Read the pool of a run; one that came to no selection has patches and nothing else, and may be empty."""
    candidates = [candidate for one in trajectories(run) for candidate in one.candidates]
    request = run.load("request.json", Request)
    issue = request.task.issue if request else None
    return StoredPool(
        task_id=task_id,
        issue=issue.text if issue else "",
        candidates=tuple(
            StoredCandidate(
                id=candidate.id,
                patch=candidate.patch.diff,
                trajectory_id=candidate.trajectory_id,
                proposer=candidate.proposer,
            )
            for candidate in candidates
        ),
        evidence=_evidence(run, task_id, candidates),
    )


def _evidence(run: RunDir, task_id: str, candidates: list[Candidate]) -> Evidence | None:
    """What the selection's log holds, else what the gate's does; None where neither is about these candidates."""
    names = {candidate.id for candidate in candidates}
    log = run.load(_LOG, SelectionLog)
    if log is not None:
        return log.evidence if {entry.candidate_id for entry in log.evidence.entries} == names else None
    selection = run.load("selection.json", Selection)
    if selection is None:
        return None
    leaders = {cluster.leader for cluster in selection.clusters}
    placed = {member for cluster in selection.clusters for member in cluster.members}
    if not placed <= names:
        return None
    gates = {
        line["leader"]: gate_of(line["leader"], GateResult.model_validate(line["result"]))
        for line in read_lines(run.path / "gate.jsonl")
        if line["leader"] in leaders
    }
    return Evidence(
        task_id=task_id,
        entries=tuple(entry_of(candidate, position=position) for position, candidate in enumerate(candidates)),
        clusters=selection.clusters,
        dropped=selection.dropped,
        gates=tuple(gates.values()),
    )

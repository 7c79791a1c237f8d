"""The search-based repairer as a proposer: one search in one sandbox becomes the candidates of one trajectory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.proposer import Seat
from agent.repair.search import Listener, read_edit, rescored, run_search
from agent.repair.values import RepairEdit, RepairRequest, SearchResult, apply_edit
from agent.values import Candidate, ExitReason, Trajectory, Usage
from envs.workspace import Workspace
from sandbox.errors import SandboxLost

_ENDS = {
    "enough": "as many plausible edits as asked for were found",
    "exhausted": "no edit is left to try",
    "budget": "the budget of edits is spent",
    "cpu": "the limit of CPU time was reached",
    "hopeless": "there is nothing to search",
    "unusable": "the tests could not be collected for the search",
    "error": "the search broke",
    "died": "the search ended without a word",
    "timed_out": "the search took too long",
}


@dataclass
class _Progress:
    """Where a search stands, over all processes that worked on it."""

    edits: list[RepairEdit] = field(default_factory=list)
    tried: int = 0
    next: int = 0
    """Place in the order of candidates from which on nothing is known."""
    passed: set[int] = field(default_factory=set)

    def add(self, edit: RepairEdit) -> None:
        """Keep an edit once: a kill between an edit and the next progress makes the search report it again."""
        if all(edit.index != known.index for known in self.edits):
            self.edits.append(edit)

    @classmethod
    def of(cls, seat: Seat) -> "_Progress":
        """What the journal knows of an earlier, killed search."""
        past = cls()
        for event in seat.journal.past:
            past.tried = max(past.tried, int(event.get("tried", 0)))
            past.next = max(past.next, int(event.get("next", 0)))
            past.passed.update(event.get("passed", ()))
            if event["kind"] == "plausible":
                past.add(RepairEdit.model_validate(event["edit"]))
        return past


class RepairProposer:
    """Template search guided by a failing test: Ochiai localisation, ranked AST edits, evaluation in forked interpreters."""

    name = "repair"

    def __init__(self, *, max_candidates: int, max_plausible: int, cpu_limit_s: float) -> None:
        """Keep the limits.

        Args:
            max_candidates: edits tried at most; a count, so that a seed always gives the same answer.
            max_plausible: plausible edits after which a search ends.
            cpu_limit_s: CPU seconds after which it ends, as a last resort.
        """
        self._max_candidates = max_candidates
        self._max_plausible = max_plausible
        self._cpu_limit_s = cpu_limit_s

    def propose(self, seat: Seat) -> Trajectory:
        """See `agent.proposer.Proposer`; a search that was killed goes on behind the last edit that its journal knows."""
        brief = seat.brief
        if not brief.targets:
            return _ended(seat, ExitReason.GAVE_UP, "no test fails on base")
        if brief.suite.kind == "command":
            return _ended(
                seat, ExitReason.GAVE_UP, "only pytest and unittest suites can be searched, not a command's exit code"
            )
        progress = _Progress.of(seat)
        try:
            with seat.open_workspace() as workspace:
                result = run_search(
                    workspace.box, self._request(seat, workspace, progress), on_event=self._listener(seat, progress)
                )
                candidates = _candidates(seat, workspace, progress.edits)
        except SandboxLost as lost:
            return _ended(seat, ExitReason.SANDBOX_LOST, str(lost))
        return _trajectory(seat, progress, result, candidates)

    def _request(self, seat: Seat, workspace: Workspace, progress: _Progress) -> RepairRequest:
        """The search that is still to do."""
        issue = seat.brief.task.issue
        return RepairRequest(
            workdir=workspace.box.workdir,
            suite=seat.brief.suite,
            failing=seat.brief.targets,
            together=bool(seat.brief.task.failing_tests),
            issue=issue.text if issue else "",
            tests=seat.brief.suite.paths,
            hint="\n".join(filter(None, (seat.brief.cues, issue.text if issue else ""))),
            seed=seat.seed,
            variant=seat.index,
            max_candidates=self._max_candidates,
            max_plausible=self._max_plausible,
            skip=progress.next,
            passed=tuple(sorted(progress.passed)),
            known=tuple(edit.index for edit in progress.edits),
            cpu_s=self._cpu_limit_s,
            timeout_s=10 * self._cpu_limit_s,
        )

    def _listener(self, seat: Seat, progress: _Progress) -> Listener:
        """Journals what a resume needs, and tells the front door."""
        before = progress.tried

        def listen(event: Mapping[str, Any]) -> None:
            kind = event["event"]
            if kind == "plausible":
                edit = read_edit(event)
                seat.journal.append("plausible", edit=edit.model_dump(mode="json"))
                progress.add(edit)
                seat.report("plausible", {"seat": seat.id, "summary": _summary(edit)})
            elif kind == "progress":
                progress.tried = before + _number(event, "tried")
                progress.next = max(progress.next, _number(event, "next"))
                passed = _numbers(event.get("passed"))
                progress.passed.update(passed)
                seat.journal.append("progress", tried=progress.tried, next=progress.next, passed=passed)
                total = min(_number(event, "total"), self._max_candidates)
                shown = {
                    "tried": progress.tried,
                    "total": total,
                    "plausible": len(progress.edits),
                    "cpu_s": _number(event, "cpu_s"),
                }
                seat.report("search", {"seat": seat.id, **shown})
            elif kind == "scores":
                progress.edits = [rescored(edit, event) for edit in progress.edits]
            elif kind in ("baseline", "located"):
                seat.journal.append(kind, **{name: value for name, value in event.items() if name != "event"})

        return listen


def _number(event: Mapping[str, Any], name: str) -> int:
    """A count of an event, 0 when it is none: the engine's output passes through the code that it judges."""
    value = event.get(name)
    return int(value) if isinstance(value, (int, float)) and 0 <= value < 1 << 53 else 0


def _numbers(value: object) -> list[int]:
    """Indices of an event; what is none is left out, for the same reason."""
    return [item for item in value if isinstance(item, int)][:1000] if isinstance(value, list) else []


def _candidates(seat: Seat, workspace: Workspace, edits: Sequence[RepairEdit]) -> tuple[Candidate, ...]:
    """Each edit as the patch that it makes in the work tree, best first; an edit that does not fit its file is none."""
    made: list[Candidate] = []
    ranked = sorted(edits, key=lambda edit: (-len(edit.repairs), -edit.score, edit.index))
    for edit in ranked:
        path = f"{workspace.box.workdir}/{edit.path}"
        try:
            before = workspace.box.read(path)
            workspace.box.write(path, apply_edit(before, edit))
        except (OSError, ValueError):
            continue
        patch = workspace.diff()
        workspace.box.write(path, before)
        made.append(
            Candidate(
                id=f"{seat.id}-e{edit.index}",
                trajectory_id=seat.id,
                patch=patch,
                proposer="repair",
                order=len(made),
                summary=_summary(edit),
                repairs=edit.repairs,
                claims={
                    "operator": edit.operator,
                    "function": edit.function,
                    "line": str(edit.line),
                    "flags": ",".join(edit.flags),
                },
            )
        )
    return tuple(made)


def _summary(edit: RepairEdit) -> str:
    """One edit in words: what kind, and where."""
    what = edit.operator.replace("_", " ").replace("-", " ")
    return f"{what} in {edit.function or 'the module'} ({edit.path}:{edit.line})"


def _trajectory(seat: Seat, progress: _Progress, result: SearchResult, candidates: tuple[Candidate, ...]) -> Trajectory:
    """How the search ended, for the store."""
    detail = _ENDS[result.reason] + (f": {result.detail}" if result.detail else "")
    return Trajectory(
        id=seat.id,
        seed=seat.seed,
        exit=ExitReason.SUBMITTED if candidates else ExitReason.EXHAUSTED,
        detail=f"{progress.tried} edits were tried; {detail}",
        candidates=candidates,
        usage=Usage(cpu_seconds=result.cpu_seconds),
        stats={"tried": float(progress.tried), "tests": float(result.tests)},
    )


def _ended(seat: Seat, reason: ExitReason, detail: str) -> Trajectory:
    """A trajectory that came to nothing."""
    return Trajectory(id=seat.id, seed=seat.seed, exit=reason, detail=detail)

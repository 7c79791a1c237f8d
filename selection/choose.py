"""From evidence to a selection, and again from its log."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sandbox.values import Value
from selection.errors import PoolUnusable
from selection.evidence import Evidence, Verdict
from selection.policies import NoSeparator, Preferences, Separator, decide
from selection.settle import is_settled
from selection.standing import Assessment, assess
from selection.values import Decision, Score, Selection, Separation

GATE, PROBES = "suite", "probes"
"""Names of the verifiers whose word is the outcome of runs."""


DEFAULTS = Preferences()


class SelectionLog(Value):
    """All that a selection rests on: enough to make it again without a sandbox or a model."""

    format: Literal[1] = 1
    evidence: Evidence
    preferences: Preferences = DEFAULTS
    separations: tuple[Separation, ...] = Field(default=())
    """In the order in which they were asked for."""


def choose(
    evidence: Evidence, preferences: Preferences = DEFAULTS, separator: Separator | None = None
) -> tuple[Selection, SelectionLog]:
    """Select, and keep what it takes to select again.

    Raises:
        KeyError: there is no policy of that name.
    """
    recorder = _Recorder(separator or NoSeparator())
    assessment = assess(evidence)
    selection = _selection(assessment, decide(assessment, preferences, recorder))
    log = SelectionLog(evidence=evidence, preferences=preferences, separations=tuple(recorder.kept))
    return selection, log


def replay(log: SelectionLog) -> Selection:
    """Make the selection again: the same values in, the same selection out.

    Raises:
        PoolUnusable: the log lacks an answer that the policy asks for, so it is not the log of a selection that was made.
    """
    return choose(log.evidence, log.preferences, _Answers(log.separations))[0]


class _Recorder:
    """Passes questions on and keeps the answers."""

    def __init__(self, inner: Separator) -> None:
        self._inner = inner
        self.kept: list[Separation] = []

    def separate(self, task_id: str, finalists: tuple[str, ...]) -> Separation:
        self.kept.append(self._inner.separate(task_id, finalists))
        return self.kept[-1]


class _Answers:
    """Answers from a log."""

    def __init__(self, separations: tuple[Separation, ...]) -> None:
        self._left = list(separations)

    def separate(self, task_id: str, finalists: tuple[str, ...]) -> Separation:
        if not self._left or self._left[0].finalists != finalists:
            raise PoolUnusable(
                f"The log of {task_id} does not say which of {', '.join(finalists)} was picked.",
                hint="Select again from the evidence.",
            )
        return self._left.pop(0)


def _selection(assessment: Assessment, decision: Decision) -> Selection:
    evidence = assessment.evidence
    gates = {gate.leader: gate for gate in evidence.gates}
    return Selection(
        verdict=decision.verdict,
        chosen=decision.chosen,
        ranking=decision.ranking,
        clusters=tuple(sorted(evidence.clusters, key=lambda cluster: cluster.leader)),
        dropped=tuple(sorted(evidence.dropped, key=lambda dropped: dropped.candidate_id)),
        scores=(*_executed(assessment), *sorted(evidence.scores, key=lambda s: (s.verifier, s.candidate_id))),
        regressions={
            leader: gate.regressions for leader, gate in sorted(gates.items()) if gate.regressions is not None
        },
        decision=decision,
        settled=_settled(assessment, decision),
        reason=decision.reason,
    )


def _executed(assessment: Assessment) -> list[Score]:
    """The gate's and the probes' words as scores, None where nothing is known."""
    value: Mapping[Verdict, float | None] = {Verdict.PASS: 1.0, Verdict.FAIL: 0.0, Verdict.UNKNOWN: None}
    reasons = {gate.leader: gate.reason for gate in assessment.evidence.gates}
    scores = []
    for leader, standing in assessment.standings.items():
        reason = reasons.get(leader, "not run")
        scores.append(Score(verifier=GATE, candidate_id=leader, value=value[standing.gate], reason=reason))
    for leader, standing in assessment.standings.items():
        known = "no probe tells the changes apart" if standing.support is None else ""
        scores.append(Score(verifier=PROBES, candidate_id=leader, value=standing.support, reason=known))
    return scores


def _settled(assessment: Assessment, decision: Decision) -> bool:
    """Whether another round would be a waste; see `selection.settle`."""
    evidence = assessment.evidence
    agreed = {leader: len(voices) for leader, voices in evidence.voices.items()}
    chosen = agreed.get(decision.chosen) if decision.chosen else None
    fallen = sum(gate.verdict is Verdict.FAIL for gate in evidence.gates)
    return is_settled(
        chosen=chosen,
        votes=tuple(agreed.values()),
        rejected=fallen + len(evidence.dropped) if chosen is None else 0,
        judged_by_targets=any(gate.judged_by_targets for gate in evidence.gates),
    )

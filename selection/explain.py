"""What a reviewer needs to disagree: every fact that a selection rests on, and what other rules would have made of it."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sandbox.values import Value
from selection.choose import SelectionLog, replay
from selection.evidence import Entry, ProbeRecord, Verdict
from selection.policies import POLICIES, NoSeparator, Preferences, decide
from selection.policies.chance import probabilities
from selection.standing import Standing, assess
from selection.values import Selection, Separation
from selection.weights import ProbeWeight


class Fall(Value):
    """A candidate that was out before anything was compared."""

    candidate_id: str
    at: Literal["pool", "suite"]
    """`pool`: it could not be a fix; `suite`: execution rejected it."""
    reason: str


class Alternative(Value):
    """What another policy would have delivered."""

    policy: str
    chosen: str | None
    """None: it would have abstained, or drawn lots."""
    rule: str
    same: bool
    """It would have delivered the same."""


class Explanation(Value):
    """A selection with its grounds; what `selection.json` holds."""

    format: Literal[1] = 1
    task_id: str
    preferences: Preferences
    selection: Selection
    entries: tuple[Entry, ...]
    """Candidates and where they come from, by id."""
    fallen: tuple[Fall, ...]
    standings: tuple[Standing, ...]
    """Best first."""
    probabilities: Mapping[str, float] = Field(default_factory=dict)
    """P(correct) by leader; see `selection.policies.chance`."""
    probes: tuple[ProbeRecord, ...]
    """By id."""
    weights: tuple[ProbeWeight, ...]
    """By probe."""
    matrix: Mapping[str, Mapping[str, Verdict]]
    """By probe, then by leader; repetitions folded."""
    separations: tuple[Separation, ...] = ()
    """What a selection trajectory was asked and came to; one for each time that the policy asked."""
    alternatives: tuple[Alternative, ...]
    """The other policies, without a selection trajectory."""


def explain(log: SelectionLog) -> Explanation:
    """Lay a selection open, from its log alone.

    Raises:
        PoolUnusable: the log is not that of a selection that was made.
    """
    selection = replay(log)
    evidence = log.evidence
    assessment = assess(evidence)
    order = selection.ranking or evidence.leaders
    fallen = [Fall(candidate_id=d.candidate_id, at="pool", reason=d.reason) for d in selection.dropped]
    rejected = (gate for gate in evidence.gates if gate.verdict is Verdict.FAIL)
    fallen += [
        Fall(candidate_id=g.leader, at="suite", reason=g.reason) for g in sorted(rejected, key=lambda g: g.leader)
    ]
    alternatives = []
    for policy in POLICIES:
        if policy != log.preferences.policy:
            other = decide(assessment, log.preferences.model_copy(update={"policy": policy}), NoSeparator())
            same = other.chosen == selection.chosen and other.verdict == selection.verdict
            alternatives.append(Alternative(policy=policy, chosen=other.chosen, rule=other.rule, same=same))
    return Explanation(
        task_id=evidence.task_id,
        preferences=log.preferences,
        selection=selection,
        entries=tuple(sorted(evidence.entries, key=lambda entry: entry.candidate_id)),
        fallen=tuple(fallen),
        standings=tuple(assessment.standings[leader] for leader in order),
        probabilities=probabilities(assessment),
        probes=tuple(sorted(evidence.probes, key=lambda probe: probe.id)),
        weights=assessment.weights,
        matrix=assessment.table.verdicts,
        separations=log.separations,
        alternatives=tuple(alternatives),
    )

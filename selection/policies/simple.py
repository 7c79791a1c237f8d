"""Baselines that look at one thing."""

from selection.policies.answers import lexicographic
from selection.policies.port import Preferences, Separator
from selection.policies.stages import Stage
from selection.standing import Assessment
from selection.values import Decision

_LENGTH = Stage("length", lambda s: -float(s.length))


def majority(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """The change that most candidates make, however many of them one system made; then the shortest."""
    del preferences, separator
    return lexicographic("majority", assessment, (Stage("majority", lambda s: float(s.copies)), _LENGTH))


def shortest(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """The shortest diff."""
    del preferences, separator
    return lexicographic("shortest", assessment, (_LENGTH,))


def first(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """The change that came first."""
    del preferences, separator
    return lexicographic("first", assessment, (Stage("order", lambda s: -float(s.position)),))


def random(assessment: Assessment, preferences: Preferences, separator: Separator) -> Decision:
    """Any candidate, dropped ones too, with equal chance: no draw is made, its expected value is what counts."""
    del preferences, separator
    names = sorted(entry.candidate_id for entry in assessment.evidence.entries)
    return Decision(
        policy="random",
        verdict="chosen",
        chosen=names[0] if len(names) == 1 else None,
        shares=dict.fromkeys(names, 1 / len(names)),
        ranking=assessment.evidence.leaders,
        rule="lot",
        reason=f"one of {len(names)} candidates by lot",
    )

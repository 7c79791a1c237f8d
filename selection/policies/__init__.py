"""Rules that choose, by name. The oracle is not among them: it needs labels, and lives with the reports."""

from collections.abc import Mapping

from selection.policies.answers import nothing
from selection.policies.default import default
from selection.policies.fusion import fusion
from selection.policies.port import NoSeparator, Policy, Preferences, Separator
from selection.policies.published import agentless, codemonkeys, r2egym
from selection.policies.simple import first, majority, random, shortest
from selection.standing import Assessment
from selection.values import Decision

__all__ = ["POLICIES", "NoSeparator", "Policy", "Preferences", "Separator", "decide"]

POLICIES: Mapping[str, Policy] = {
    "default": default,
    "fusion": fusion,
    "codemonkeys": codemonkeys,
    "agentless": agentless,
    "r2egym": r2egym,
    "majority": majority,
    "shortest": shortest,
    "first": first,
    "random": random,
}


def decide(assessment: Assessment, preferences: Preferences, separator: Separator | None = None) -> Decision:
    """Let the named policy decide. With no change to choose from, every policy abstains.

    Raises:
        KeyError: there is no policy of that name.
    """
    policy = POLICIES[preferences.policy]
    if not assessment.standings:
        return nothing(preferences.policy, len(assessment.evidence.dropped))
    return policy(assessment, preferences, separator or NoSeparator())

"""When a choice is not worth delivering."""

from selection.evidence import Verdict
from selection.policies.answers import abstain
from selection.policies.chance import probabilities
from selection.policies.port import Preferences
from selection.standing import Assessment
from selection.values import Decision


def weigh_risk(decision: Decision, assessment: Assessment, preferences: Preferences) -> Decision:
    """Turn a choice into an abstention where it fell at the gate, or is likelier wrong than the user's price allows."""
    best = decision.ranking[0]
    probability = probabilities(assessment)[best]
    decision = decision.model_copy(update={"probability": probability})
    if assessment.standings[best].gate is Verdict.FAIL:
        return abstain(decision, "gate", f"every change fell at the gate; {best} came nearest")
    bar = fair_price(preferences.price_of_wrong)
    if probability < bar:
        why = f"{best} leads, but is right with a chance of {probability:.0%}, and {bar:.0%} are asked for"
        return abstain(decision, "price of wrong", why)
    return decision


def fair_price(price_of_wrong: float) -> float:
    """The least P(correct) at which delivering is worth its risk; see `Preferences.price_of_wrong`."""
    return price_of_wrong / (1 + price_of_wrong)

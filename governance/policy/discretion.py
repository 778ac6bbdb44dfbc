"""What a decision has on record, for whoever may not see what the identity holds. See `Verdict.discreet`."""

from copy import copy

from governance.policy.models import PolicyDecision
from governance.policy.risk import discreet as discreet_risk
from governance.policy.verdicts import apart


def discreet(decision: PolicyDecision) -> PolicyDecision:
    """A copy to be shown: separation by its rules alone, risk without what the identity holds besides."""
    separation, shown = decision.facts["separation"], copy(decision)
    telling = {*separation["reasons"], *separation.get("mitigations", ())}
    shown.reasons = [
        {**said, "text": apart(said["rule"])} if said["text"] in telling else said for said in decision.reasons
    ]
    shown.facts = {**decision.facts, "risk": discreet_risk(decision.risk)} if decision.risk else decision.facts
    return shown

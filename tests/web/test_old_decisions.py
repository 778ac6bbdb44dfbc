"""Decisions of earlier versions know neither modes nor risk, and are still shown."""

from datetime import timedelta

from governance.policy.models import PolicyDecision
from governance.web import present

OLD = PolicyDecision(
    allowed=False,
    cap=timedelta(days=1),
    steps=[],
    facts={"assurance": 1},
    reasons=[{"rule": "POL-01", "version": 2, "outcome": "deny", "text": "No."}],
)


class TestPolicy:
    def test_shows_what_an_old_decision_says(self) -> None:
        shown = present.policy(OLD)
        assert (shown.words, shown.risk) == ("Denied", None)
        (reason,) = shown.reasons
        assert (reason.text, reason.rule, reason.version, reason.tone, reason.mode) == ("No.", "POL-01", 2, "bad", "")

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.policy.facts import EXAMPLE
from governance.policy.rules import evaluate
from tests.policy.samples import facts, rule

ALLOW = (rule("POL-01", allow_without_human=True),)
PAST = EXAMPLE.now - timedelta(seconds=1)


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"identity__status": "expected"}, "agent-invoice-reader is expected; only an active identity"),
            ({"identity__status": "on_leave"}, "agent-invoice-reader is on leave; only an active identity"),
            ({"identity__status": "ended"}, "agent-invoice-reader is ended; only an active identity"),
            ({"identity__owned": False}, "agent-invoice-reader has no active owner"),
            (
                {"identity__owned": False, "identity__kind": "external", "entitlement__allowed_kinds": ("external",)},
                "agent-invoice-reader has no active sponsor",
            ),
            ({"purpose__state": "approved"}, "Purpose P-0164 is approved; access rests on an active purpose"),
            ({"purpose__state": "retiring"}, "Purpose P-0164 is retiring; access rests on an active purpose"),
            ({"purpose__justifies": False}, "Purpose P-0164 does not justify Match invoices to orders"),
            ({"entitlement__state": "retired"}, "Match invoices to orders is retired"),
            ({"system__state": "retired"}, "Ledger is retired"),
            ({"entitlement__allowed_kinds": ("person",)}, "not open to this kind of identity: AI agent"),
            ({"entitlement__allowed_kinds": ()}, "not open to this kind of identity: AI agent"),
            ({"request__term": timedelta()}, "A lease has a length"),
            ({"request__term": timedelta(seconds=-1)}, "A lease has a length"),
            ({"entitlement__longest_lease": timedelta()}, "have to end before it starts"),
        ],
    )
    def test_refuse_whatever_the_rules_allow(self, changes: dict[str, Any], words: str) -> None:
        assert evaluate(ALLOW, EXAMPLE).allowed
        verdict = evaluate(ALLOW, facts(**changes))
        assert not verdict.allowed
        assert [words in reason.text for reason in verdict.denials] == [True]
        assert all(reason.built_in for reason in verdict.denials)

    def test_do_not_ask_a_person_for_an_owner(self) -> None:
        assert evaluate(ALLOW, facts(identity__kind="person", identity__owned=False)).allowed

    @pytest.mark.parametrize(
        "end", ["identity__ends_at", "identity__owned_until", "purpose__ends_at", "purpose__review_at"]
    )
    @pytest.mark.parametrize("moment", [PAST, EXAMPLE.now])
    def test_refuse_a_lease_after_any_end(self, end: str, moment: datetime) -> None:
        verdict = evaluate(ALLOW, facts(**{end: moment}))
        assert [reason.text for reason in verdict.denials] == ["The lease would have to end before it starts."]
        assert verdict.latest_end == moment

    def test_refuse_a_purpose_without_end_and_review(self) -> None:
        verdict = evaluate(ALLOW, facts(purpose__ends_at=None, purpose__review_at=None, identity__ends_at=None))
        assert [reason.text for reason in verdict.denials] == ["Purpose P-0164 has neither an end nor a review date."]


class TestLimits:
    END = datetime(2026, 11, 30, 18, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("identity__ends_at", "agent-invoice-reader ends on 30 Nov 2026."),
            ("identity__owned_until", "The ownership of agent-invoice-reader ends on 30 Nov 2026."),
            ("purpose__ends_at", "The purpose ends on 30 Nov 2026."),
            ("purpose__review_at", "No lease outlasts the review of the purpose on 30 Nov 2026."),
        ],
    )
    def test_each_end_limits_the_lease_and_says_so(self, name: str, words: str) -> None:
        verdict = evaluate(ALLOW, facts(**{name: self.END}))
        assert verdict.allowed
        assert verdict.latest_end == verdict.ends_by == self.END
        assert verdict.binding.text == words

    def test_the_sponsorship_of_an_external_is_called_so(self) -> None:
        external = facts(
            identity__kind="external", identity__owned_until=self.END, entitlement__allowed_kinds=("external",)
        )
        assert evaluate(ALLOW, external).binding.text == "The sponsorship of agent-invoice-reader ends on 30 Nov 2026."

    def test_the_longest_lease_counts_from_the_start(self) -> None:
        verdict = evaluate(ALLOW, facts(entitlement__longest_lease=timedelta(hours=8)))
        assert verdict.cap == timedelta(hours=8)
        assert verdict.binding.text == "Match invoices to orders is leased for at most 8 hours."

    def test_of_what_begins_later_are_measured_from_its_start(self) -> None:
        ahead = timedelta(days=10)
        known = facts(request__ahead=ahead, entitlement__longest_lease=timedelta(hours=8))
        verdict = evaluate(ALLOW, known)
        assert verdict.latest_end == known.now + ahead + timedelta(hours=8)
        assert evaluate(ALLOW, facts(request__ahead=timedelta(days=30), purpose__ends_at=self.END)).denials

    def test_tell_that_an_end_has_passed(self) -> None:
        verdict = evaluate(ALLOW, facts(purpose__ends_at=PAST))
        assert verdict.binding.text == "The purpose ended on 12 Nov 2026."

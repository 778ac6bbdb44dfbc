import json
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
import rfc8785
from django.utils import timezone

from governance.core.actor import Actor
from governance.policy.models import PolicyDecision
from governance.policy.moves import record_decision
from governance.policy.queries import Asking, decide
from governance.policy.rules import evaluate
from governance.policy.states import Mode, Phase
from governance.policy.verdicts import Verdict
from tests.builders import Organisation
from tests.core.log import events_of
from tests.policy.samples import facts, rule

pytestmark = pytest.mark.django_db

ASKER = Actor.system("activation")
RULES = (
    rule("POL-01", steps=["manager"], cap_seconds=3600, reason="At most {cap}."),
    rule("POL-02", "false", deny=True),
)


def recorded(verdict: Verdict) -> PolicyDecision:
    made = record_decision(verdict, phase=Phase.ACTIVATION, subject_kind="grant", subject_id=uuid4(), actor=ASKER)
    return PolicyDecision.objects.get(pk=made.pk)


class TestRecordDecision:
    def test_keeps_the_verdict(self) -> None:
        verdict = evaluate(RULES, facts())
        kept = recorded(verdict)
        assert (kept.phase, kept.allowed, kept.needs_human, kept.at) == ("activation", True, True, verdict.facts.now)
        assert kept.steps == [{"kind": "manager", "required": 1}]
        assert (kept.cap, kept.latest_end) == (timedelta(hours=1), verdict.latest_end)
        assert kept.rule_versions == {"POL-01": 1, "POL-02": 1}

    def test_keeps_every_reason_in_words(self) -> None:
        first = recorded(evaluate(RULES, facts())).reasons[0]
        assert (first["rule"], first["version"], first["text"]) == ("POL-01", 1, "At most 1 hour.")
        assert (first["outcome"], first["outcomes"]) == ("require_steps", ["require_steps", "cap_lease"])
        assert (first["cap_seconds"], first["broken"]) == (3600, False)

    def test_keeps_what_was_only_recorded_and_tells_it_to_nobody(self) -> None:
        quiet = rule("POL-03", deny=True, mode=Mode.RECORD, reason="On trial.")
        loud = rule("POL-04", deny=True, mode=Mode.WARN, reason="Careful.")
        kept = recorded(evaluate([*RULES, quiet, loud], facts()))
        assert kept.allowed
        modes = {reason["rule"]: reason["mode"] for reason in kept.reasons}
        assert (modes["POL-01"], modes["POL-03"], modes["POL-04"]) == ("block", "record", "warn")
        assert {"POL-03", "POL-04"} & {reason["rule"] for reason in kept.told} == {"POL-04"}

    def test_keeps_the_cadence_of_review(self) -> None:
        assert recorded(evaluate([*RULES, rule("POL-03", cadence_seconds=86400)], facts())).cadence == timedelta(days=1)
        assert recorded(evaluate(RULES, facts())).cadence == facts().entitlement.review_cadence

    def test_reads_decisions_that_are_older_than_modes(self) -> None:
        old = {"rule": "POL-01", "version": 1, "outcome": "deny", "text": "No."}
        assert PolicyDecision(reasons=[old]).told == [old]

    def test_keeps_all_facts_and_the_hash_of_their_canonical_form(self) -> None:
        kept = recorded(evaluate(RULES, facts(assurance=3)))
        assert kept.facts["identity"]["name"] == "agent-invoice-reader"
        assert (kept.facts["assurance"], kept.facts["request"]["term"]) == (3, 30 * 86400)
        assert kept.facts["now"] == "2026-11-12T09:30:00.000000Z"
        assert kept.facts_hash == sha256(rfc8785.dumps(kept.facts)).hexdigest()

    def test_hashes_other_facts_to_another_hash(self) -> None:
        hashes = {recorded(evaluate(RULES, facts(assurance=level))).facts_hash for level in (1, 2)}
        assert len(hashes) == 2

    def test_keeps_a_denial_without_steps_and_says_in_the_event_which_rule_is_broken(self) -> None:
        broken = rule("POL-03", "1 / 0 == 1", allow_without_human=True)
        kept = recorded(evaluate([*RULES, broken], facts()))
        assert (kept.allowed, kept.needs_human, kept.steps) == (False, False, [])
        assert "divide by zero" in kept.reasons[0]["defect"]
        (event,) = events_of(kept.subject_id)
        assert event["content"]["facts"]["broken_rules"] == ["POL-03"]
        assert "divide by zero" not in event["content"]["reason"]

    def test_keeps_a_refusal_by_the_domain_itself(self) -> None:
        kept = recorded(evaluate([], facts(purpose__ends_at=facts().now - timedelta(days=1))))
        assert not kept.allowed
        assert kept.latest_end < kept.at

    def test_leaves_an_event_on_the_subject(self) -> None:
        kept = recorded(evaluate(RULES, facts()))
        (event,) = events_of(kept.subject_id)
        assert (event["action"], event["at"]) == ("policy.decided", kept.at)
        assert event["content"]["reason"] == "At most 1 hour."
        told = event["content"]["facts"]
        assert (told["decision_id"], told["facts_hash"]) == (str(kept.pk), kept.facts_hash)
        assert told["rules"] == {"POL-01": 1}

    def test_keeps_what_was_gathered_from_the_database_as_plain_json(self) -> None:
        company = Organisation()
        question = Asking(
            identity=company.requester,
            purpose=company.purpose,
            requester=company.requester,
            term=timedelta(hours=2),
            assurance=1,
            now=timezone.now(),
        )
        kept = recorded(decide(question, company.entitlement))
        assert kept.facts == json.loads(rfc8785.dumps(kept.facts))
        assert kept.facts["identity"]["id"] == str(company.requester.pk)

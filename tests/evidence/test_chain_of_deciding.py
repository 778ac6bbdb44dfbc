"""What a chain of custody says of a decision besides who made it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.approvals.actions import Proof, decide, escalate, reassign
from governance.approvals.states import Verdict
from governance.core.actor import Role
from governance.core.subjects import Span
from governance.evidence.entries import EntryKind
from governance.evidence.queries import chain_of_request
from governance.requests.queries import OWN_WISH
from governance.web.chains import links
from tests.builders import Organisation, account, actor, machine, person, step_ids
from tests.delegations import delegated
from tests.handwork import a_file
from tests.leases import HOUR, approve

pytestmark = pytest.mark.django_db


def test_tells_of_handing_on_and_of_escalation() -> None:
    org = Organisation()
    request, now = org.submit(), timezone.now()
    first = step_ids(request)[0]
    reassign(step_id=first, taker_id=org.stranger.pk, reason="She knows", actor=actor(org.manager), now=now)
    escalate(step_id=first, now=now + timedelta(days=3))
    found = {entry.kind: entry.why for entry in chain_of_request(request).entries}
    assert found[EntryKind.REASSIGNED] == "She knows"
    assert found[EntryKind.ESCALATED].startswith("Nobody decided by")


def test_tells_of_a_consent_and_in_whose_place_somebody_decided() -> None:
    org = Organisation("identity_owner", "entitlement_owner")
    deputy = person("Deputy")
    delegated(org.owner, deputy)
    org.requester = machine(org.stranger, name="robot")
    account(org.requester, org.system)
    request = org.submit()
    for step, by in zip(step_ids(request), (org.stranger, deputy), strict=True):
        approve(step, by)
    chain = chain_of_request(request)
    found = [entry.kind for entry in chain.entries if entry.decision]
    assert found == [EntryKind.CONSENTED, EntryKind.APPROVED]
    drawn = {link.title: link.text for link in links(chain, actor(org.owner), timezone.now())}
    assert drawn["Consented by Stranger"].startswith("As identity owner of robot. ")
    assert drawn["Approved by Deputy"].startswith(f"As entitlement owner of {org.entitlement}, in the place of Owner. ")


def test_tells_of_a_step_that_was_skipped() -> None:
    request = Organisation("identity_owner", "entitlement_owner").submit()
    (skipped,) = [one for one in chain_of_request(request).entries if one.kind == EntryKind.SKIPPED]
    assert skipped.why == OWN_WISH


def test_tells_how_much_a_yes_allows_and_what_it_rests_on() -> None:
    org = Organisation()
    request, now = org.submit(), timezone.now()
    said = {"less": Span(term=HOUR), "proof": Proof("CHG-4711", a_file())}
    decide(
        step_id=step_ids(request)[0],
        verdict=Verdict.APPROVE,
        reason="An hour",
        actor=actor(org.manager),
        now=now,
        **said,  # type: ignore[arg-type]  # by the names of the arguments
    )
    auditor = actor(person(), Role.AUDITOR)
    records = [link.record for link in links(chain_of_request(request), auditor, now) if link.record]
    facts = {term: value for record in records for term, value, _ in record.facts}
    assert (facts["For at most"], facts["Ticket"]) == ("1 hour", "CHG-4711")
    assert facts["File"].startswith("badge.png, SHA-256 ")

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.audit import actions
from governance.audit.models import AuditEvent
from governance.audit.queries import proof_of
from governance.core.actor import Role
from tests import builders
from tests.builders import Organisation
from tests.leases import ask_back
from tests.web.conftest import Visit


@pytest.fixture
def auditor(org: Organisation, visit: Visit) -> Client:
    person = builders.person("Auditor")
    builders.portal_role(person, Role.AUDITOR)
    return visit(person)


class TestList:
    def test_shows_the_newest_first_page_by_page(self, org: Organisation, auditor: Client) -> None:
        for _ in range(3):
            org.submit(purpose_id=builders.purpose(org.owner, org.entitlement).pk)
        newest = AuditEvent.objects.order_by("-sequence")[0]
        first = auditor.get("/events/")
        assert reverse("event-detail", args=[newest.pk]) in first.content.decode()
        older = first.context["page"].next
        second = auditor.get(f"/events/{older}")
        assert reverse("event-detail", args=[newest.pk]) not in second.content.decode()
        back = auditor.get(f"/events/{second.context['page'].previous}")
        assert [row.sequence for row in back.context["rows"]] == [row.sequence for row in first.context["rows"]]

    def test_filters_by_the_beginning_of_an_event(self, org: Organisation, auditor: Client) -> None:
        request = org.submit()
        rows = auditor.get("/events/", {"action": "access_request."}).context["rows"]
        assert {row.event for row in rows} == {"access_request.submitted", "access_request.in_review"}
        assert {row.subject for row in rows} == {str(request)}

    def test_finds_words_in_reasons(self, org: Organisation, auditor: Client) -> None:
        org.submit(justification="A quite peculiar justification.")
        rows = auditor.get("/events/", {"q": "quite peculiar"}).context["rows"]
        assert "access_request.submitted" in {row.event for row in rows}

    def test_says_beside_a_filter_that_it_can_not_be_read(self, auditor: Client) -> None:
        response = auditor.get("/events/", {"since": "soon"})
        assert "Give a day and a time." in response.content.decode()
        assert response.context["rows"] == []

    def test_finds_nothing_by_what_no_text_can_hold(self, auditor: Client) -> None:
        for field in ("q", "action", "subject", "since"):
            assert auditor.get("/events/", {field: "\0"}).status_code == 200

    def test_says_what_a_route_its_steps_and_questions_are_about_and_leads_there(
        self, org: Organisation, auditor: Client
    ) -> None:
        request = org.submit()
        ask_back(builders.step_ids(request)[0], org.manager)
        about = f"{request}, {org.entitlement.name}"
        rows = {row.event: row for row in auditor.get("/events/").context["rows"]}
        assert rows["approval_route.open"].subject == f"{about}: route"
        assert rows["approval_step.asked"].subject == f"{about}: manager step"
        assert rows["decision.return"].subject == f"{about}: manager step"
        assert rows["question.created"].subject == f"{about}: manager step, question"
        events = ("approval_route.open", "approval_step.asked", "decision.return", "question.created")
        page = reverse("request-detail", args=[request.pk])
        assert {rows[event].subject_url for event in (*events, "request_item.pending")} == {page}

    def test_leads_to_all_entries_of_what_has_no_page(self, org: Organisation, auditor: Client) -> None:
        row = auditor.get("/events/", {"subject": str(org.system.pk)}).context["rows"][0]
        assert row.subject_url == f"/events/?subject={org.system.pk}"

    def test_shows_why(self, org: Organisation, auditor: Client) -> None:
        org.submit(justification="The books must balance " + "by tonight " * 30)
        rows = auditor.get("/events/", {"action": "access_request.submitted"}).context["rows"]
        assert rows[0].why.startswith("The books must balance by tonight")
        assert rows[0].why.endswith("…")

    def test_finds_the_beginning_of_an_event_in_any_case(self, org: Organisation, auditor: Client) -> None:
        org.submit()
        rows = auditor.get("/events/", {"action": "Access_Request."}).context["rows"]
        assert {row.event for row in rows} == {"access_request.submitted", "access_request.in_review"}

    def test_says_what_a_link_has_narrowed_it_to_and_leads_back(self, org: Organisation, auditor: Client) -> None:
        request = org.submit()
        response = auditor.get("/events/", {"subject": str(request.pk), "action": "access_request."})
        assert [(chip.words, chip.url) for chip in response.context["chips"]] == [
            (f"Only {request}", "/events/?action=access_request.")
        ]
        assert f"Only {request}" in response.content.decode()
        by = auditor.get("/events/", {"actor": str(org.requester.pk)})
        assert [(chip.words, chip.url) for chip in by.context["chips"]] == [("Only by Requester", "/events/")]
        assert not auditor.get("/events/").context["chips"]
        assert "one that no entry names" in auditor.get("/events/", {"subject": str(uuid4())}).content.decode()

    def test_is_not_there_for_others(self, org: Organisation, visit: Visit) -> None:
        client = visit(org.requester)
        assert client.get("/events/").status_code == 404
        assert 'href="/events/"' not in client.get("/").content.decode()


class TestDetail:
    def test_shows_the_line_as_it_was_written_and_its_hash(self, org: Organisation, auditor: Client) -> None:
        org.submit(justification="<script>alert(1)</script> & so on")
        event = AuditEvent.objects.filter(action="access_request.submitted").select_related("body")[0]
        response = auditor.get(reverse("event-detail", args=[event.pk]))
        assert response.context["event"].title.endswith(" was submitted")
        assert response.context["event"].body == event.body.line
        assert json.loads(event.body.line)["reason"] == "<script>alert(1)</script> & so on"
        assert "<script>alert(1)" not in response.content.decode()
        assert bytes(event.leaf_hash).hex() in response.content.decode()

    def test_has_no_proof_before_it_is_sealed(self, org: Organisation, auditor: Client) -> None:
        event = AuditEvent.objects.order_by("sequence")[0]
        assert auditor.get(reverse("event-proof", args=[event.pk])).status_code == 404


@pytest.mark.django_db(transaction=True)
class TestProof:
    def test_is_a_file_that_a_verifier_takes(self, visit: Visit) -> None:
        person = builders.person("Auditor")
        builders.portal_role(person, Role.AUDITOR)
        actions.seal(now=timezone.now())
        event = AuditEvent.objects.order_by("sequence")[3]
        response = visit(person).get(reverse("event-proof", args=[event.pk]))
        proof = proof_of(event)
        assert proof is not None
        assert response.content.decode() == proof.text
        assert response.content.decode().startswith("c2sp.org/tlog-proof@v1\nindex ")
        page = visit(person).get(reverse("event-detail", args=[event.pk]))
        assert "Proof that the log holds it" in page.content.decode()
        assert f"checkpoint {proof.size}" in page.content.decode()

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from governance.approvals.models import ApprovalStep, Question
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from tests.builders import Organisation, person
from tests.changing import approved, edited, steps_of
from tests.leases import ask_back
from tests.web.conftest import Visit


@pytest.fixture
def change(org: Organisation) -> ProposedChange:
    return edited(org.entitlement, org.requester, description="Reads the books.", risk="high")


def text(client: Client, name: str, *args: object) -> str:
    return client.get(reverse(name, args=args)).content.decode()


class TestChangeList:
    def test_shows_ones_own_and_what_one_answers_for(
        self, org: Organisation, visit: Visit, change: ProposedChange
    ) -> None:
        for who in (org.requester, org.owner):
            page = text(visit(who), "change-list")
            assert str(change) in page
            assert "step 1 of 2" in page
        assert str(change) not in text(visit(org.stranger), "change-list")

    def test_is_narrowed_by_words_kind_and_state(self, org: Organisation, visit: Visit, change: ProposedChange) -> None:
        client = visit(org.requester)
        for query in (f"q={change}", "q=auditors", "kind=entitlement.edit", "state=proposed"):
            assert str(change) in client.get(f"/changes/?{query}").content.decode()
        for query in ("q=nothing", "state=applied", "kind=unknown"):
            assert f">{change}<" not in client.get(f"/changes/?{query}").content.decode()

    def test_leaves_as_a_file(self, org: Organisation, visit: Visit, change: ProposedChange) -> None:
        lines = b"".join(visit(org.requester).get("/changes/?as=csv").streaming_content).decode()  # type: ignore[attr-defined]  # a stream
        assert "Description: Reads things. → Reads the books." in lines


class TestChangePage:
    def test_shows_before_and_after_and_who_decides(
        self, org: Organisation, visit: Visit, change: ProposedChange
    ) -> None:
        page = text(visit(org.requester), "change-detail", change.pk)
        for said in ("Reads things.", "Reads the books.", "Moderate", "High", "Entitlement owner", "System owner"):
            assert said in page
        assert "Withdraw" in page
        assert "Withdraw" not in text(visit(org.owner), "change-detail", change.pk)

    def test_says_why_it_failed(self, org: Organisation, visit: Visit) -> None:
        change = edited(org.entitlement, org.requester, longest_lease_seconds=100 * 86400)
        ProposedChange.objects.filter(pk=change.pk).update(before={"longest_lease_seconds": 1})
        assert approved(change, org.owner).state == ChangeState.FAILED
        assert "Changed meanwhile: Longest lease" in text(visit(org.requester), "change-detail", change.pk)

    def test_is_withdrawn_from_a_page_of_its_own(self, org: Organisation, visit: Visit, change: ProposedChange) -> None:
        client = visit(org.requester)
        assert "Nobody is asked any more" in text(client, "change-withdraw", change.pk)
        client.post(reverse("change-withdraw", args=[change.pk]), {"reason": "Not now"})
        change.refresh_from_db()
        assert (change.state, change.state_reason) == (ChangeState.WITHDRAWN, "Not now")
        assert client.get(reverse("change-withdraw", args=[change.pk])).status_code == 403

    def test_takes_the_answer_to_a_question(self, org: Organisation, visit: Visit, change: ProposedChange) -> None:
        ask_back(steps_of(change)[0], org.owner, "Why high?")
        client, where = visit(org.requester), reverse("change-answer", args=[change.pk])
        assert "Why high?" in text(client, "change-detail", change.pk)
        assert "Why high?" in text(client, "home")
        question = Question.objects.get()
        assert client.post(where, {"question": question.pk, "answer": ""}).status_code == 422
        assert client.post(where, {"question": question.pk, "answer": "It pays."}).status_code == 302
        assert "It pays." in text(visit(org.owner), "approval-detail", steps_of(change)[0])


class TestInbox:
    def test_holds_changes_beside_requests(self, org: Organisation, visit: Visit, change: ProposedChange) -> None:
        client = visit(org.owner)
        page = text(client, "approval-list")
        assert "One decision waits for you." in page
        assert str(change) in page
        assert str(change) in client.get("/approvals/?q=auditors").content.decode()
        assert str(change) not in client.get("/approvals/?q=nothing").content.decode()
        assert "Change of" in text(client, "home")

    def test_shows_one_and_takes_the_decision(self, org: Organisation, visit: Visit, change: ProposedChange) -> None:
        client, (first, second) = visit(org.owner), steps_of(change)
        whole = text(client, "approval-detail", first)
        part = client.get(reverse("approval-detail", args=[first]), headers={"HX-Request": "true"}).content.decode()
        for page in (whole, part):
            assert "Reads the books." in page
            assert "I have read what changes" in page
        where = reverse("approval-approve", args=[first])
        assert client.post(where, {"reason": ""}).status_code == 422
        assert client.post(where, {"reason": "It pays now.", "acknowledged": "on"}).status_code == 302
        assert ApprovalStep.objects.get(pk=first).state == "approved"
        assert ApprovalStep.objects.get(pk=second).state == "open"
        assert "You approved this" in text(client, "approval-detail", first)

    def test_takes_comments_and_leads_back_to_the_change(
        self, org: Organisation, visit: Visit, change: ProposedChange
    ) -> None:
        route = ApprovalStep.objects.get(pk=steps_of(change)[0]).route_id
        client = visit(org.owner)
        assert str(change) in text(client, "route-comment", route)
        answer = client.post(reverse("route-comment", args=[route]), {"text": "See the ticket."})
        assert answer["Location"] == reverse("change-detail", args=[change.pk])
        assert "See the ticket." in text(visit(org.requester), "change-detail", change.pk)

    def test_message_leads_to_the_change(self, org: Organisation, visit: Visit, change: ProposedChange) -> None:
        client = visit(org.requester)
        client.post(reverse("change-withdraw", args=[change.pk]))
        other = edited(org.entitlement, person(), name="Another")
        approved(other, org.owner)
        said = other.proposer.notifications.get()
        answer = visit(other.proposer).get(reverse("notification-open", args=[said.pk]))
        assert answer["Location"] == reverse("change-detail", args=[other.pk])

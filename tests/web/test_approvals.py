from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.access.models import Assignment
from governance.approvals import actions
from governance.approvals.models import ApprovalStep, Decision, Question
from governance.approvals.states import StepState, Verdict
from governance.catalog.states import Risk
from governance.core.actor import Role
from governance.policy.words import minute
from governance.requests import actions as requests
from governance.requests.models import AccessRequest
from governance.separation.models import SeparationRule
from tests import builders
from tests.apart import kept_apart, mitigated
from tests.builders import Organisation
from tests.web.conftest import Visit

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def request_(org: Organisation) -> AccessRequest:
    return org.submit()


@pytest.fixture
def step(request_: AccessRequest) -> ApprovalStep:
    return ApprovalStep.objects.get(pk=builders.step_ids(request_)[0])


@pytest.fixture
def manager(org: Organisation, visit: Visit) -> Client:
    return visit(org.manager)


def address(verb: str, step: ApprovalStep) -> str:
    return reverse(f"approval-{verb}", args=[step.pk])


def ask_for_high_risk(org: Organisation) -> ApprovalStep:
    high = builders.entitlement(org.system, org.owner, risk=Risk.HIGH)
    why = builders.purpose(org.owner, high)
    request = org.submit(entitlement_ids=(high.pk,), purpose_id=why.pk)
    return ApprovalStep.objects.get(pk=builders.step_ids(request)[0])


class TestInbox:
    def test_shows_what_waits_for_the_visitor_alone(
        self, org: Organisation, visit: Visit, step: ApprovalStep, manager: Client
    ) -> None:
        assert address("detail", step) in manager.get("/approvals/").content.decode()
        assert "Nothing waits for you." in visit(org.owner).get("/approvals/").content.decode()

    def test_opens_a_step_whole_or_in_part(self, step: ApprovalStep, manager: Client) -> None:
        whole = manager.get(address("detail", step))
        part = manager.get(address("detail", step), headers=FRAGMENT)
        assert "<html" in whole.content.decode()
        assert "<html" not in part.content.decode()
        assert "Your decision" in part.content.decode()
        assert all("HX-Request" in response["Vary"] for response in (whole, part))

    def test_finds_by_words(self, step: ApprovalStep, manager: Client) -> None:
        assert address("detail", step) in manager.get("/approvals/", {"q": "requester"}).content.decode()
        assert "Nothing matches." in manager.get("/approvals/", {"q": "nobody"}).content.decode()

    def test_names_the_purpose_and_offers_the_next(
        self, org: Organisation, step: ApprovalStep, manager: Client
    ) -> None:
        response = manager.get("/approvals/")
        text = response.content.decode()
        assert f"for {org.purpose.name}</span>" in text
        assert response.context["next"].url == address("detail", step)
        assert "Open the next request" in text
        assert "Open the next request" not in manager.get(address("detail", step)).content.decode()

    def test_says_that_an_item_is_one_of_several(self, org: Organisation, manager: Client) -> None:
        other = builders.entitlement(org.system, org.owner, name="Read the archive")
        why = builders.purpose(org.owner, org.entitlement, other)
        request = org.submit(entitlement_ids=(org.entitlement.pk, other.pk), purpose_id=why.pk)
        assert f"One of two items of {request}" in manager.get("/approvals/").content.decode()
        step = ApprovalStep.objects.get(route__subject_label=f"{request}, Read the archive", position=1)
        detail = manager.get(address("detail", step)).context["detail"]
        assert detail.about.part == "One of two items"
        assert [(one.entitlement, one.state) for one in detail.about.others] == [(str(org.entitlement), "pending")]

    def test_says_nothing_of_parts_where_there_is_one(self, step: ApprovalStep, manager: Client) -> None:
        assert "One of" not in manager.get(address("detail", step)).content.decode()


class TestDecision:
    @pytest.mark.parametrize(
        ("verb", "state"),
        [("approve", StepState.APPROVED), ("reject", StepState.REJECTED), ("return", StepState.RETURNED)],
    )
    def test_is_recorded_with_its_reason(
        self, step: ApprovalStep, manager: Client, verb: str, state: StepState
    ) -> None:
        response = manager.post(address(verb, step), {"reason": "As it should be."}, follow=True)
        assert response.redirect_chain == [(reverse("approval-list"), 302)]
        step.refresh_from_db()
        assert step.state == state
        assert Decision.objects.get().reason == "As it should be."

    @pytest.mark.parametrize("verb", ["reject", "return"])
    def test_without_a_reason_is_refused_beside_the_field(self, step: ApprovalStep, manager: Client, verb: str) -> None:
        response = manager.post(address(verb, step), {"reason": " "})
        assert response.status_code == 422
        assert "Say why, or what you ask" in response.content.decode()
        assert not Decision.objects.exists()

    @pytest.mark.parametrize(
        ("sent", "words"),
        [({"acknowledged": "on"}, "has a reason"), ({"reason": "Fits the work."}, "Tick this")],
    )
    def test_of_high_risk_needs_a_reason_and_a_tick(
        self, org: Organisation, manager: Client, sent: dict[str, Any], words: str
    ) -> None:
        step = ask_for_high_risk(org)
        response = manager.post(address("approve", step), sent)
        assert response.status_code == 422
        assert words in response.content.decode()
        assert not Decision.objects.exists()

    def test_says_who_decided_and_shows_the_new_state(
        self, org: Organisation, step: ApprovalStep, manager: Client
    ) -> None:
        actions.decide(
            step_id=step.pk,
            verdict=Verdict.APPROVE,
            reason="Fits.",
            actor=builders.actor(org.manager),
            now=timezone.now(),
        )
        response = manager.post(address("reject", step), {"reason": "Too late"})
        text = response.content.decode()
        assert response.status_code == 409
        assert "Nothing more was recorded" in text
        assert "You approved this, " in text
        assert 'id="decide"' not in text

    def test_names_who_decided_to_others_and_says_you_to_oneself(
        self, org: Organisation, visit: Visit, step: ApprovalStep, manager: Client
    ) -> None:
        manager.post(address("reject", step), {"reason": "Not now."})
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        on = Decision.objects.get().at
        day = f"{on.day} {on:%b %Y %H:%M} UTC."
        assert manager.get(address("detail", step)).context["detail"].closed == f"You rejected this, {day}"
        seen = visit(auditor).get(address("detail", step)).context["detail"].closed
        assert seen == f"Manager rejected this, {day}"

    def test_offers_the_next_item(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        ask_for_high_risk(org)
        response = manager.post(address("approve", step), {"reason": "Fits."}, follow=True)
        assert "Your approval is on record." in response.content.decode()
        assert response.context["next"].url != address("detail", step)

    def test_is_not_for_the_requester(self, org: Organisation, visit: Visit, step: ApprovalStep) -> None:
        assert visit(org.requester).post(address("approve", step), {"reason": "Mine"}).status_code == 404

    def test_needs_its_token(self, org: Organisation, step: ApprovalStep) -> None:
        client = Client(enforce_csrf_checks=True)
        assert org.manager.user is not None
        client.force_login(org.manager.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        assert client.post(address("approve", step), {"reason": "Fits."}).status_code == 403
        assert not Decision.objects.exists()


class TestQuestion:
    def test_stands_with_its_answer_where_one_decides(
        self, org: Organisation, visit: Visit, step: ApprovalStep, manager: Client
    ) -> None:
        now = timezone.now()
        asked = builders.actor(org.manager)
        actions.decide(step_id=step.pk, verdict=Verdict.RETURN, reason="Which books?", actor=asked, now=now)
        assert "answered" not in manager.get("/approvals/").content.decode()
        requests.answer(
            request_id=AccessRequest.objects.get().pk,
            question_id=Question.objects.get().pk,
            text="The ledger.",
            actor=builders.actor(org.requester),
            now=now,
        )
        text = manager.get(address("detail", step)).content.decode()
        for words in ("You asked", "Which books?", "Requester answered", "The ledger."):
            assert words in text
        assert "answered" in manager.get("/approvals/").content.decode()


class TestSearch:
    def test_finds_nothing_by_what_no_text_can_hold(self, step: ApprovalStep, manager: Client) -> None:
        response = manager.get("/approvals/?q=%00")
        assert response.status_code == 200
        assert "Nothing matches." in response.content.decode()


class TestWhatIsKeptApart:
    """The other half came to be held after the request was submitted."""

    @pytest.fixture
    def apart(self, org: Organisation, step: ApprovalStep) -> SeparationRule:
        other = builders.entitlement(org.system, org.owner, name="Pay")
        builders.keep(Assignment(account=org.account, entitlement=other, wanted=True))
        return kept_apart(org.entitlement, other, owner=org.backup)

    def test_is_told_before_a_yes_is_refused(self, apart: SeparationRule, step: ApprovalStep, manager: Client) -> None:
        page = manager.get(address("detail", step)).content.decode()
        assert "A yes is refused as things are now" in page
        assert f"{apart.key}: Whoever orders does not pay." in page
        refused = manager.post(address("approve", step), {"reason": "It is needed tonight."})
        text = refused.content.decode()
        assert (refused.status_code, "would come together" in text, "It is needed tonight." in text) == (
            409,
            True,
            True,
        )
        assert not Decision.objects.exists()

    def test_is_told_with_what_covers_it(
        self, org: Organisation, apart: SeparationRule, step: ApprovalStep, manager: Client
    ) -> None:
        covers = mitigated(apart, org.requester)
        page = manager.get(address("detail", step)).content.decode()
        assert f"{covers} covers it until {minute(covers.ends_at)}" in page
        assert "A yes is refused" not in page
        assert manager.post(address("approve", step), {"reason": "Fits."}).status_code == 302

    def test_is_not_told_of_a_step_that_is_closed(
        self, apart: SeparationRule, step: ApprovalStep, manager: Client
    ) -> None:
        manager.post(address("reject", step), {"reason": "Not now."})
        assert "A yes is refused" not in manager.get(address("detail", step)).content.decode()

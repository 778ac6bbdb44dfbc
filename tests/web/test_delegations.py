"""The pages of delegations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.approvals.models import ApprovalStep, Delegation
from governance.core.actor import Role
from governance.identities.models import Identity
from governance.notifications.models import Notification
from tests import builders
from tests.builders import Organisation
from tests.delegations import delegated, moved
from tests.leases import approve
from tests.web.conftest import Visit


@pytest.fixture
def deputy(db: None) -> Identity:
    return builders.person("Deputy")


def delegate(client: Client, to: Identity, **changes: str) -> Any:
    last = timezone.now().date() + timedelta(days=7)
    said = {"delegate": to.email, "kind": "", "starts_on": "", "ends_on": str(last), "reason": "On holiday."}
    return client.post(reverse("delegation-new"), {**said, **changes})


class TestNew:
    def test_delegates_from_now_to_the_end_of_a_day(self, org: Organisation, visit: Visit, deputy: Identity) -> None:
        client = visit(org.manager)
        answer = delegate(client, deputy, kind="manager")
        assert answer["Location"] == reverse("delegation-list")
        made = Delegation.objects.get()
        assert (made.delegator, made.delegate, made.kind) == (org.manager, deputy, "manager")
        assert (made.ends_at.hour, made.ends_at.date() - made.starts_at.date()) == (0, timedelta(days=8))
        page = client.get(reverse("delegation-list")).content.decode()
        for words in ("Deputy decides in your place until", "Decisions as manager", "On holiday."):
            assert words in page

    def test_may_begin_later(self, org: Organisation, visit: Visit, deputy: Identity) -> None:
        first = timezone.now().date() + timedelta(days=2)
        delegate(visit(org.manager), deputy, starts_on=str(first))
        assert Delegation.objects.get().starts_at.date() == first
        assert "To come" in visit(deputy).get(reverse("delegation-list")).content.decode()

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"delegate": "nobody@example.com"}, "No active person, or more than one, has this address."),
            ({"delegate": "nobody"}, "Give the e-mail address of a person."),
            ({"starts_on": "2020-01-01"}, "The beginning lies in the past."),
            ({"ends_on": "2020-01-01"}, "A delegation ends after it begins."),
            ({"ends_on": "2999-01-01"}, "A delegation lasts 180 days at most."),
            ({"ends_on": ""}, "Say until when."),
            ({"reason": " "}, "Say why"),
            ({"kind": "identity_owner"}, "Choose one that is offered"),
        ],
    )
    def test_says_what_is_wrong_and_makes_nothing(
        self, org: Organisation, visit: Visit, deputy: Identity, changes: dict[str, str], said: str
    ) -> None:
        answer = delegate(visit(org.manager), deputy, **changes)
        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert not Delegation.objects.exists()

    def test_sent_twice_is_made_once(self, org: Organisation, visit: Visit, deputy: Identity) -> None:
        client = visit(org.manager)
        delegate(client, deputy)
        assert "already. End that first." in delegate(client, deputy).content.decode()
        assert Delegation.objects.count() == 1


class TestList:
    def test_is_of_the_two_and_of_those_who_oversee(self, org: Organisation, visit: Visit, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        watch = builders.person("Watch")
        builders.portal_role(watch, Role.AUDITOR)
        for who, sees in ((org.manager, True), (deputy, True), (watch, True), (org.stranger, False)):
            page = visit(who).get(reverse("delegation-list")).content.decode()
            assert ("On holiday." in page) is sees

    def test_leads_a_message_to_itself(self, org: Organisation, visit: Visit, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        told = Notification.objects.get(recipient=deputy, subject_id=made.pk)
        answer = visit(deputy).get(reverse("notification-open", args=[told.pk]))
        assert answer["Location"] == reverse("delegation-list")

    def test_is_a_file_too(self, org: Organisation, visit: Visit, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        answer = visit(deputy).get(reverse("delegation-list"), {"as": "csv"})
        assert b"Deputy,Manager" in b"".join(answer.streaming_content)  # type: ignore[attr-defined]


class TestEnd:
    def test_gives_back_what_waits(self, org: Organisation, visit: Visit, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        step = ApprovalStep.objects.get(pk=builders.step_ids(org.submit())[0])
        client = visit(deputy)
        assert (
            "What waits is asked of Manager again"
            in client.get(reverse("delegation-end", args=[made.pk])).content.decode()
        )
        answer = client.post(reverse("delegation-end", args=[made.pk]), {"reason": "Too much."})
        assert answer["Location"] == reverse("delegation-list")
        assert "Ended: Too much." in client.get(reverse("delegation-list")).content.decode()
        moved()
        approve(step.pk, org.manager)

    def test_of_what_is_over_says_when_it_was(self, org: Organisation, visit: Visit, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        client = visit(deputy)
        client.post(reverse("delegation-end", args=[made.pk]), {"reason": ""})
        for answer in (client.get, client.post):
            again = answer(reverse("delegation-end", args=[made.pk]))
            assert again.status_code == 409
            assert "This delegation ended on" in again.content.decode()


class TestTheRequest:
    def test_names_both_who_decide_and_who_decided(self, org: Organisation, visit: Visit, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        request = org.submit()
        address = reverse("request-detail", args=[request.pk])
        assert "Deputy for Manager" in visit(org.requester).get(address).content.decode()
        approve(builders.step_ids(request)[0], deputy)
        assert "Deputy for Manager" in visit(org.requester).get(address).content.decode()
        inbox = visit(deputy).get(reverse("delegation-list"))
        assert inbox.status_code == 200

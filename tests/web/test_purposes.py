from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.changes.models import ProposedChange
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState
from tests import builders
from tests.builders import Organisation
from tests.changing import approved, propose
from tests.leases import granted
from tests.web.conftest import Visit

WHY = "The auditors have asked for it."


def form(**given: object) -> dict[str, object]:
    day = timezone.now() + timedelta(days=100)
    return {"name": "Closing the year", "ends_at": f"{day:%Y-%m-%d}", "reason": WHY, "token": uuid4(), **given}


def text(client: Client, name: str, *args: object) -> str:
    return client.get(reverse(name, args=args)).content.decode()


class TestPurposeList:
    def test_shows_owner_and_leases(self, org: Organisation, visit: Visit) -> None:
        builders.live_grant(org.submit())
        page = text(visit(org.stranger), "purpose-list")
        for said in (org.purpose.reference, "Owner", "Propose a purpose"):
            assert said in page
        assert '<td data-label="Leases" class="num">1</td>' in page


class TestPurposePage:
    def test_shows_what_rests_on_it_and_names_only_what_one_may_see(self, org: Organisation, visit: Visit) -> None:
        grant = granted(org)
        for who, seen in ((org.owner, True), (org.stranger, False)):
            page = text(visit(who), "purpose-detail", org.purpose.pk)
            assert org.entitlement.name in page
            assert "1 lease" in page
            assert (str(grant) in page) == seen


class TestProposing:
    def test_leads_to_the_change(self, org: Organisation, visit: Visit) -> None:
        client = visit(org.requester)
        given = form(entitlements=f"{org.system.key}/{org.entitlement.key}\n", owner=org.owner.email)
        answer = client.post(reverse("purpose-new"), given)
        change = ProposedChange.objects.get()
        assert answer["Location"] == reverse("change-detail", args=[change.pk])
        page = text(client, "change-detail", change.pk)
        for said in ("Closing the year", "Owner", f"{org.system.key}/{org.entitlement.key}"):
            assert said in page
        assert client.post(reverse("purpose-new"), given).status_code == 302
        assert ProposedChange.objects.count() == 1

    def test_says_what_is_wrong_at_the_field(self, org: Organisation, visit: Visit) -> None:
        client = visit(org.requester)
        for wrong, said in (
            ({"ends_at": "2020-01-01"}, "It lies in the past."),
            ({"entitlements": "nowhere/nothing"}, "There is no active entitlement nowhere/nothing."),
            ({"owner": "nobody@example.com"}, "Nobody is known by exactly this address."),
            ({"ends_at": ""}, "Say when it ends, or when it is reviewed."),
        ):
            answer = client.post(reverse("purpose-new"), form(**wrong))
            assert answer.status_code == 422
            assert said in answer.content.decode()


class TestEditing:
    def test_starts_from_what_is_and_proposes_what_differs(self, org: Organisation, visit: Visit) -> None:
        client = visit(org.requester)
        where = reverse("purpose-edit", args=[org.purpose.pk])
        page = client.get(where).content.decode()
        assert 'value="Keeping the books"' in page
        scope = f"{org.system.key}/{org.entitlement.key}"
        ends_at = f"{org.purpose.ends_at:%Y-%m-%d}"
        assert client.post(where, form(name="All books", entitlements=scope, ends_at=ends_at)).status_code == 302
        assert set(ProposedChange.objects.get().payload) == {"name", "ends_at"}

    def test_of_what_is_retired_is_refused(self, org: Organisation, visit: Visit) -> None:
        approved(propose("purpose.retire", org.purpose, org.requester, state="retired"), org.owner)
        assert Purpose.objects.get().state == PurposeState.RETIRED
        assert visit(org.owner).get(reverse("purpose-edit", args=[org.purpose.pk])).status_code == 409


class TestRetiring:
    def test_shows_what_would_end_and_proposes_it(self, org: Organisation, visit: Visit) -> None:
        grant = granted(org)
        client, where = visit(org.owner), reverse("purpose-retire", args=[org.purpose.pk])
        page = client.get(where).content.decode()
        assert str(grant) in page
        assert client.post(where, {"token": uuid4()}).status_code == 422
        assert client.post(where, {"token": uuid4(), "reason": WHY}).status_code == 302
        assert ProposedChange.objects.get().kind == "purpose.retire"
        assert "Proposed changes" in text(client, "purpose-detail", org.purpose.pk)

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from governance.changes.models import ProposedChange
from tests import builders
from tests.builders import Organisation
from tests.web.conftest import Visit


def form(**given: Any) -> dict[str, Any]:
    return {
        "name": "Post journals",
        "description": "Posts journals.",
        "risk": "moderate",
        "longest_lease_seconds": "8 hours",
        "review_cadence_seconds": "90 days",
        "allowed_kinds": ["person"],
        "permits": '[{"type": "journal", "pattern": "*", "actions": ["post"]}]',
        "reason": "The auditors have asked for it.",
        "token": uuid4(),
        **given,
    }


class TestEntitlementList:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", True),
            ("q=Role", True),
            ("q=nothing", False),
            ("risk=moderate", True),
            ("risk=high", False),
            ("privileged=no", True),
            ("privileged=yes", False),
            ("owner=Own", True),
            ("owner=Boss", False),
            ("kind=agent", True),
            ("system={system}", True),
            ("system=00000000-0000-7000-8000-000000000000", False),
        ],
    )
    def test_is_narrowed(self, org: Organisation, visit: Visit, query: str, found: bool) -> None:
        page = visit(org.requester).get(f"/catalog/?{query.format(system=org.system.pk)}").content.decode()
        assert (reverse("entitlement-detail", args=[org.entitlement.pk]) in page) == found

    def test_counts_holders(self, org: Organisation, visit: Visit) -> None:
        builders.live_grant(org.submit())
        page = visit(org.requester).get("/catalog/").content.decode()
        assert '<td data-label="Holders" class="num">1</td>' in page


class TestEntitlementPage:
    def test_shows_terms_and_purposes(self, org: Organisation, visit: Visit) -> None:
        page = visit(org.requester).get(reverse("entitlement-detail", args=[org.entitlement.pk])).content.decode()
        for said in (org.purpose.reference, "Propose a change", "30 days", "AI agent", "Owner"):
            assert said in page


class TestEntitlementEdit:
    def test_proposes_what_differs(self, org: Organisation, visit: Visit) -> None:
        client, where = visit(org.requester), reverse("entitlement-edit", args=[org.entitlement.pk])
        page = client.get(where).content.decode()
        assert 'value="30 days"' in page
        assert client.post(where, form()).status_code == 302
        change = ProposedChange.objects.get()
        assert change.payload["longest_lease_seconds"] == 8 * 3600
        assert "privileged" not in change.payload
        shown = client.get(reverse("change-detail", args=[change.pk])).content.decode()
        for said in ("30 days", "8 hours", "post on journal *"):
            assert said in shown

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"longest_lease_seconds": "200 days"}, "At moderate risk a lease lasts 183 days at most."),
            ({"longest_lease_seconds": "for ever"}, "Write a length such as 30 days"),
            ({"permits": "{}"}, "Write a list such as"),
            ({"allowed_kinds": []}, "Fill this in."),
        ],
    )
    def test_says_what_is_wrong_at_the_field(
        self, org: Organisation, visit: Visit, wrong: dict[str, Any], said: str
    ) -> None:
        answer = visit(org.requester).post(reverse("entitlement-edit", args=[org.entitlement.pk]), form(**wrong))
        assert answer.status_code == 422
        assert said in answer.content.decode()


class TestSystems:
    def test_lead_to_what_can_be_granted_in_them(self, org: Organisation, visit: Visit) -> None:
        client = visit(org.requester)
        assert org.system.name in client.get(reverse("system-list")).content.decode()
        page = client.get(reverse("system-detail", args=[org.system.pk])).content.decode()
        assert f"/catalog/?system={org.system.pk}" in page


class TestSystemEdit:
    def test_proposes_what_differs(self, org: Organisation, visit: Visit) -> None:
        client, where = visit(org.requester), reverse("system-edit", args=[org.system.pk])
        assert where in client.get(reverse("system-detail", args=[org.system.pk])).content.decode()
        assert f'value="{org.system.name}"' in client.get(where).content.decode()
        given = form(name="General ledger", description="", environment=org.system.environment, risk=org.system.risk)
        assert client.post(where, given).status_code == 302
        change = ProposedChange.objects.get()
        assert (change.kind, change.payload) == ("system.edit", {"name": "General ledger"})
        page = client.get(reverse("system-detail", args=[org.system.pk])).content.decode()
        assert str(change) in page


class TestEntitlementNew:
    def test_proposes_it_with_its_owner(self, org: Organisation, visit: Visit) -> None:
        client, where = visit(org.requester), reverse("entitlement-new", args=[org.system.pk])
        assert where in client.get(reverse("system-detail", args=[org.system.pk])).content.decode()
        assert client.get(where).status_code == 200
        assert client.post(where, form(key="journals", owner=org.stranger.email)).status_code == 302
        change = ProposedChange.objects.get()
        assert (change.payload["key"], change.payload["owner"]) == ("journals", str(org.stranger.pk))
        shown = client.get(reverse("change-detail", args=[change.pk])).content.decode()
        for said in ("journals", org.stranger.name, reverse("system-detail", args=[org.system.pk])):
            assert said in shown

    def test_says_what_is_wrong_at_the_field(self, org: Organisation, visit: Visit) -> None:
        answer = visit(org.requester).post(
            reverse("entitlement-new", args=[org.system.pk]), form(key=org.entitlement.key)
        )
        assert answer.status_code == 422
        assert f"There is an entitlement {org.entitlement.key} already." in answer.content.decode()

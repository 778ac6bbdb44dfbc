from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from governance.catalog.models import Bundle
from governance.changes.models import ProposedChange
from tests import changing
from tests.builders import Organisation
from tests.web.conftest import Visit


@pytest.fixture
def bundle(org: Organisation) -> Bundle:
    return changing.bundle(org.entitlement, org.owner, org.requester, criteria="identity.department == 'Finance'")


def form(org: Organisation, **given: Any) -> dict[str, Any]:
    return {
        "name": "Accounts",
        "entitlements": f"{org.system.key}/{org.entitlement.key}",
        "review_at": f"{timezone.now() + timedelta(days=90):%Y-%m-%d}",
        "reason": "The auditors have asked for it.",
        "token": uuid4(),
        **given,
    }


class TestBundlePages:
    def test_list_and_show_what_it_holds(self, org: Organisation, visit: Visit, bundle: Bundle) -> None:
        outer = changing.bundle(org.entitlement, org.owner, org.requester, "outer", bundles=["books"], entitlements=[])
        client = visit(org.stranger)
        page = client.get(reverse("bundle-list")).content.decode()
        for said in ("Books", "Outer", "Requestable", "Owner"):
            assert said in page
        page = client.get(reverse("bundle-detail", args=[bundle.pk])).content.decode()
        assert org.entitlement.name in page
        assert "identity.department == &#x27;Finance&#x27;" in page
        page = client.get(reverse("bundle-detail", args=[outer.pk])).content.decode()
        assert "Entitlements by inclusion" in page
        assert org.entitlement.name in page

    def test_leave_as_a_file(self, org: Organisation, visit: Visit, bundle: Bundle) -> None:
        answer: Any = visit(org.requester).get("/bundles/?as=csv")
        assert "identity.department == 'Finance'" in b"".join(answer.streaming_content).decode()


class TestProposing:
    def test_a_new_one_leads_to_the_change(self, org: Organisation, visit: Visit) -> None:
        given = form(org, key="accounts", owner=org.owner.email)
        answer = visit(org.requester).post(reverse("bundle-new"), given)
        change = ProposedChange.objects.get()
        assert answer["Location"] == reverse("change-detail", args=[change.pk])
        assert change.payload["owner"] == str(org.owner.pk)

    def test_an_edit_proposes_what_differs(self, org: Organisation, visit: Visit, bundle: Bundle) -> None:
        where = reverse("bundle-edit", args=[bundle.pk])
        client = visit(org.requester)
        assert "identity.department" in client.get(where).content.decode()
        assert client.post(where, form(org, criteria="identity.kind == 'person'")).status_code == 302
        assert {"name", "criteria"} <= set(ProposedChange.objects.get(kind="bundle.edit").payload)

    def test_says_what_is_wrong_at_the_field(self, org: Organisation, visit: Visit, bundle: Bundle) -> None:
        where = reverse("bundle-edit", args=[bundle.pk])
        for wrong, said in (
            ({"criteria": "identity.salary > 3"}, "Line 1, column"),
            ({"bundles": "books"}, "that would be a circle"),
            ({"review_at": ""}, "Write a moment"),
        ):
            answer = visit(org.requester).post(where, form(org, **wrong))
            assert answer.status_code == 422
            assert said in answer.content.decode()

    def test_its_end(self, org: Organisation, visit: Visit, bundle: Bundle) -> None:
        where = reverse("bundle-retire", args=[bundle.pk])
        answer = visit(org.owner).post(where, {"token": uuid4(), "reason": "Nobody needs it any more."})
        assert answer.status_code == 302
        assert ProposedChange.objects.get(kind="bundle.retire").payload == {"state": "retired"}

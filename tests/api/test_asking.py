"""Asking through the API for several at once, for later, by bundles; leases that go on; forms that are put aside."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.utils import timezone

from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.requests.models import AccessRequest, RequestDraft
from tests import builders, changing
from tests.api.conftest import Call
from tests.api.test_frame import problem, wish
from tests.builders import Organisation


@pytest.fixture
def mate(org: Organisation) -> Identity:
    """Somebody of the requester's manager, with an account."""
    found = builders.person("Mate", manager=org.manager)
    builders.account(found, org.system)
    return found


def cart(org: Organisation, *people: Identity, **changes: Any) -> dict[str, Any]:
    return wish(org, beneficiary=None, beneficiaries=[str(one.pk) for one in people], **changes)


def fields(said: Any) -> list[str]:
    return [error["field"] for error in said["errors"]]


class TestCarts:
    def test_file_a_request_for_each_once(self, org: Organisation, call: Call, mate: Identity) -> None:
        api, body = call(org.requester), cart(org, org.requester, mate)
        first = api.post("/requests/carts", body, Idempotency_Key="key-00000001")
        assert first.status_code == 201, first.content
        cache.clear()
        again = api.post("/requests/carts", body, Idempotency_Key="key-00000001")
        assert first.json() == again.json()
        told = first.json()
        assert [one["beneficiary"]["name"] for one in told["requests"]] == ["Requester", "Mate"]
        assert {one["batch_id"] for one in told["requests"]} == {told["batch_id"]}
        assert AccessRequest.objects.count() == 2

    def test_are_filed_whole_or_not_at_all(self, org: Organisation, call: Call, mate: Identity) -> None:
        api, newcomer = call(org.requester), builders.person("Newcomer", manager=org.manager)
        said = problem(api.post("/requests/carts", cart(org, mate, newcomer)), 422, "invalid")
        assert fields(said) == ["entitlements"]
        said = problem(api.post("/requests/carts", cart(org, mate, org.stranger)), 422, "invalid")
        assert fields(said) == ["beneficiaries"]
        said = problem(api.post("/requests/carts", cart(org, mate, purpose=str(uuid4()))), 422, "invalid")
        assert fields(said) == ["purpose"]
        said = problem(api.post("/requests/carts", cart(org, mate, draft=str(uuid4()))), 422, "invalid")
        assert fields(said) == ["draft"]
        assert not AccessRequest.objects.exists()

    def test_are_foreseen_for_each(self, org: Organisation, call: Call, mate: Identity) -> None:
        told = call(org.requester, "read").post("/requests/carts/preview", cart(org, org.requester, mate)).json()
        assert [one["beneficiary"]["name"] for one in told["beneficiaries"]] == ["Requester", "Mate"]
        assert all(one["items"][0]["policy"]["allowed"] for one in told["beneficiaries"])
        assert all(len(one["steps"]) == 2 for one in told["beneficiaries"])
        assert told["refusals"] == []
        assert not AccessRequest.objects.exists()

    def test_are_for_whom_one_may_ask(self, org: Organisation, call: Call, mate: Identity) -> None:
        robot = builders.machine(org.requester)
        told = call(org.requester).get("/requests/beneficiaries").json()["items"]
        assert {one["name"] for one in told} == {"Requester", "Mate", robot.name}


class TestRequests:
    def test_may_begin_later_and_come_by_a_bundle(self, org: Organisation, call: Call) -> None:
        bundle = changing.bundle(org.entitlement, org.owner, org.stranger)
        start = (timezone.now() + timedelta(days=2)).replace(microsecond=0)
        body = wish(org, entitlements=None, bundles=[str(bundle.pk)], starts_at=start.isoformat())
        filed = call(org.requester).post("/requests", body)
        assert filed.status_code == 201, filed.content
        assert AccessRequest.objects.get().starts_at == start
        assert [item["bundle"] for item in filed.json()["items"]] == [bundle.key]

    def test_name_the_field_that_is_wrong(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        for changes, field in (
            ({"entitlements": []}, "entitlements"),
            ({"bundles": [str(uuid4())]}, "bundles"),
            ({"starts_at": "2020-01-01T00:00:00Z"}, "starts_at"),
        ):
            assert fields(problem(api.post("/requests", wish(org, **changes)), 422, "invalid")) == [field]

    def test_are_declined_by_whom_they_are_for(self, org: Organisation, call: Call, mate: Identity) -> None:
        filed = call(org.requester).post("/requests", wish(org, beneficiary=str(mate.pk))).json()
        told = call(mate).post(f"/requests/{filed['id']}/withdraw")
        assert (told.status_code, told.json()["state"]) == (200, "withdrawn"), told.content


class TestLeases:
    @pytest.fixture
    def grant(self, org: Organisation) -> Grant:
        return builders.live_grant(org.submit())

    def test_are_renewed_from_their_end_on(self, org: Organisation, call: Call, grant: Grant) -> None:
        body = {"justification": "The books are not done yet.", "term_seconds": 7200}
        filed = call(org.requester).post(f"/grants/{grant.pk}/renew", body)
        assert filed.status_code == 201, filed.content
        assert filed.json()["renews_id"] == str(grant.pk)
        assert AccessRequest.objects.get(renews=grant).starts_at == grant.ends_at
        problem(call(org.stranger).post(f"/grants/{grant.pk}/renew", body), 404, "not_found")
        problem(call(org.owner).post(f"/grants/{grant.pk}/renew", body), 403, "denied")

    def test_are_shortened_by_their_holder(self, org: Organisation, call: Call, grant: Grant) -> None:
        until = (timezone.now() + timedelta(hours=1)).replace(microsecond=0)
        address, body = f"/grants/{grant.pk}/narrow", {"until": until.isoformat()}
        problem(call(org.manager).post(address, body), 403, "denied")
        api = call(org.requester)
        assert api.post(address, body).status_code == 200
        assert Grant.objects.get(pk=grant.pk).ends_at == until
        said = problem(api.post(address, {"until": grant.ends_at.isoformat()}), 422, "invalid")
        assert fields(said) == ["until"]

    def test_of_a_colleague_are_compared_by_who_sees_them(self, org: Organisation, call: Call, grant: Grant) -> None:
        new = builders.person("New", manager=org.manager)
        builders.account(new, org.system)
        body = {"colleague": str(grant.identity_id), "beneficiary": str(new.pk)}
        (told,) = call(org.manager).post("/requests/like", body).json()["items"]
        assert (told["entitlement"]["id"], told["closed"]) == (str(org.entitlement.pk), "")
        said = problem(call(new).post("/requests/like", body), 422, "invalid")
        assert fields(said) == ["colleague"]

    def test_of_bundles_are_suggested(self, org: Organisation, call: Call) -> None:
        bundle = changing.bundle(org.entitlement, org.owner, org.stranger, criteria="identity.kind == 'person'")
        api = call(org.requester)
        told = api.post("/requests/suggestions", {"beneficiary": str(org.requester.pk)}).json()
        assert [one["bundle"]["key"] for one in told["suggestions"]] == [bundle.key]
        assert [one["entitlement_ids"] for one in told["bundles"]] == [[str(org.entitlement.pk)]]
        said = problem(api.post("/requests/suggestions", {"beneficiary": str(org.owner.pk)}), 422, "invalid")
        assert fields(said) == ["beneficiary"]


class TestDrafts:
    def test_are_kept_saved_sent_and_discarded(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        made = api.post("/request-drafts", {"justification": "Half a"})
        assert made.status_code == 201, made.content
        address = f"/request-drafts/{made.json()['id']}"
        saved = api.post(f"{address}/save", {"purpose": str(org.purpose.pk)}).json()["content"]
        assert (saved["purpose"], saved["justification"]) == (str(org.purpose.pk), "")
        assert api.post("/requests/carts", cart(org, org.requester, draft=made.json()["id"])).status_code == 201
        assert api.get(address).json()["state"] == "sent"
        problem(api.post(f"{address}/discard"), 409, "already_closed")
        other = api.post("/request-drafts", {}).json()["id"]
        assert api.post(f"/request-drafts/{other}/discard").json()["state"] == "discarded"

    def test_are_nobody_elses(self, org: Organisation, call: Call) -> None:
        made = call(org.requester).post("/request-drafts", {}).json()
        problem(call(org.manager).get(f"/request-drafts/{made['id']}"), 404, "not_found")
        assert call(org.manager).get("/request-drafts").json()["items"] == []
        assert RequestDraft.objects.count() == 1

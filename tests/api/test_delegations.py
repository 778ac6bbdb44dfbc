"""Delegations through the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance.approvals.models import ApprovalStep, Delegation
from governance.identities.models import Identity
from tests.api.conftest import Call
from tests.api.test_frame import problem
from tests.builders import Organisation, person, step_ids
from tests.delegations import delegated
from tests.leases import approve
from tests.web.conftest import enter

PATH = "/api/v1/delegations"


@pytest.fixture
def deputy(db: None) -> Identity:
    return person("Deputy")


@pytest.fixture
def session(org: Organisation) -> Client:
    """The manager, signed in with two factors."""
    client = Client()
    assert org.manager.user is not None
    enter(client, org.manager.user)
    return client


def body(to: Identity, **given: str) -> dict[str, str]:
    ends_at = (timezone.now() + timedelta(days=7)).isoformat()
    return {"delegate": str(to.pk), "reason": "On holiday.", "ends_at": ends_at, **given}


class TestDelegations:
    def test_are_made_in_a_fresh_session(self, session: Client, deputy: Identity) -> None:
        answer = session.post(PATH, body(deputy, kind="manager"), "application/json")
        assert answer.status_code == 201, answer.content
        told = answer.json()
        assert (told["delegator"]["name"], told["delegate"]["name"], told["kind"]) == ("Manager", "Deputy", "manager")
        assert session.get(answer["Location"]).json() == told

    def test_are_not_made_by_a_token(self, org: Organisation, call: Call, deputy: Identity) -> None:
        problem(call(org.manager).post("/delegations", body(deputy)), 403, "step_up_required")
        assert not Delegation.objects.exists()

    @pytest.mark.parametrize(
        "given", [{"kind": "everything"}, {"kind": "identity_owner"}, {"ends_at": "2020-01-01T00:00:00Z"}]
    )
    def test_are_refused_field_by_field(self, session: Client, deputy: Identity, given: dict[str, str]) -> None:
        answer = session.post(PATH, body(deputy, **given), "application/json")
        assert answer.status_code == 422
        assert next(iter(given)) in str(answer.json())

    def test_are_seen_by_the_two_alone(self, org: Organisation, call: Call, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        for who, count in ((org.manager, 1), (deputy, 1), (org.stranger, 0)):
            assert len(call(who).get("/delegations").json()["items"]) == count
        problem(call(org.stranger).get(f"/delegations/{made.pk}"), 404, "not_found")
        problem(call(org.stranger).post(f"/delegations/{made.pk}/end"), 404, "not_found")

    def test_are_handed_back_by_a_token(self, org: Organisation, call: Call, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        told = call(deputy).post(f"/delegations/{made.pk}/end", {"reason": "Too much."}).json()
        assert told["end_reason"] == "Too much."
        problem(call(deputy).post(f"/delegations/{made.pk}/end"), 409, "already_ended")


class TestADecision:
    def test_names_both(self, org: Organisation, call: Call, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        approve(step.pk, deputy)
        (said,) = call(org.manager).get(f"/approval-steps/{step.pk}").json()["decisions"]
        assert (said["decider"]["name"], said["on_behalf_of"]["name"]) == ("Deputy", "Manager")
        assert said["provenance"] == "human_for_another"

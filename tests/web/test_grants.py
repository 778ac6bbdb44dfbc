from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.access.states import Observation
from governance.grants import actions
from governance.grants.models import Grant
from tests import builders
from tests.builders import Organisation
from tests.web.conftest import Visit


@pytest.fixture
def grant(org: Organisation) -> Grant:
    return builders.live_grant(org.submit())


def page(client: Client, name: str, grant: Grant) -> str:
    return client.get(reverse(name, args=[grant.pk])).content.decode()


class TestGrantPage:
    def test_tells_the_chain_from_request_to_verified_present(
        self, org: Organisation, visit: Visit, grant: Grant
    ) -> None:
        text = page(visit(org.requester), "grant-detail", grant)
        told = [
            "Requested by Requester",
            "Policy: allowed with two approvals",
            "Approved by Manager",
            "Approved by Owner",
            "Policy still holds",
            "Lease started",
            "Verified present",
        ]
        places = [text.index(title) for title in told]
        assert places == sorted(places)

    def test_tells_the_end_and_its_proof(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        actions.expire_due(now=grant.ends_at)
        builders.see(grant, Observation.ABSENT, now=grant.ends_at + timedelta(seconds=2))
        text = page(visit(org.requester), "grant-detail", grant)
        assert "Revoked, verified absent" in text

    def test_says_that_an_end_is_not_proven(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        actions.revoke(grant_id=grant.pk, actor=builders.actor(org.owner), reason="Over", now=timezone.now())
        text = page(visit(org.requester), "grant-detail", grant)
        assert "Ended, but removal is not verified" in text
        assert "Revoked, verified absent" not in text

    def test_is_not_there_for_strangers(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        assert visit(org.stranger).get(reverse("grant-detail", args=[grant.pk])).status_code == 404

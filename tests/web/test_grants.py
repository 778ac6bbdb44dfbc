from datetime import timedelta
from typing import ClassVar
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.access.states import Observation
from governance.core.actor import Role
from governance.grants import actions
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.requests.actions import renew
from governance.requests.models import AccessRequest
from governance.requests.rules import Renewal
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

    def test_leads_to_the_log_only_those_who_may_read_it(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        assert 'href="/events/' not in page(visit(org.requester), "grant-detail", grant)
        assert "<dt>Log entry</dt><dd>Entry " in page(visit(org.requester), "grant-detail", grant)
        assert 'href="/events/' in page(visit(auditor), "grant-detail", grant)

    def test_is_kept_by_no_cache(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        response = visit(org.requester).get(reverse("grant-detail", args=[grant.pk]))
        assert set(response["Cache-Control"].split(", ")) == {"private", "no-store"}

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

    def test_never_says_that_access_is_gone_which_stands_on_another_lease(
        self, org: Organisation, visit: Visit, grant: Grant
    ) -> None:
        why = builders.purpose(org.owner, org.entitlement, name="Another reason")
        other = builders.live_grant(org.submit(purpose_id=why.pk))
        actions.hand_back(grant_id=grant.pk, actor=builders.actor(org.requester), reason="", now=timezone.now())
        text = page(visit(org.requester), "grant-detail", grant)
        assert f"The access stands on {other}." in text
        assert "Over, the access stands on another lease" in text
        assert "verified absent" not in text

    def test_is_not_there_for_strangers(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        assert visit(org.stranger).get(reverse("grant-detail", args=[grant.pk])).status_code == 404


class TestRenewing:
    WISH: ClassVar = {"justification": "The books are not done yet.", "term": "7200"}

    def test_files_a_request_from_the_end_on(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        address, client = reverse("grant-renew", args=[grant.pk]), visit(org.requester)
        assert "never loses the access in between" in client.get(address).content.decode()
        form = {**self.WISH, "token": str(uuid4())}
        first, again = (client.post(address, form)["Location"] for _ in range(2))
        request = AccessRequest.objects.get(renews=grant)
        assert first == again == reverse("request-detail", args=[request.pk])
        assert request.starts_at == grant.ends_at
        text = client.get(first).content.decode()
        assert f">{grant}</a>" in text.partition("Renews")[2]

    @pytest.mark.parametrize(("length", "nearest"), [(2, 2), (36, 24)])
    def test_begins_with_the_length_that_the_lease_had(
        self, org: Organisation, visit: Visit, length: int, nearest: int
    ) -> None:
        """Or the longest on offer that is shorter: policy has agreed to as much before."""
        grant = builders.live_grant(org.submit(term=timedelta(hours=length)))
        page = visit(org.requester).get(reverse("grant-renew", args=[grant.pk]))
        assert page.context["ending"].form["term"].value() == str(nearest * 3600)

    def test_says_beside_the_field_what_is_wrong(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        address = reverse("grant-renew", args=[grant.pk])
        form = {**self.WISH, "token": str(uuid4()), "term": "until"}
        response = visit(org.requester).post(address, form)
        assert (response.status_code, "Give the day and time of the end." in response.content.decode()) == (422, True)
        assert not AccessRequest.objects.filter(renews=grant).exists()

    def test_is_offered_to_those_alone_who_may(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        address = reverse("grant-renew", args=[grant.pk])
        assert address in page(visit(org.requester), "grant-detail", grant)
        assert address not in page(visit(org.owner), "grant-detail", grant)


class TestEnding:
    def test_without_a_reason_is_refused_beside_the_field(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        response = visit(org.owner).post(reverse("grant-revoke", args=[grant.pk]), {"reason": " "})
        assert response.status_code == 422
        assert "Say why: the holder and the owner read it." in response.content.decode()
        grant.refresh_from_db()
        assert grant.state == GrantState.ACTIVE

    def test_takes_the_grant_to_revoking(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        response = visit(org.owner).post(
            reverse("grant-revoke", args=[grant.pk]), {"reason": "No longer so."}, follow=True
        )
        assert f"{grant} is revoked." in response.content.decode()
        assert "Ended early by Owner" in response.content.decode()
        grant.refresh_from_db()
        assert grant.state == GrantState.REVOKING

    def test_by_its_holder_needs_no_reason(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        visit(org.requester).post(reverse("grant-hand-back", args=[grant.pk]), {})
        grant.refresh_from_db()
        assert grant.state == GrantState.REVOKING

    def test_is_moved_earlier_by_its_holder(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        address, until = reverse("grant-narrow", args=[grant.pk]), timezone.now() + timedelta(hours=1)
        client = visit(org.requester)
        assert "It can end earlier, and never later." in client.get(address).content.decode()
        client.post(address, {"until": f"{until:%Y-%m-%dT%H:%M}"})
        end = Grant.objects.get(pk=grant.pk).ends_at
        assert end == until.replace(second=0, microsecond=0)
        late = f"{grant.ends_at + timedelta(days=1):%Y-%m-%dT%H:%M}"
        response = client.post(address, {"until": late})
        assert (response.status_code, "an end only moves earlier" in response.content.decode()) == (422, True)

    def test_says_that_what_was_to_follow_never_begins(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        said = Renewal("The books are not done yet.", timedelta(hours=2), None, uuid4())
        mine = builders.actor(org.requester)
        builders.approve_all(renew(grant_id=grant.pk, renewal=said, actor=mine, now=timezone.now()))
        lost = f"{Grant.objects.get(renews=grant)}, which was to follow, never begins."
        client = visit(org.requester)
        assert page(client, "grant-detail", grant).count(lost) == 2
        for verb in ("narrow", "hand-back"):
            assert lost in page(client, f"grant-{verb}", grant)

    def test_needs_its_token(self, org: Organisation, grant: Grant) -> None:
        client = Client(enforce_csrf_checks=True)
        assert org.requester.user is not None
        client.force_login(org.requester.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        assert client.post(reverse("grant-hand-back", args=[grant.pk]), {}).status_code == 403
        grant.refresh_from_db()
        assert grant.state == GrantState.ACTIVE


class TestList:
    def test_filters_by_state_kind_and_words(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        client = visit(org.requester)
        for query in ({"state": "live"}, {"state": "active"}, {"kind": "person"}, {"q": f"role {grant}"}):
            assert [row.url for row in client.get("/grants/", query).context["rows"]] == [
                reverse("grant-detail", args=[grant.pk])
            ]
        for query in ({"state": "unproven"}, {"kind": "agent"}, {"q": "nothing like it"}):
            assert client.get("/grants/", query).context["rows"] == []

    def test_answers_htmx_with_the_whole_page(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        """Its filters pick the results out of it."""
        text = visit(org.requester).get("/grants/", headers={"HX-Request": "true"}).content.decode()
        assert "<html" in text
        assert 'id="results"' in text

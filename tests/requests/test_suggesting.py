"""What somebody may want to ask for, and that nobody learns of others what they may not see."""

from typing import Any

import pytest
from django.utils import timezone

from governance.identities.models import Identity
from governance.requests.suggesting import Suggestion, colleagues, like, requestable_bundles, suggestions
from tests import changing
from tests.builders import Organisation, account, actor, entitlement, live_grant, person, purpose, system
from tests.leases import newcomer

pytestmark = pytest.mark.django_db

JOB: dict[str, Any] = {"department": "Claims", "title": "Handler"}


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def holder(org: Organisation, name: str) -> Identity:
    """Somebody with the job who holds the organisation's entitlement."""
    found = newcomer(org, name)
    Identity.objects.filter(pk=found.pk).update(**JOB)
    live_grant(org.submit())
    return found


def colleague(org: Organisation) -> Identity:
    """Somebody with the job, and nothing more."""
    found = person("New", manager=org.manager, **JOB)
    account(found, org.system)
    return found


def suggested(holder: Identity) -> list[Suggestion]:
    """What the holder themselves is told that they may want."""
    now = timezone.now()
    return suggestions(holder, requestable_bundles([holder], now), actor(holder), now)


class TestLike:
    def test_is_what_they_hold_and_the_other_does_not(self, org: Organisation) -> None:
        old, new = holder(org, "Old"), colleague(org)
        (found,) = like(old, new, actor(org.manager), timezone.now())
        assert (found.entitlement, found.closed) == (org.entitlement, "")
        assert like(old, old, actor(org.manager), timezone.now()) == []

    def test_says_what_can_not_be_asked_for(self, org: Organisation) -> None:
        old = holder(org, "Old")
        new = person("New", manager=org.manager)
        (found,) = like(old, new, actor(org.manager), timezone.now())
        assert found.closed == f"New has no account on {org.system.name}, which {org.entitlement.name} needs."

    def test_tells_nobody_what_they_may_not_see(self, org: Organisation) -> None:
        old, new = holder(org, "Old"), colleague(org)
        assert like(old, new, actor(new), timezone.now()) == []
        assert list(colleagues(actor(new), timezone.now())) == []
        assert list(colleagues(actor(org.manager), timezone.now())) == [old]


class TestSuggestions:
    def test_are_what_half_of_the_peers_hold_with_the_count(self, org: Organisation) -> None:
        for name in ("One", "Two"):
            holder(org, name)
        colleague(org)
        (found,) = suggested(colleague(org))
        assert found.entitlement == org.entitlement
        assert found.why == "2 of 3 others who are Handler in Claims hold it."

    def test_are_none_where_a_count_would_tell_of_one(self, org: Organisation) -> None:
        for name in ("One", "Two"):
            holder(org, name)
        assert suggested(colleague(org)) == []

    def test_are_none_where_all_hold_it(self, org: Organisation) -> None:
        for name in ("One", "Two", "Three"):
            holder(org, name)
        new = colleague(org)
        assert suggested(new) == []
        colleague(org)
        assert len(suggested(new)) == 1

    def test_are_nothing_that_one_could_not_be_leased(self, org: Organisation) -> None:
        for name in ("One", "Two", "Three"):
            holder(org, name)
        colleague(org)
        assert suggested(person("Far", **JOB)) == []

    def test_name_bundles_whose_criteria_are_true(self, org: Organisation) -> None:
        fits, other = (
            changing.bundle(org.entitlement, org.owner, org.stranger, key=key, criteria=text)
            for key, text in (
                ("fits", "identity.department == 'Claims'"),
                ("other", "identity.department == 'Sales'"),
            )
        )
        new = colleague(org)
        (found,) = suggested(new)
        assert found.bundle is not None
        assert found.bundle.version.bundle == fits != other
        assert found.why == "Its criteria are true of New."

    def test_leave_out_a_bundle_that_is_held_whole(self, org: Organisation) -> None:
        changing.bundle(org.entitlement, org.owner, org.stranger, key="fits", criteria="identity.kind == 'person'")
        assert suggested(holder(org, "Old")) == []

    def test_offer_no_more_than_the_catalog(self, org: Organisation) -> None:
        elsewhere = system(org.owner)
        org.entitlement = entitlement(elsewhere, org.owner)
        org.purpose = purpose(org.owner, org.entitlement)
        org.system = elsewhere
        for name in ("One", "Two", "Three"):
            holder(org, name)
        person("Else", **JOB)
        assert suggested(person("Near", **JOB)) == []

"""Bundles: proposed, versioned, included in one another without a circle, and retired."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from governance.catalog import bundles
from governance.catalog.models import Bundle, BundleVersion
from governance.catalog.states import BundleState
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.errors import Conflict, Invalid, NotFound
from governance.core.moves import plain
from tests.builders import Organisation, entitlement
from tests.changing import approved, asked, propose, steps_of
from tests.core.log import events_of
from tests.harness.races import at_once, rounds, seeds
from tests.leases import approve, reject

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def proposed(org: Organisation, key: str = "books", **given: Any) -> ProposedChange:
    values = {
        "key": key,
        "name": key.title(),
        "review_at": plain(timezone.now() + timedelta(days=90)),
        "entitlements": [f"{org.system.key}/{org.entitlement.key}"],
        "owner": str(org.owner.pk),
    }
    return propose("bundle.new", None, org.requester, **{**values, **given})


def made(org: Organisation, key: str = "books", **given: Any) -> Bundle:
    change = approved(proposed(org, key, **given), org.owner)
    assert change.state == ChangeState.APPLIED, change.state_reason
    return Bundle.objects.get(key=key)


def edit(org: Organisation, bundle: Bundle, **given: Any) -> ProposedChange:
    return propose("bundle.edit", bundle, org.requester, **given)


class TestANewBundle:
    def test_stands_once_its_owner_says_yes(self, org: Organisation) -> None:
        change = proposed(org)
        assert Bundle.objects.get().state == BundleState.PROPOSED
        assert [asked(step) for step in steps_of(change)] == [{org.owner}]
        approved(change, org.owner)
        bundle = Bundle.objects.get()
        assert [event["action"] for event in events_of(bundle.pk)] == ["bundle.proposed", "bundle.active"]
        assert bundles.held_by([bundle.pk]) == {org.entitlement.pk}

    def test_with_what_is_risky_takes_a_second_person(self, org: Organisation) -> None:
        risky = entitlement(org.system, org.owner, privileged=True)
        first, second = steps_of(proposed(org, entitlements=[f"{org.system.key}/{risky.key}"]))
        approve(first, org.owner)
        assert asked(second) == set(org.governance)

    def test_that_is_refused_is_rejected(self, org: Organisation) -> None:
        reject(steps_of(proposed(org))[0], org.owner)
        assert Bundle.objects.get().state == BundleState.REJECTED

    @pytest.mark.parametrize(
        ("given", "field", "said"),
        [
            ({"key": "Books!"}, "key", "small letters"),
            ({"name": ""}, "name", "Name it"),
            ({"review_at": None}, "review_at", "Write a moment"),
            ({"review_at": "2020-01-01T00:00:00Z"}, "review_at", "past"),
            ({"review_at": "2099-01-01T00:00:00Z"}, "review_at", "within 366 days"),
            ({"birthright": True}, "criteria", "says who gets it"),
            ({"criteria": "identity.salary > 3"}, "criteria", "Line 1, column"),
            ({"criteria": "identity.department"}, "criteria", "Line 1, column"),
            ({"criteria": "system.key == 'a'"}, "criteria", "not of system"),
            ({"criteria": "identity.department == "}, "criteria", "Line 1, column"),
            ({"entitlements": []}, "entitlements", "holds something"),
            ({"entitlements": ["a/b"]}, "entitlements", "no active entitlement a/b"),
            ({"bundles": ["none"]}, "bundles", "no active bundle none"),
        ],
    )
    def test_says_what_is_wrong_at_the_field(
        self, org: Organisation, given: dict[str, Any], field: str, said: str
    ) -> None:
        with pytest.raises(Invalid) as found:
            proposed(org, **given)
        assert said in found.value.fields[field]
        assert not Bundle.objects.exists()

    def test_may_name_other_facts_in_quotes(self, org: Organisation) -> None:
        made(org, criteria="identity.department == 'system' && identity.title.startsWith(\"request\")")


class TestAnEdit:
    def test_is_the_next_version(self, org: Organisation) -> None:
        bundle = made(org)
        other = entitlement(org.system, org.owner)
        keys = [f"{org.system.key}/{other.key}"]
        approved(edit(org, bundle, entitlements=keys, criteria="identity.kind == 'person'"), org.owner)
        assert bundles.values(bundle)["entitlements"] == keys
        assert bundles.held_by([bundle.pk]) == {other.pk}
        first, second = BundleVersion.objects.filter(bundle=bundle).order_by("number")
        assert (first.criteria, second.criteria) == ("", "identity.kind == 'person'")
        assert first.parts.get().entitlement == org.entitlement


class TestInclusion:
    def test_holds_what_is_included_at_any_remove(self, org: Organisation) -> None:
        others = [entitlement(org.system, org.owner) for _ in range(2)]
        made(org, "one")
        made(org, "two", entitlements=[f"{org.system.key}/{others[0].key}"], bundles=["one"])
        three = made(org, "three", entitlements=[f"{org.system.key}/{others[1].key}"], bundles=["two"])
        assert bundles.held_by([three.pk]) == {org.entitlement.pk, *(one.pk for one in others)}

    @pytest.mark.parametrize("closing", ["one", "three"])
    def test_of_itself_is_refused_at_the_field(self, org: Organisation, closing: str) -> None:
        one = made(org, "one")
        made(org, "two", bundles=["one"])
        made(org, "three", bundles=["two"])
        with pytest.raises(Invalid) as found:
            edit(org, one, bundles=[closing])
        assert set(found.value.fields) == {"bundles"}

    def test_that_closes_a_circle_by_then_fails(self, org: Organisation) -> None:
        one, two = made(org, "one"), made(org, "two")
        first, second = edit(org, one, bundles=["two"]), edit(org, two, bundles=["one"])
        assert approved(first, org.owner).state == ChangeState.APPLIED
        assert approved(second, org.owner).state == ChangeState.FAILED
        assert "circle" in second.state_reason

    def test_of_what_is_retired_holds_nothing(self, org: Organisation) -> None:
        one = made(org, "one")
        other = entitlement(org.system, org.owner)
        two = made(org, "two", entitlements=[f"{org.system.key}/{other.key}"], bundles=["one"])
        approved(propose("bundle.retire", one, org.requester, state="retired"), org.owner)
        assert bundles.held_by([two.pk]) == {other.pk}
        one.refresh_from_db()
        with pytest.raises((Conflict, NotFound)):
            edit(org, one, name="Again")


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @rounds
    def test_two_inclusions_never_close_a_circle(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            one, two = made(org, f"one-{seed}"), made(org, f"two-{seed}")
            changes = [edit(org, one, bundles=[two.key]), edit(org, two, bundles=[one.key])]
            acts = [partial(approve, steps_of(change)[0], org.owner) for change in changes]
            at_once(*acts, seed=seed)
            states = {ProposedChange.objects.get(pk=change.pk).state for change in changes}
            assert states == {ChangeState.APPLIED, ChangeState.FAILED}

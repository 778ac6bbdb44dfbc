"""Changing a system, and letting something more be granted in one."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from governance.catalog import moves
from governance.catalog.models import Entitlement, System
from governance.catalog.states import CatalogState
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.errors import Conflict, Invalid, NotFound
from governance.core.locking import locked, unit_of_work
from governance.identities.models import Identity
from governance.identities.queries import owners_of
from tests.builders import BUILDER, Organisation, entitlement
from tests.changing import approved, asked, propose, steps_of
from tests.core.log import events_of
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import approve, leave, reject

pytestmark = pytest.mark.django_db

NEW: dict[str, Any] = {
    "key": "journals",
    "name": "Post journals",
    "description": "Posts journals.",
    "risk": "moderate",
    "longest_lease_seconds": 86400,
    "review_cadence_seconds": 90 * 86400,
    "allowed_kinds": ["person"],
}


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def added(org: Organisation, by: Identity, **given: Any) -> ProposedChange:
    return propose("entitlement.new", org.system, by, **{**NEW, **given})


def problems(verb: Any, *args: Any, **given: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as found:
        verb(*args, **given)
    return found.value.fields


class TestSystemEdit:
    def test_is_the_owners_decision(self, org: Organisation) -> None:
        change = propose("system.edit", org.system, org.requester, description="Keeps the books.", name=org.system.name)
        assert (change.before, change.payload) == ({"description": ""}, {"description": "Keeps the books."})
        (step,) = steps_of(change)
        assert asked(step) == {org.owner}
        assert approved(change, org.owner).state == ChangeState.APPLIED
        org.system.refresh_from_db()
        assert org.system.description == "Keeps the books."
        assert events_of(org.system.pk)[-1]["action"] == "system.edited"

    def test_asks_a_second_person_where_it_becomes_risky(self, org: Organisation) -> None:
        change = propose("system.edit", org.system, org.requester, risk="critical")
        approved(change, org.owner, org.governance[0])
        assert System.objects.get(pk=org.system.pk).risk == "critical"

    @pytest.mark.parametrize(
        ("payload", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": 5}, "name"),
            ({"description": "d" * 4001}, "description"),
            ({"environment": "moon"}, "environment"),
            ({"risk": None}, "risk"),
            ({"key": "other"}, "key"),
            ({}, "payload"),
        ],
    )
    def test_says_what_is_wrong_at_the_field(self, org: Organisation, payload: Any, field: str) -> None:
        assert set(problems(propose, "system.edit", org.system, org.requester, **payload)) == {field}

    def test_is_not_for_what_is_retired(self, org: Organisation) -> None:
        retire(org.system)
        with pytest.raises(NotFound):
            propose("system.edit", org.system, org.requester, name="Other")
        with pytest.raises(Conflict):
            propose("system.edit", org.system, org.owner, name="Other")


@unit_of_work()
def retire(what: System) -> None:
    moves.retire(locked(System.objects.all(), what.pk), actor=BUILDER, why="Meanwhile", now=timezone.now())


class TestEntitlementNew:
    def test_is_there_with_the_last_yes_and_owned(self, org: Organisation) -> None:
        change = added(org, org.requester, owner=str(org.stranger.pk))
        (step,) = steps_of(change)
        assert asked(step) == {org.owner}
        assert not Entitlement.objects.filter(key="journals").exists()
        assert approved(change, org.owner).state == ChangeState.APPLIED
        made = Entitlement.objects.get(system=org.system, key="journals")
        assert (made.state, made.longest_lease, made.permits) == (CatalogState.ACTIVE, timedelta(days=1), [])
        assert owners_of(Entitlement.NOUN, made.pk, timezone.now()) == [org.stranger]

    def test_is_owned_by_the_proposer_where_nobody_is_named(self, org: Organisation) -> None:
        assert added(org, org.requester).payload["owner"] == str(org.requester.pk)

    @pytest.mark.parametrize("payload", [{"risk": "high"}, {"privileged": True}])
    def test_asks_a_second_person_where_it_is_risky(self, org: Organisation, payload: Any) -> None:
        change = added(org, org.requester, **payload)
        approve(steps_of(change)[0], org.owner)
        assert not Entitlement.objects.filter(key="journals").exists()
        assert asked(steps_of(change)[1]) == set(org.governance)
        approve(steps_of(change)[1], org.governance[0])
        assert Entitlement.objects.filter(key="journals").exists()

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"key": None}, "key"),
            ({"key": ""}, "key"),
            ({"key": "k" * 201}, "key"),
            ({"key": " role"}, "key"),
            ({"key": "a\0b"}, "key"),
            ({"key": ["a"]}, "key"),
            ({"key": "reader"}, "key"),
            ({"owner": "nobody"}, "owner"),
            ({"owner": 7}, "owner"),
            ({"description": ""}, "description"),
            ({"risk": ""}, "risk"),
            ({"allowed_kinds": []}, "allowed_kinds"),
            ({"longest_lease_seconds": None}, "longest_lease_seconds"),
            ({"longest_lease_seconds": 184 * 86400}, "longest_lease_seconds"),
            ({"permits": [{"type": "invoice"}]}, "permits"),
            ({"state": "active"}, "state"),
        ],
    )
    def test_says_what_is_wrong_at_the_field(self, org: Organisation, given: Any, field: str) -> None:
        if given == {"key": "reader"}:
            given = {"key": org.entitlement.key}
        assert set(problems(added, org, org.requester, **given)) == {field}

    def test_says_all_that_is_wrong(self, org: Organisation) -> None:
        given = dict.fromkeys(NEW)
        assert set(problems(propose, "entitlement.new", org.system, org.requester, **given)) == set(NEW)

    def test_may_wait_beside_another_of_the_system_but_not_of_the_key(self, org: Organisation) -> None:
        first = added(org, org.requester)
        added(org, org.stranger, key="ledgers")
        assert str(first) in problems(added, org, org.stranger)["key"]
        reject(steps_of(first)[0], org.owner)
        added(org, org.stranger)

    @rounds
    @pytest.mark.django_db(transaction=True)
    def test_is_proposed_once_for_a_key(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            acts = (partial(added, org, by, key=f"journals-{seed}") for by in (org.requester, org.stranger))
            done, refused = split(at_once(*acts, seed=seed))
            assert (len(done), len(refused)) == (1, 1)

    def test_fails_where_its_owner_has_left_meanwhile(self, org: Organisation) -> None:
        change = added(org, org.requester, owner=str(org.stranger.pk))
        leave(org.stranger)
        assert approved(change, org.owner).state == ChangeState.FAILED
        assert "active person" in change.state_reason
        assert not Entitlement.objects.filter(key="journals").exists()

    def test_fails_where_the_key_was_taken_meanwhile(self, org: Organisation) -> None:
        change = added(org, org.requester)
        entitlement(org.system, org.owner, key="journals")
        assert approved(change, org.owner).state == ChangeState.FAILED
        assert change.state_reason == "There is an entitlement journals already."

    def test_fails_where_the_system_is_retired_meanwhile(self, org: Organisation) -> None:
        change = added(org, org.requester)
        retire(org.system)
        assert approved(change, org.owner).state == ChangeState.FAILED
        assert "is retired" in change.state_reason

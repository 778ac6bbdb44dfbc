"""A purpose's way: proposed, edited, and retired with all that rests on it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from governance.access.states import Observation
from governance.approvals.models import ApprovalRoute
from governance.approvals.states import RouteState
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.actor import Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.moves import plain
from governance.grants.models import Grant
from governance.grants.states import OVER, GrantState
from governance.identities.models import Identity
from governance.identities.queries import owners_of
from governance.lifecycle.actions import retire_if_due
from governance.lifecycle.queries import purposes_to_retire
from governance.lifecycle.retirement import resting
from governance.purposes.models import Justification, Purpose
from governance.purposes.states import PurposeState
from governance.requests.models import RequestItem
from governance.requests.states import ItemState, RequestState
from tests import policing
from tests.builders import (
    BUILDER,
    Organisation,
    actor,
    entitlement,
    person,
    portal_role,
    purpose,
    rule,
    see,
    step_ids,
)
from tests.changing import approved, asked, propose, steps_of
from tests.core.log import events_of
from tests.harness.races import at_once, rounds, seeds
from tests.leases import active, approve, begin, fresh, granted, newcomer, reject, started
from tests.provisioning.things import Scripted

pytestmark = pytest.mark.django_db
YEAR = timedelta(days=365)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def key(org: Organisation) -> str:
    return f"{org.system.key}/{org.entitlement.key}"


def proposed(org: Organisation, by: Identity, **given: Any) -> ProposedChange:
    values = {"name": "Closing the year", "ends_at": plain(timezone.now() + YEAR), "entitlements": [key(org)]}
    return propose("purpose.new", None, by, **{**values, **given})


def of(change: ProposedChange) -> Purpose:
    return Purpose.objects.get(pk=change.subject_id)


class TestANewPurpose:
    def test_waits_for_the_governance_team_and_then_carries_grants(self, org: Organisation) -> None:
        change = proposed(org, org.requester)
        new = of(change)
        assert new.state == PurposeState.PROPOSED
        assert not Purpose.objects.active(timezone.now()).filter(pk=new.pk).exists()
        assert owners_of(Purpose.NOUN, new.pk, timezone.now()) == [org.requester]
        (step,) = steps_of(change)
        assert asked(step) == set(org.governance)
        assert approved(change, org.governance[0]).state == ChangeState.APPLIED
        assert of(change).state == PurposeState.ACTIVE
        actions = [event["action"] for event in events_of(new.pk)]
        assert actions == ["purpose.proposed", "purpose.approved", "purpose.active"]
        assert Purpose.objects.justifying(org.entitlement.pk).filter(pk=new.pk).exists()

    def test_for_another_owner_waits_for_them_as_well(self, org: Organisation) -> None:
        change = proposed(org, org.requester, owner=str(org.owner.pk))
        first, second = steps_of(change)
        assert asked(first) == {org.owner}
        approve(first, org.owner)
        assert asked(second) == set(org.governance)

    def test_that_is_refused_is_rejected(self, org: Organisation) -> None:
        change = proposed(org, org.requester)
        reject(steps_of(change)[0], org.governance[0])
        assert of(change).state == PurposeState.REJECTED

    def test_has_a_reference_of_its_own(self, org: Organisation) -> None:
        first, second = of(proposed(org, org.requester)), of(proposed(org, org.stranger))
        assert int(second.reference[2:]) == int(first.reference[2:]) + 1

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"name": " "}, "name"),
            ({"ends_at": None}, "ends_at"),
            ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
            ({"ends_at": "2099-01-01"}, "ends_at"),
            ({"ends_at": "soon"}, "ends_at"),
            ({"ends_at": None, "review_at": "2099-01-01T00:00:00Z"}, "review_at"),
            ({"entitlements": ["nowhere/nothing"]}, "entitlements"),
            ({"entitlements": "all"}, "entitlements"),
            ({"owner": "nobody"}, "owner"),
            ({"emergency": True}, "emergency"),
        ],
    )
    def test_says_what_is_wrong_at_the_field(self, org: Organisation, given: dict[str, Any], field: str) -> None:
        with pytest.raises(Invalid) as found:
            proposed(org, org.requester, **given)
        assert set(found.value.fields) == {field}
        assert not Purpose.objects.filter(name="Closing the year").exists()


class TestAnEdit:
    def test_is_the_owners_to_decide(self, org: Organisation) -> None:
        change = propose("purpose.edit", org.purpose, org.requester, name="Keeping all books")
        assert [asked(step) for step in steps_of(change)] == [{org.owner}]
        approved(change, org.owner)
        assert of(change).name == "Keeping all books"

    @pytest.mark.parametrize("risk", ["high", "critical"])
    def test_takes_a_second_person_to_justify_what_is_risky(self, org: Organisation, risk: str) -> None:
        other = entitlement(org.system, org.owner, risk=risk)
        keys = [key(org), f"{org.system.key}/{other.key}"]
        change = propose("purpose.edit", org.purpose, org.requester, entitlements=keys)
        first, second = steps_of(change)
        approve(first, org.owner)
        assert asked(second) == set(org.governance)
        approve(second, org.governance[0])
        assert Justification.objects.filter(purpose=org.purpose, entitlement=other, ended_at=None).exists()

    def test_takes_a_second_person_to_last_longer(self, org: Organisation) -> None:
        later = plain(timezone.now() + 2 * YEAR)
        assert len(steps_of(propose("purpose.edit", org.purpose, org.requester, ends_at=later))) == 2

    def test_to_end_sooner_shortens_what_rests_on_it(self, org: Organisation) -> None:
        grant = granted(org, term=timedelta(days=20))
        soon = timezone.now() + timedelta(days=2)
        change = approved(propose("purpose.edit", org.purpose, org.requester, ends_at=plain(soon)), org.owner)
        assert change.state == ChangeState.APPLIED
        assert fresh(grant).ends_at == soon

    def test_does_not_narrow_the_scope_under_a_lease(self, org: Organisation) -> None:
        grant = granted(org)
        with pytest.raises(Invalid, match=str(grant)):
            propose("purpose.edit", org.purpose, org.requester, entitlements=[])

    def test_that_a_lease_overtakes_fails(self, org: Organisation) -> None:
        change = propose("purpose.edit", org.purpose, org.requester, entitlements=[])
        grant = granted(org)
        approved(change, org.owner)
        assert change.state == ChangeState.FAILED
        assert str(grant) in change.state_reason

    def test_of_a_purpose_that_is_no_more_is_refused(self, org: Organisation) -> None:
        retired(org, org.requester)
        with pytest.raises((Conflict, NotFound)):
            propose("purpose.edit", org.purpose, org.requester, name="Again")


def retired(org: Organisation, by: Identity, *also: Identity) -> ProposedChange:
    return approved(propose("purpose.retire", org.purpose, by, state="retired"), org.owner, *also)


class TestRetiring:
    def test_shows_what_rests_on_it_alone(self, org: Organisation, memory: Scripted) -> None:
        other = purpose(org.owner, org.entitlement)
        both = active(org)
        started(org, why=other)
        newcomer(org)
        alone = active(org)
        newcomer(org)
        waiting = granted(org)
        newcomer(org)
        item = org.submit().items.get()
        found = resting(org.purpose.pk, timezone.now())
        assert list(found.alone) == [alone]
        assert list(found.supported) == [both]
        assert list(found.waiting) == [waiting]
        assert list(found.in_review) == [item]

    def test_ends_all_of_it_in_one_act(self, org: Organisation, memory: Scripted) -> None:
        grant = active(org)
        newcomer(org)
        waiting = granted(org)
        newcomer(org)
        request = org.submit()
        change = retired(org, org.requester, org.governance[0])
        assert change.state == ChangeState.APPLIED, change.state_reason
        why = f"{org.purpose} is retired: {change.reason}"
        assert (fresh(grant).state, fresh(grant).state_reason) == (GrantState.REVOKING, why)
        assert (fresh(waiting).state, fresh(waiting).state_reason) == (GrantState.CANCELLED, why)
        item = request.items.get()
        assert (item.state, item.state_reason) == (ItemState.CLOSED, why)
        request.refresh_from_db()
        assert request.state == RequestState.DECIDED
        assert not ApprovalRoute.objects.filter(subject_id=item.pk, state=RouteState.OPEN).exists()
        assert of(change).state == PurposeState.RETIRING

    def test_is_over_once_the_last_removal_is_proven(self, org: Organisation, memory: Scripted) -> None:
        grant = active(org)
        retired(org, org.requester, org.governance[0])
        now = timezone.now()
        assert not purposes_to_retire(now).exists()
        assert not retire_if_due(purpose_id=org.purpose.pk, actor=BUILDER, now=now)
        see(fresh(grant), Observation.ABSENT)
        assert list(purposes_to_retire(now)) == [org.purpose.pk]
        assert retire_if_due(purpose_id=org.purpose.pk, actor=BUILDER, now=now)
        assert Purpose.objects.get(pk=org.purpose.pk).state == PurposeState.RETIRED
        assert not retire_if_due(purpose_id=org.purpose.pk, actor=BUILDER, now=now)

    def test_leaves_access_that_another_lease_supports(self, org: Organisation, memory: Scripted) -> None:
        both = active(org)
        other = started(org, why=purpose(org.owner, org.entitlement))
        change = retired(org, org.requester)
        assert of(change).state == PurposeState.RETIRED
        assert fresh(both).state == GrantState.REVOKED
        assert str(other) in fresh(both).state_reason

    def test_takes_a_second_person_where_access_goes(self, org: Organisation, memory: Scripted) -> None:
        active(org)
        first, second = steps_of(propose("purpose.retire", org.purpose, org.requester, state="retired"))
        approve(first, org.owner)
        assert Purpose.objects.get(pk=org.purpose.pk).state == PurposeState.ACTIVE
        with pytest.raises((Denied, NotFound)):
            approve(second, org.owner)

    def test_withdraws_other_changes_of_it(self, org: Organisation) -> None:
        other = propose("purpose.edit", org.purpose, org.requester, name="Another")
        retired(org, org.requester)
        other.refresh_from_db()
        assert other.state == ChangeState.WITHDRAWN
        assert "is retired" in other.state_reason

    def test_does_not_take_the_portals_roles_away(self, org: Organisation) -> None:
        grant = portal_role(person("Admin"), Role.ADMINISTRATOR)
        with pytest.raises(Conflict, match="own roles"):
            propose("purpose.retire", grant.purpose, grant.identity, state="retired")

    def test_comes_by_itself_when_its_end_has_come(self, org: Organisation) -> None:
        request = org.submit()
        later: datetime = (org.purpose.ends_at or timezone.now()) + timedelta(seconds=1)
        assert list(purposes_to_retire(later)) == [org.purpose.pk]
        assert retire_if_due(purpose_id=org.purpose.pk, actor=BUILDER, now=later)
        assert request.items.get().state == ItemState.CLOSED
        assert Purpose.objects.get(pk=org.purpose.pk).state == PurposeState.RETIRED


@pytest.mark.django_db(transaction=True)
class TestAGrantMadeMeanwhile:
    """Whatever comes first: nothing stands or waits on a purpose that is retired."""

    @rounds
    @pytest.mark.parametrize("way", ["submitted", "decided", "begun"])
    def test_never_stands_on_what_is_retired(self, rounds: int, way: str, memory: Scripted) -> None:
        org = Organisation()
        act: dict[str, Callable[[], Callable[[], Any]]] = {
            "submitted": lambda: org.submit,
            "decided": lambda: self._last_step(org),
            "begun": lambda: partial(begin, granted(org)),
        }
        if way == "submitted":
            self._ask_nobody(org)
        late = 0
        for seed in seeds(rounds):
            newcomer(org)
            org.purpose = purpose(org.owner, org.entitlement)
            other = act[way]()
            change = propose("purpose.retire", org.purpose, org.stranger, state="retired")
            steps = steps_of(change)
            for step in steps[:-1]:
                approve(step, org.owner)
            last = org.governance[0] if len(steps) > 1 else org.owner
            at_once(other, partial(approve, steps[-1], last), seed=seed)
            change.refresh_from_db()
            assert change.state == ChangeState.APPLIED, change.state_reason
            left = Grant.objects.filter(purpose=org.purpose).exclude(state__in=OVER)
            assert not left.exclude(state=GrantState.REVOKING).exists()
            assert not RequestItem.objects.filter(request__purpose=org.purpose, state=ItemState.PENDING).exists()
            late += Grant.objects.filter(purpose=org.purpose).exists()
        assert late, "no grant was ever made before the retirement: the race is none"

    def _last_step(self, org: Organisation) -> Callable[[], Any]:
        first, last = step_ids(org.submit())
        approve(first, org.manager)
        return partial(approve, last, org.owner)

    def _ask_nobody(self, org: Organisation) -> None:
        admin, now = actor(org.boss, Role.ADMINISTRATOR), timezone.now()
        policing.retire(version_id=org.rule.versions.get().pk, actor=admin, why="Too much", now=now)
        rule(allow_without_human=True)

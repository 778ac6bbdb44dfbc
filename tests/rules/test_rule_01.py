"""Rule 1: no grant without purpose, owner, basis and end. Here it is tried past the product and through it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from governance.core.errors import Invalid
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import move
from governance.grants.actions import activate
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState
from governance.requests.states import ItemState
from tests.builders import BUILDER, Organisation, machine, person, purpose
from tests.core.log import events_of
from tests.leases import HOUR, active, decided, fresh, granted, leave, newcomer, started
from tests.provisioning.things import Scripted
from tests.rules.sql import columns, insert, run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def grant(org: Organisation, memory: Scripted) -> Grant:
    return active(org)


@unit_of_work()
def retire(purpose: Purpose) -> None:
    for row in locked_all(Purpose.objects.filter(pk=purpose.pk)):
        move(row, PurposeState.RETIRING, actor=BUILDER, why="No longer needed", now=timezone.now())


class TestAGrantInsertedPastTheProduct:
    @pytest.mark.parametrize(
        "column",
        ["ends_at", "starts_at", "accountable_owner_id", "purpose_id", "basis", "identity_id", "entitlement_id"],
    )
    def test_has_what_a_lease_must_have(self, grant: Grant, column: str) -> None:
        later = {"starts_at": grant.ends_at, "ends_at": grant.ends_at + HOUR}
        values = columns(grant, **{**later, column: None})
        with pytest.raises(IntegrityError, match=f'null value in column "{column}"'):
            insert(values)

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"basis": ""}, "rule_01_grant_has_a_basis"),
            ({"basis": "because"}, "rule_01_grant_has_a_basis"),
            ({"state": "eternal"}, "grant_state_is_known"),
            ({"assignment_id": None}, "started_grant_has_an_assignment"),
            ({"activation_decision_id": None}, "rule_03_nothing_starts_without_a_decision"),
            ({"state": "cancelled", "state_reason": ""}, "cancelled_grant_says_why"),
        ],
    )
    def test_is_refused_by_name(self, grant: Grant, changes: dict[str, Any], constraint: str) -> None:
        later = {"starts_at": grant.ends_at, "ends_at": grant.ends_at + HOUR}
        with pytest.raises(IntegrityError, match=constraint):
            insert(columns(grant, **{**later, **changes}))

    @pytest.mark.parametrize("length", [timedelta(), -HOUR])
    def test_ends_after_it_starts(self, grant: Grant, length: timedelta) -> None:
        with pytest.raises(IntegrityError, match=r"rule_01_grant_ends_after_it_starts|range lower bound"):
            insert(columns(grant, starts_at=grant.ends_at, ends_at=grant.ends_at + length))

    def test_does_not_outlast_its_purpose(self, grant: Grant, org: Organisation) -> None:
        assert org.purpose.ends_at is not None
        with pytest.raises(IntegrityError, match="outlasts none of them"):
            insert(columns(grant, starts_at=grant.ends_at, ends_at=org.purpose.ends_at + HOUR))

    def test_rests_on_an_active_purpose(self, grant: Grant, org: Organisation) -> None:
        retired = purpose(org.owner, org.entitlement, state=PurposeState.RETIRED)
        with pytest.raises(IntegrityError, match="rests on an active purpose"):
            insert(columns(grant, purpose_id=retired.pk))

    @pytest.mark.parametrize("state", ["on_leave", "suspended", "ended", "expected"])
    def test_is_answered_for_by_somebody_active(self, grant: Grant, state: str) -> None:
        absent = person(state=state)
        later = {"starts_at": grant.ends_at, "ends_at": grant.ends_at + HOUR}
        with pytest.raises(IntegrityError, match=r"rule 1"):
            insert(columns(grant, accountable_owner_id=absent.pk, **later))

    def test_is_held_by_somebody_who_has_not_ended(self, grant: Grant) -> None:
        with pytest.raises(IntegrityError, match="rests on an active purpose, an owner and a holder"):
            insert(columns(grant, identity_id=person(state="ended").pk))


class TestAGrantChangedPastTheProduct:
    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ("ends_at = ends_at + interval '1 second'", "the end of a grant only moves earlier"),
            ("ends_at = 'infinity'", "the end of a grant only moves earlier"),
            ("starts_at = starts_at - interval '1 day'", "the start of a grant that has begun never changes"),
            ("basis = 'adoption'", "whom, what and what for a grant leases never changes"),
            ("requester_id = accountable_owner_id", "whom, what and what for a grant leases never changes"),
            ("number = number + 1", "whom, what and what for a grant leases never changes"),
            ("source_id = id", "whom, what and what for a grant leases never changes"),
        ],
    )
    def test_is_refused(self, grant: Grant, change: str, why: str) -> None:
        with pytest.raises(IntegrityError, match=rf"{why}.*\(rule 1\)"):
            run(f"UPDATE governance_grant SET {change} WHERE id = %s", grant.pk)

    def test_moves_to_no_other_purpose(self, grant: Grant, org: Organisation) -> None:
        other = purpose(org.owner, org.entitlement)
        with pytest.raises(IntegrityError, match="never changes"):
            run("UPDATE governance_grant SET purpose_id = %s WHERE id = %s", other.pk, grant.pk)

    @pytest.mark.parametrize("old", ["revoking", "revocation_failed", "revoked", "cancelled"])
    def test_never_begins_again(self, grant: Grant, old: str) -> None:
        run("UPDATE governance_grant SET state = %s, state_reason = 'x' WHERE id = %s", old, grant.pk)
        for state in ("active", "provisioning", "suspended", "approved"):
            with pytest.raises(IntegrityError, match="never begins again"):
                run("UPDATE governance_grant SET state = %s WHERE id = %s", state, grant.pk)

    def test_is_not_answered_for_by_somebody_who_has_ended(self, grant: Grant) -> None:
        gone = person(state="ended")
        with pytest.raises(IntegrityError, match="rests on an active purpose, an owner"):
            run("UPDATE governance_grant SET accountable_owner_id = %s WHERE id = %s", gone.pk, grant.pk)

    def test_ends_earlier_at_will(self, grant: Grant) -> None:
        assert run("UPDATE governance_grant SET ends_at = ends_at - interval '1 hour' WHERE id = %s", grant.pk) == 1


class TestWhatALeaseRestsOn:
    @pytest.fixture(params=[granted, started, active])
    def standing(self, request: pytest.FixtureRequest, org: Organisation, memory: Scripted) -> Grant:
        make: Callable[..., Grant] = request.param
        return make(org)

    @pytest.mark.parametrize("state", sorted(set(PurposeState) - {PurposeState.ACTIVE}))
    def test_stays_active_while_the_lease_lasts(self, standing: Grant, state: str) -> None:
        with pytest.raises(IntegrityError, match=r"a purpose stays active while grants rest on it.*\(rule 1\)"):
            run("UPDATE governance_purpose SET state = %s", state)

    @pytest.mark.parametrize("column", ["ends_at", "review_at"])
    def test_does_not_end_before_the_lease(self, standing: Grant, column: str) -> None:
        with pytest.raises(IntegrityError, match="and as long as they last"):
            run(f"UPDATE governance_purpose SET {column} = %s", standing.ends_at - timedelta(seconds=1))
        run(f"UPDATE governance_purpose SET {column} = %s", standing.ends_at)

    @pytest.mark.parametrize("who", ["identity_id", "accountable_owner_id"])
    def test_is_not_ended_without_it(self, standing: Grant, who: str) -> None:
        ended = "UPDATE governance_identity SET state = 'ended' WHERE id = %s"
        with pytest.raises(IntegrityError, match="an identity ends with the grants it holds, and others answer"):
            run(ended, getattr(standing, who))

    def test_lasts_as_long_as_the_holder(self, standing: Grant) -> None:
        soon = "UPDATE governance_identity SET ends_at = %s WHERE id = %s"
        with pytest.raises(IntegrityError, match="an identity ends with the grants it holds"):
            run(soon, standing.ends_at - timedelta(seconds=1), standing.identity_id)

    def test_may_end_with_the_lease_in_one_transaction(self, standing: Grant) -> None:
        leave(standing.identity)
        retire(standing.purpose)
        assert fresh(standing).state in {GrantState.CANCELLED, GrantState.REVOKING}


class TestALease:
    def test_binds_purpose_owner_basis_and_end(self, grant: Grant, org: Organisation) -> None:
        assert (grant.purpose, grant.accountable_owner, grant.basis) == (org.purpose, org.owner, "request")
        assert grant.ends_at == grant.starts_at + 2 * HOUR

    def test_ends_no_later_than_the_purpose_at_activation(self, org: Organisation) -> None:
        soon = timezone.now() + HOUR
        grant = granted(org, term=HOUR)
        later = timezone.now() + timedelta(minutes=30)
        run("UPDATE governance_grant SET ends_at = %s", soon)
        run("UPDATE governance_purpose SET ends_at = %s", soon)
        assert activate(grant_id=grant.pk, now=later).ends_at == soon

    def test_of_a_machine_identity_ends_with_its_ownership(self, org: Organisation) -> None:
        robot = machine(org.requester, ends_at=timezone.now() + 90 * DAY)
        until = timezone.now() + HOUR
        run("UPDATE governance_ownership SET ends_at = %s WHERE subject_id = %s", until, robot.pk)
        with pytest.raises(Invalid) as refused:
            org.submit(beneficiary_id=robot.pk)
        assert "ownership" in refused.value.fields["term"]

    def test_is_not_made_once_its_end_has_passed_in_the_meantime(self, org: Organisation) -> None:
        request = org.submit(term=None, until=timezone.now() + HOUR)
        request = decided(request, org.manager, org.owner, now=timezone.now() + 2 * HOUR)
        item = request.items.get()
        assert (item.state, Grant.objects.count()) == (ItemState.CLOSED, 0)
        assert "would have ended" in item.state_reason

    def test_is_not_made_once_its_purpose_is_retiring(self, org: Organisation) -> None:
        request = org.submit()
        retire(org.purpose)
        item = decided(request, org.manager, org.owner).items.get()
        assert (item.state, Grant.objects.count()) == (ItemState.CLOSED, 0)
        assert "retiring" in item.state_reason

    def test_is_not_made_where_nobody_answers_for_the_purpose(self, org: Organisation) -> None:
        request = org.submit()
        run("UPDATE governance_ownership SET ends_at = now() WHERE subject_id = %s", org.purpose.pk)
        item = decided(request, org.manager, org.owner).items.get()
        assert (item.state, item.state_reason) == (ItemState.CLOSED, "Nobody active answers for the purpose.")

    @pytest.mark.parametrize("past", [timedelta(days=8), timedelta(days=400)])
    def test_does_not_begin_once_the_time_to_begin_has_passed(self, org: Organisation, past: timedelta) -> None:
        grant = granted(org)
        grant = activate(grant_id=grant.pk, now=timezone.now() + past)
        assert grant.state == GrantState.CANCELLED
        assert grant.state_reason


@pytest.mark.django_db(transaction=True)
class TestACommit:
    """The same once more with a transaction that really ends: until then everything may be half done."""

    def test_retires_no_purpose_on_which_leases_rest(self, org: Organisation) -> None:
        grant = granted(org)
        with pytest.raises(IntegrityError, match=r"a purpose stays active while grants rest on it.*\(rule 1\)"):
            retire(grant.purpose)
        assert Purpose.objects.get(pk=grant.purpose_id).state == PurposeState.ACTIVE

    def test_ends_nobody_on_whom_leases_rest(self, org: Organisation) -> None:
        grant = granted(org)
        for who in (grant.identity, grant.accountable_owner):
            with pytest.raises(IntegrityError, match="an identity ends with the grants it holds"):
                end_alone(who)
            assert not Identity.objects.filter(state=Status.ENDED).exists()


@unit_of_work()
def end_alone(who: Identity) -> None:
    for row in locked_all(Identity.objects.filter(pk=who.pk)):
        move(row, Status.ENDED, actor=BUILDER, why="Left", now=timezone.now())


class TestAnOwnerWhoEnds:
    def test_is_followed_at_once_on_every_lease(self, org: Organisation, memory: Scripted) -> None:
        grants = [active(org)]
        newcomer(org)
        grants.append(granted(org))
        leave(org.owner)
        assert {fresh(grant).accountable_owner for grant in grants} == {org.boss}
        assert all("owner_changed" in self.acts(grant) for grant in grants)

    def acts(self, grant: Grant) -> str:
        return " ".join(event["action"] for event in events_of(grant.pk))

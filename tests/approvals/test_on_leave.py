"""Somebody on leave is asked nothing, and answers by whoever stands in for them or was handed their step."""

import pytest
from django.utils import timezone

from governance.approvals.actions import ask_again, reassign
from governance.grants.models import Grant
from governance.identities.models import Identity
from tests.builders import Organisation, account, actor, person, purpose, step_ids
from tests.delegations import asked, delegated
from tests.leases import approve
from tests.rules.sql import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def deputy() -> Identity:
    return person("Deputy")


def is_now(who: Identity, state: str) -> None:
    run("UPDATE governance_identity SET state = %s WHERE id = %s", state, who.pk)


class TestADelegation:
    @pytest.mark.parametrize("kind", ["manager", "entitlement_owner"])
    def test_goes_on_while_its_delegator_is_on_leave(self, deputy: Identity, kind: str) -> None:
        org = Organisation(kind)
        away = org.manager if kind == "manager" else org.owner
        delegated(away, deputy)
        is_now(away, "on_leave")
        org.purpose = purpose(org.stranger, org.entitlement)
        step = step_ids(org.submit())[0]
        assert asked(step) == {f"Deputy for {away}"}
        approve(step, deputy)
        assert Grant.objects.exists()

    @pytest.mark.parametrize("state", ["suspended", "ended"])
    def test_of_somebody_who_is_gone_moves_to_the_next_in_line(
        self, org: Organisation, deputy: Identity, state: str
    ) -> None:
        delegated(org.manager, deputy)
        is_now(org.manager, state)
        assert asked(step_ids(org.submit())[0]) == {"Boss"}

    def test_to_whoever_asks_moves_to_the_next_in_line(self, org: Organisation) -> None:
        """Who is on leave is not asked in the place of whoever may not stand in for them (rule 2)."""
        org.requester = person("Asker", manager=org.manager)
        account(org.requester, org.system)
        delegated(org.manager, org.requester)
        is_now(org.manager, "on_leave")
        assert asked(step_ids(org.submit())[0]) == {"Boss"}

    def test_to_somebody_on_leave_as_well_moves_to_the_next_in_line(self, org: Organisation, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        for one in (org.manager, deputy):
            is_now(one, "on_leave")
        assert asked(step_ids(org.submit())[0]) == {"Boss"}


class TestAStepHandedOn:
    def test_stays_while_whoever_handed_it_on_is_on_leave(self, org: Organisation) -> None:
        step, now = step_ids(org.submit())[0], timezone.now()
        taker = org.stranger
        reassign(step_id=step, taker_id=taker.pk, reason="On holiday from tonight", actor=actor(org.manager), now=now)
        is_now(org.manager, "on_leave")
        ask_again(step_id=step, now=timezone.now())
        assert asked(step) == {"Stranger"}

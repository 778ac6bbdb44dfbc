"""Whom a purpose is for: policy denies it to everybody else, and nobody who holds a lease on it is left out."""

from typing import Any

import pytest
from django.utils import timezone

from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.errors import Invalid
from governance.core.locking import locked, unit_of_work
from governance.core.moves import amend
from governance.grants.states import GrantState
from governance.identities.models import Identity
from governance.purposes.models import Purpose
from governance.requests.models import AccessRequest
from governance.requests.states import ItemState
from tests.builders import BUILDER, Organisation, purpose
from tests.changing import approved, asked, propose, steps_of
from tests.leases import begin, fresh, granted

pytestmark = pytest.mark.django_db

FINANCE = "identity.department == 'Finance'"


@pytest.fixture
def org() -> Organisation:
    made = Organisation()
    moved(made.requester, "Finance")
    return made


@unit_of_work()
def moved(who: Identity, department: str) -> None:
    row = locked(Identity.objects.all(), who.pk)
    amend(row, "edited", actor=BUILDER, why="Moved", now=timezone.now(), department=department)


def wish(org: Organisation, criteria: str) -> AccessRequest:
    """The requester asks with a purpose of such criteria."""
    return org.submit(purpose_id=purpose(org.owner, org.entitlement, criteria=criteria).pk)


def edited(org: Organisation, **payload: Any) -> ProposedChange:
    return propose("purpose.edit", org.purpose, org.requester, **payload)


class TestPolicy:
    @pytest.mark.parametrize("criteria", ["", FINANCE, "identity.kind == 'person' && identity.title == ''"])
    def test_lets_those_ask_whom_it_is_for(self, org: Organisation, criteria: str) -> None:
        assert wish(org, criteria).items.get().state == ItemState.PENDING

    @pytest.mark.parametrize("criteria", ["identity.department == 'Sales'", "identity.salary > 3", "true &&", "1"])
    def test_refuses_everybody_else_and_where_criteria_have_no_answer(self, org: Organisation, criteria: str) -> None:
        with pytest.raises(Invalid, match="is not for Requester: its criteria don't hold"):
            wish(org, criteria)

    def test_asks_again_when_it_begins(self, org: Organisation) -> None:
        grant = granted(org, why=purpose(org.owner, org.entitlement, criteria=FINANCE))
        moved(org.requester, "Sales")
        begin(grant)
        assert fresh(grant).state == GrantState.CANCELLED
        assert "is not for Requester" in fresh(grant).state_reason


class TestAChangeOfThem:
    def test_is_the_owners_to_decide(self, org: Organisation) -> None:
        change = edited(org, criteria=f" {FINANCE} ")
        assert [asked(step) for step in steps_of(change)] == [{org.owner}]
        assert approved(change, org.owner).state == ChangeState.APPLIED
        assert Purpose.objects.get(pk=org.purpose.pk).criteria == FINANCE

    @pytest.mark.parametrize("wider", ["", "true"])
    def test_takes_a_second_person_to_be_for_others(self, org: Organisation, wider: str) -> None:
        approved(edited(org, criteria=FINANCE), org.owner)
        assert len(steps_of(edited(org, criteria=wider))) == 2

    @pytest.mark.parametrize(
        ("criteria", "said"),
        [
            ("identity.salary > 3", "Line 1, column"),
            ("identity.department", "Line 1, column"),
            ("system.key == 'a'", "not of system"),
            (5, "Write a condition"),
            (None, "Write a condition"),
        ],
    )
    def test_says_what_is_wrong(self, org: Organisation, criteria: Any, said: str) -> None:
        with pytest.raises(Invalid) as found:
            edited(org, criteria=criteria)
        assert said in found.value.fields["criteria"]
        ends_at = "2099-01-01T00:00:00Z"
        with pytest.raises(Invalid) as found:
            propose("purpose.new", None, org.requester, name="Another", ends_at=ends_at, criteria=criteria)
        assert said in found.value.fields["criteria"]

    def test_leaves_nobody_out_who_holds_a_lease(self, org: Organisation) -> None:
        grant = granted(org)
        edited(org, criteria=FINANCE)
        with pytest.raises(Invalid, match=f"{grant} of Requester rests on it"):
            propose("purpose.edit", org.purpose, org.stranger, criteria="identity.department == 'Sales'")

    def test_fails_where_a_lease_overtakes_it(self, org: Organisation) -> None:
        change = edited(org, criteria="identity.department == 'Sales'")
        grant = granted(org)
        assert approved(change, org.owner).state == ChangeState.FAILED
        assert str(grant) in change.state_reason

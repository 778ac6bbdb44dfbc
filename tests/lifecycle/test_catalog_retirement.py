"""The end of an entitlement and of a system: decided by whoever answers for it, once nothing rests on it."""

from typing import Any

import pytest

from governance.catalog.models import Entitlement, System
from governance.catalog.states import CatalogState
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.errors import Conflict, Invalid, NotFound
from governance.core.stepup import StepUpRequired
from governance.requests.models import RequestItem
from tests.builders import Organisation, entitlement, live_grant
from tests.changing import approved, asked, propose, steps_of
from tests.core.log import events_of
from tests.harness.races import one_after_the_other
from tests.leases import approve

pytestmark = pytest.mark.django_db
RETIRED = {"state": "retired"}


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def retiring(org: Organisation, what: Entitlement | None = None) -> ProposedChange:
    return propose("entitlement.retire", what or org.entitlement, org.requester, **RETIRED)


class TestAnEntitlement:
    def test_is_retired_by_its_owner(self, org: Organisation) -> None:
        change = retiring(org)
        assert [asked(step) for step in steps_of(change)] == [{org.owner}]
        assert approved(change, org.owner).state == ChangeState.APPLIED
        org.entitlement.refresh_from_db()
        assert org.entitlement.state == CatalogState.RETIRED
        assert events_of(org.entitlement.pk)[-1]["action"] == "entitlement.retired"
        with pytest.raises(NotFound):
            org.submit()
        with pytest.raises((Conflict, NotFound)):
            retiring(org)

    @pytest.mark.parametrize("fields", [{"privileged": True}, {"risk": "high"}])
    def test_that_is_risky_takes_a_second_person_and_a_fresh_factor(
        self, org: Organisation, fields: dict[str, Any]
    ) -> None:
        risky = entitlement(org.system, org.backup, **fields)
        first, second = steps_of(retiring(org, risky))
        with pytest.raises(StepUpRequired):
            approve(first, org.backup, assurance=1)
        approve(first, org.backup)
        assert asked(second) == {org.owner}

    def test_stays_while_a_lease_rests_on_it(self, org: Organisation) -> None:
        lease = live_grant(org.submit())
        with pytest.raises(Conflict, match=f"{lease} still rests on it"):
            retiring(org)

    def test_stays_while_somebody_asks_for_it(self, org: Organisation) -> None:
        request = org.submit()
        with pytest.raises(Conflict, match=f"{request} still asks for it"):
            retiring(org)

    def test_stays_where_somebody_asks_for_it_meanwhile(self, org: Organisation) -> None:
        change = retiring(org)
        request = org.submit()
        assert approved(change, org.owner).state == ChangeState.FAILED
        assert f"{request} still asks for it" in change.state_reason
        org.entitlement.refresh_from_db()
        assert org.entitlement.state == CatalogState.ACTIVE

    def test_becomes_nothing_else(self, org: Organisation) -> None:
        with pytest.raises(Invalid) as refused:
            propose("entitlement.retire", org.entitlement, org.requester, state="active")
        assert refused.value.fields.keys() == {"state"}


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_who_asks_first_keeps_it_from_being_retired(self) -> None:
        org = Organisation()
        change = retiring(org)
        (step,) = steps_of(change)
        request, decided = one_after_the_other(org.submit, RequestItem, lambda: approve(step, org.owner))
        assert not isinstance(request, Exception), request
        assert not isinstance(decided, Exception), decided
        change.refresh_from_db()
        org.entitlement.refresh_from_db()
        assert (change.state, org.entitlement.state) == (ChangeState.FAILED, CatalogState.ACTIVE)


class TestASystem:
    def test_is_retired_by_its_owner_once_nothing_can_be_granted_in_it(self, org: Organisation) -> None:
        with pytest.raises(Conflict, match=f"{org.entitlement.name} is active on it"):
            propose("system.retire", org.system, org.requester, **RETIRED)
        approved(retiring(org), org.owner)
        change = propose("system.retire", org.system, org.requester, **RETIRED)
        assert [asked(step) for step in steps_of(change)] == [{org.owner}]
        assert approved(change, org.owner).state == ChangeState.APPLIED
        assert System.objects.get(pk=org.system.pk).state == CatalogState.RETIRED
        with pytest.raises((Conflict, NotFound)):
            propose("system.edit", org.system, org.requester, name="Ledger")

    def test_that_is_risky_takes_a_second_person(self, org: Organisation) -> None:
        System.objects.filter(pk=org.system.pk).update(risk="critical")
        approved(retiring(org), org.owner)
        first, second = steps_of(propose("system.retire", org.system, org.requester, **RETIRED))
        approve(first, org.owner)
        assert asked(second) == set(org.governance)

    def test_stays_where_something_can_be_granted_in_it_meanwhile(self, org: Organisation) -> None:
        approved(retiring(org), org.owner)
        change = propose("system.retire", org.system, org.requester, **RETIRED)
        late = entitlement(org.system, org.owner)
        assert approved(change, org.owner).state == ChangeState.FAILED
        assert f"{late.name} is active on it" in change.state_reason

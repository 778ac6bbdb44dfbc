"""Rule 10: a machine identity may ask for itself, and policy may answer for low risk; above that a human approves.

Whatever machines own, belong to or hold a token of, no chain of them says yes.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from governance.approvals.actions import decide
from governance.approvals.models import ApprovalStep, Decision, StepApprover
from governance.approvals.states import Provenance, Verdict
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.core.actor import Actor
from governance.core.errors import Denied, NotFound
from governance.core.stepup import StepUpRequired
from governance.grants.actors import machine_actor
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.identities.models import Identity
from governance.identities.queries import governance_is_staffed
from governance.identities.states import Environment, Kind
from governance.purposes.models import Justification
from governance.requests.actions import submit
from governance.requests.models import AccessRequest
from governance.requests.states import ItemState
from governance.separation.actions import approve_mitigation
from tests.apart import confers, kept_apart, proposed
from tests.builders import (
    Organisation,
    account,
    actor,
    draft,
    entitlement,
    joined,
    keep,
    machine,
    person,
    rule,
    step_ids,
    system,
    team,
)
from tests.leases import approve, backed
from tests.rules.sql import run

pytestmark = pytest.mark.django_db


class Works(Organisation):
    """An organisation whose policy asks nobody, with a robot that somebody owns."""

    def __init__(self) -> None:
        super().__init__()
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        rule(key="POL-30", allow_without_human=True)
        self.keeper = person("Keeper", manager=self.manager)
        self.robot = machine(self.keeper, name="robot")
        account(self.robot, self.system)

    def another(self, risk: str, owner: Identity | None = None, on: System | None = None) -> Entitlement:
        """An entitlement that the purpose justifies."""
        made = entitlement(on or self.system, owner or self.owner, risk=risk)
        keep(Justification(purpose=self.purpose, entitlement=made))
        return made

    def asks(self, what: Entitlement, *, for_whom: Identity | None = None, by: Identity | None = None) -> AccessRequest:
        """The robot asks by its token."""
        wish = draft(for_whom or self.robot, what, self.purpose)
        return submit(draft=wish, actor=token_of(by or self.robot), now=timezone.now())


def elsewhere(works: Works, robot: Identity | None = None, **fields: Any) -> System:
    """A system in which nothing but the entitlement makes an access risky, with an account of the robot."""
    made = system(works.owner, **{"environment": Environment.TEST, **fields})
    account(robot or works.robot, made)
    return made


def token_of(one: Identity, now: datetime | None = None) -> Actor:
    """A machine identity's token."""
    found = machine_actor(one.pk, 1, now or timezone.now())
    assert found is not None
    return found


@pytest.fixture
def works() -> Works:
    return Works()


def asked(request: AccessRequest) -> set[Identity]:
    rows = StepApprover.objects.filter(step__route__subject_id__in=request.items.values("pk"), ends_at__isnull=True)
    return {row.identity for row in rows.select_related("identity")}


def says_yes(step_id: UUID, by: Actor) -> Any:
    return decide(step_id=step_id, verdict=Verdict.APPROVE, reason="It may.", actor=by, now=timezone.now())


class TestAsking:
    def test_is_answered_by_policy_at_low_risk(self, works: Works) -> None:
        request = works.asks(works.another("low", on=elsewhere(works)))
        assert request.items.get().state == ItemState.APPROVED
        assert Decision.objects.get().provenance == Provenance.POLICY
        assert Grant.objects.get().state == GrantState.APPROVED

    @pytest.mark.parametrize("risk", ["moderate", "high", "critical"])
    def test_is_answered_by_a_human_above_that(self, works: Works, risk: str) -> None:
        request = works.asks(works.another(risk))
        assert request.items.get().state == ItemState.PENDING
        assert asked(request) == {works.owner}
        assert not Grant.objects.exists()

    @pytest.mark.parametrize("where", [{}, {"environment": Environment.TEST, "risk": Risk.CRITICAL}], ids=str)
    def test_is_judged_by_where_it_is(self, works: Works, where: dict[str, Any]) -> None:
        kept = machine(works.keeper, name="agent", kind=Kind.AGENT)
        low = works.another("low", on=elsewhere(works, kept, **where) if where else works.system)
        account(kept, works.system)
        request = works.asks(low, for_whom=kept, by=kept)
        assert request.items.get().state == ItemState.PENDING
        assert asked(request) == {works.owner}

    def test_is_judged_by_all_that_comes_with_it(self, works: Works) -> None:
        away = elsewhere(works)
        low, inner, high = (works.another(risk, on=away) for risk in ("low", "low", "high"))
        confers(low, inner)
        confers(inner, high)
        request = works.asks(low)
        assert request.items.get().state == ItemState.PENDING
        assert asked(request) == {works.owner}

    def test_is_for_itself_alone(self, works: Works) -> None:
        low, other = works.another("low"), machine(works.robot, name="other robot")
        account(other, works.system)
        for one in (other, works.requester, works.keeper):
            with pytest.raises(NotFound):
                works.asks(low, for_whom=one)


def owns_it(works: Works) -> AccessRequest:
    return works.asks(works.another("moderate", owner=machine(works.boss, name="owner robot")))


def backs_it(works: Works) -> AccessRequest:
    what = works.another("moderate", owner=machine(works.boss, name="owner robot"))
    backed(what, machine(works.boss, name="backup robot"))
    return works.asks(what)


def manages_the_keeper(works: Works) -> AccessRequest:
    rule("manager", key="POL-31")
    boss = machine(works.boss, name="boss robot")
    run("UPDATE governance_identity SET manager_id = %s WHERE id = %s", boss.pk, works.keeper.pk)
    return works.asks(works.another("moderate"))


def guards(works: Works) -> AccessRequest:
    rule("security", key="POL-31")
    team("security", machine(works.boss, name="guard robot"))
    return works.asks(works.another("moderate"))


def governs(works: Works) -> AccessRequest:
    joined("governance", machine(works.boss, name="governing robot"))
    return owns_it(works)


def owns_itself(works: Works) -> AccessRequest:
    return works.asks(works.another("moderate", owner=works.robot))


DOORS = [owns_it, backs_it, manages_the_keeper, guards, governs, owns_itself]


class TestChains:
    @pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
    def test_of_machines_end_at_a_human(self, works: Works, door: Callable[[Works], AccessRequest]) -> None:
        request = door(works)
        people = asked(request)
        assert people
        assert not [one for one in people if one.is_machine]

    @pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
    def test_of_machines_say_no_yes(self, works: Works, door: Callable[[Works], AccessRequest]) -> None:
        request = door(works)
        for robot in Identity.objects.filter(kind="service_account"):
            for step_id in step_ids(request):
                with pytest.raises((NotFound, Denied)):
                    says_yes(step_id, token_of(robot))
        assert not Decision.objects.exists()
        assert not Grant.objects.exists()

    def test_do_not_go_through_a_persons_token(self, works: Works) -> None:
        """Whatever holds the token, a program would be saying yes to a program."""
        step_id = step_ids(works.asks(works.another("moderate")))[0]
        with pytest.raises(StepUpRequired):
            says_yes(step_id, actor(works.owner, assurance=1, proven_at=timezone.now()))
        approve(step_id, works.owner)
        assert ApprovalStep.objects.get(pk=step_id).state == "approved"

    def test_do_not_go_through_whoever_owns_the_machine(self, works: Works) -> None:
        what = works.another("moderate", owner=works.keeper)
        request = works.asks(what)
        assert asked(request) == set(works.governance)
        with pytest.raises((NotFound, Denied)):
            says_yes(step_ids(request)[0], actor(works.keeper))

    def test_do_not_go_through_a_mitigation(self, works: Works) -> None:
        robot = machine(works.boss, name="rule robot")
        apart = kept_apart(works.entitlement, works.another("moderate"), owner=robot)
        wanted = proposed(apart, works.requester, works.requester)
        with pytest.raises(Denied, match="A human decides on a mitigation"):
            approve_mitigation(mitigation_id=wanted.pk, reason="", actor=token_of(robot), now=timezone.now())

    def test_do_not_count_as_a_staffed_governance_team(self, works: Works) -> None:
        run("UPDATE governance_identity SET state = 'on_leave' WHERE id = %s", works.governance[0].pk)
        joined("governance", machine(works.boss, name="governing robot"))
        assert not governance_is_staffed(timezone.now())


class TestTheOwnersWish:
    def test_is_not_the_machines(self, works: Works) -> None:
        """Its owner asks for it as a human: policy may answer whatever its rules say."""
        wish = draft(works.robot, works.entitlement, works.purpose)
        request = submit(draft=wish, actor=actor(works.keeper), now=timezone.now())
        assert request.items.get().state == ItemState.APPROVED

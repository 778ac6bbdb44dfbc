"""Handing a step on to somebody eligible: whom it asks then, who is told, and who never comes into it."""

from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from governance.approvals.actions import ask_again, escalate, reassign
from governance.approvals.models import ApprovalStep, Decision, Reassignment
from governance.approvals.states import StepState
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.requests.actions import submit
from tests.builders import Organisation, account, actor, draft, machine, person, rule, step_ids, team
from tests.core.log import events_of
from tests.delegations import delegated
from tests.harness.races import at_once, rounds, seeds
from tests.leases import approve, leave, newcomer
from tests.rules.sql import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def hand(step: UUID, giver: Identity, taker: Identity | UUID, reason: str = "She knows the ledger") -> Reassignment:
    pk = taker if isinstance(taker, UUID) else taker.pk
    return reassign(step_id=step, taker_id=pk, reason=reason, actor=actor(giver), now=timezone.now())


def asked(step: UUID) -> set[str]:
    rows = ApprovalStep.objects.get(pk=step).approvers.filter(ends_at__isnull=True)
    return set(rows.values_list("identity__name", flat=True))


def in_finance(*people: Identity) -> None:
    for one in people:
        run("UPDATE governance_identity SET department = 'Finance' WHERE id = %s", one.pk)


class TestReassign:
    def test_asks_somebody_else_in_ones_place(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        hand(step, org.manager, org.stranger)
        assert asked(step) == {"Stranger"}
        with pytest.raises(Denied):
            approve(step, org.manager)
        approve(step, org.stranger)
        assert ApprovalStep.objects.get(pk=step).state == StepState.APPROVED

    def test_holds_when_the_route_is_looked_at_again(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        hand(step, org.manager, org.stranger)
        ask_again(step_id=step, now=timezone.now())
        assert asked(step) == {"Stranger"}

    def test_tells_both_and_says_why(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        handed = hand(step, org.manager, org.stranger)
        told = Notification.objects.filter(once=f"handed:{handed.pk}")
        assert set(told.values_list("recipient", flat=True)) == {org.manager.pk, org.stranger.pk}
        assert set(told.values_list("body", flat=True)) == {"She knows the ledger"}
        assert "approval_step.reassigned" in {event["action"] for event in events_of(step)}

    def test_may_go_on_to_a_third(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        hand(step, org.manager, org.stranger)
        hand(step, org.stranger, org.backup)
        assert asked(step) == {"Backup"}
        with pytest.raises(Invalid, match="have had a hand in it"):
            hand(step, org.backup, org.manager)

    def test_ends_with_a_taker_who_leaves(self, org: Organisation) -> None:
        """Who handed it on changed the route and decides no more: the next in the chain is asked (rules 2 and 16)."""
        step = step_ids(org.submit())[0]
        hand(step, org.manager, org.stranger)
        leave(org.stranger)
        ask_again(step_id=step, now=timezone.now())
        assert asked(step) == {"Boss"}

    def test_keeps_the_giver_from_the_other_steps_as_well(self) -> None:
        """Else one person would choose who decides one step, and decide the other."""
        org = Organisation("manager")
        rule(steps=[{"kind": "manager", "stage": 1}, {"kind": "entitlement_owner", "stage": 1}])
        run("UPDATE governance_identity SET manager_id = %s WHERE id = %s", org.owner.pk, org.requester.pk)
        by_kind = {one.kind: one.pk for one in ApprovalStep.objects.filter(pk__in=step_ids(org.submit()))}
        assert asked(by_kind["entitlement_owner"]) == {"Owner"}
        hand(by_kind["manager"], org.owner, org.stranger)
        assert "Owner" not in asked(by_kind["entitlement_owner"])
        with pytest.raises(Denied):
            approve(by_kind["entitlement_owner"], org.owner)

    def test_is_not_to_a_party_nor_to_another_identity_of_theirs(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        twin = person("Twin", human=org.requester.human)
        for taker in (org.requester, twin):
            with pytest.raises(Invalid) as refused:
                hand(step, org.manager, taker)
            assert list(refused.value.fields) == ["taker"]
        assert asked(step) == {"Manager"}

    def test_is_not_to_who_decided_another_step(self, org: Organisation) -> None:
        first, second = step_ids(org.submit())
        approve(first, org.manager)
        with pytest.raises(Invalid):
            hand(second, org.owner, org.manager)

    def test_is_not_to_a_machine_a_leaver_or_nobody(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        gone = leave(person("Gone"))
        for taker in (machine(org.owner), gone, uuid4()):
            with pytest.raises(Invalid):
                hand(step, org.manager, taker)

    def test_is_not_to_somebody_who_is_asked_already(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        with pytest.raises(Invalid, match="asked already"):
            hand(step, org.manager, org.manager)

    def test_is_not_to_somebody_who_would_not_count(self) -> None:
        """Else whoever decides a step could be chosen past what policy asks of them."""
        org = Organisation("manager")
        rule(steps=[{"kind": "entitlement_owner", "stage": 1, "counts": ["identity.department == 'Finance'"]}])
        in_finance(org.owner, org.backup)
        step = ApprovalStep.objects.get(pk__in=step_ids(org.submit()), kind="entitlement_owner").pk
        with pytest.raises(Invalid, match="does not meet what the step asks") as refused:
            hand(step, org.owner, org.stranger)
        assert list(refused.value.fields) == ["taker"]
        hand(step, org.owner, org.backup)
        assert asked(step) == {"Backup"}

    def test_is_not_by_whoever_decides_in_anothers_place(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        deputy = person("Deputy")
        delegated(org.manager, deputy)
        with pytest.raises(Denied, match="not passed on"):
            hand(step, deputy, org.stranger)
        assert asked(step) == {"Deputy"}

    def test_is_not_out_of_a_team(self) -> None:
        org = Organisation("security")
        guard = person("Sec")
        team("security", guard, person("Sam"))
        with pytest.raises(Denied, match="A team is asked"):
            hand(step_ids(org.submit())[0], guard, org.stranger)

    def test_is_not_by_whoever_was_brought_in_besides(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        escalate(step_id=step, now=timezone.now() + timedelta(days=3))
        with pytest.raises(Denied, match="brought in besides"):
            hand(step, org.boss, org.stranger)
        assert asked(step) == {"Manager", "Boss"}

    def test_is_no_consent(self) -> None:
        """Nobody else can consent in their place."""
        org = Organisation("identity_owner", "entitlement_owner")
        robot = machine(org.stranger, backup=org.backup)
        account(robot, org.system)
        wish = draft(robot, org.entitlement, org.purpose)
        request = submit(draft=wish, actor=actor(robot), now=timezone.now())
        with pytest.raises(Denied, match="nobody else's to give"):
            hand(step_ids(request)[0], org.stranger, org.owner)

    def test_says_why(self, org: Organisation) -> None:
        with pytest.raises(Invalid) as refused:
            hand(step_ids(org.submit())[0], org.manager, org.stranger, reason=" ")
        assert list(refused.value.fields) == ["reason"]

    def test_is_for_those_who_are_asked(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        with pytest.raises(NotFound):
            hand(step, org.stranger, org.backup)
        approve(step, org.manager)
        with pytest.raises(Conflict, match="You approved this"):
            hand(step, org.manager, org.stranger)

    def test_keeps_a_quorum(self, org: Organisation) -> None:
        """Somebody else in the place of one still leaves two who must agree."""
        rule(steps=[{"kind": "entitlement_owner", "required": 2}])
        first, second = step_ids(org.submit())
        approve(first, org.manager)
        hand(second, org.owner, org.stranger)
        approve(second, org.stranger)
        assert not Grant.objects.exists()
        assert Decision.objects.filter(step=second).count() == 1
        approve(second, org.governance[0])
        assert Grant.objects.exists()


class TestHandingOnWhileItIsDecided:
    @pytest.mark.django_db(transaction=True)
    @rounds
    def test_is_one_or_the_other(self, rounds: int) -> None:
        org = Organisation("manager")
        for seed in seeds(rounds):
            newcomer(org)
            step = step_ids(org.submit())[0]
            giving = partial(hand, step, org.manager, org.stranger)
            handed, decided = at_once(giving, partial(approve, step, org.manager), seed=seed)
            if isinstance(decided, Decision):
                assert isinstance(handed, Conflict)
                assert ApprovalStep.objects.get(pk=step).state == StepState.APPROVED
            else:
                assert isinstance(decided, Denied)
                assert isinstance(handed, Reassignment)
                assert asked(step) == {"Stranger"}

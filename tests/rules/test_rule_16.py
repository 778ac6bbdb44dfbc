"""Rule 16: who is asked is whoever answers now. Nothing waits on somebody who left."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.approvals.actions import ask_again
from governance.approvals.models import ApprovalStep, Question, StepApprover
from governance.approvals.states import StepState
from governance.core.errors import Denied, NotFound
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import amend
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.identities.moves import pass_on
from governance.identities.queries import GOVERNANCE_TEAM, governance_is_staffed, members
from governance.identities.states import OwnerRole
from governance.notifications.models import Notification
from governance.requests.actions import answer, submit
from governance.requests.models import AccessRequest
from tests.builders import BUILDER, Organisation, account, actor, draft, machine, person, step_ids
from tests.core.log import events_of
from tests.leases import approve, ask_back, backed, leave

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def asked(step_id: Any) -> list[Identity]:
    rows = StepApprover.objects.filter(step=step_id, ends_at__isnull=True).select_related("identity")
    return sorted((row.identity for row in rows), key=str)


@unit_of_work()
def managed_by(who: Identity, manager: Identity) -> None:
    for row in locked_all(Identity.objects.filter(pk=who.pk)):
        amend(row, "manager_changed", actor=BUILDER, why="Moved", now=timezone.now(), manager=manager)


def told(who: Identity, step_id: Any) -> bool:
    return Notification.objects.filter(recipient=who, subject_id=step_id).exists()


def replied(request: AccessRequest) -> None:
    """The requester answers the question that waits."""
    question, by = Question.objects.get(), actor(request.requester)
    answer(request_id=request.pk, question_id=question.pk, text="All.", actor=by, now=timezone.now())


def test_no_machine_identity_is_asked_whatever_it_answers_for(org: Organisation) -> None:
    robot = machine(org.owner)
    managed_by(org.requester, robot)
    assert asked(step_ids(org.submit())[0]) == sorted(members(GOVERNANCE_TEAM, timezone.now()), key=str)


class TestAnApproverWhoLeft:
    def test_is_replaced_by_the_next_in_line(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        assert asked(step) == [org.manager]
        leave(org.manager)
        assert asked(step) == [org.boss]
        with pytest.raises(Denied):
            approve(step, org.manager)
        approve(step, org.boss)

    def test_is_replaced_by_the_backup_of_what_they_own(self, org: Organisation) -> None:
        backed(org.entitlement, org.backup)
        first, second = step_ids(org.submit())
        approve(first, org.manager)
        leave(org.owner)
        assert asked(second) == [org.backup]
        approve(second, org.backup)
        assert Grant.objects.exists()

    def test_is_not_asked_by_a_step_that_opens_later(self, org: Organisation) -> None:
        first, second = step_ids(org.submit())
        leave(org.owner)
        approve(first, org.manager)
        assert asked(second) == [org.boss]

    def test_leaves_a_record_of_who_was_asked_and_of_the_change(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        leave(org.manager)
        ended = StepApprover.objects.get(step=step, identity=org.manager)
        assert ended.ends_at is not None
        assert [event["action"] for event in events_of(step)].count("approval_step.asked") == 2
        assert Notification.objects.filter(recipient=org.boss, subject_id=step).exists()

    def test_is_not_asked_on_by_a_step_whose_question_waits(self, org: Organisation) -> None:
        request = org.submit()
        step = step_ids(request)[0]
        ask_back(step, org.manager)
        leave(org.manager)
        assert (asked(step), told(org.boss, step)) == ([], False)
        replied(request)
        assert (asked(step), told(org.boss, step)) == ([org.boss], True)
        approve(step, org.boss)

    def test_has_their_decisions_stand(self, org: Organisation) -> None:
        first, second = step_ids(org.submit())
        approve(first, org.manager)
        leave(org.manager)
        approve(second, org.owner)
        assert Grant.objects.exists()
        assert ApprovalStep.objects.get(pk=first).state == StepState.APPROVED


class TestWhoeverAnswersNow:
    def test_is_no_longer_the_old_manager(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        managed_by(org.requester, person("New manager"))
        with pytest.raises(Denied):
            approve(step, org.manager)

    def test_is_the_manager_of_whoever_owns_the_machine_identity_by_now(self) -> None:
        org = Organisation("manager")
        robot = machine(org.requester)
        account(robot, org.system)
        wish = draft(robot, org.entitlement, org.purpose)
        request = submit(draft=wish, actor=actor(org.requester), now=timezone.now())
        step = ApprovalStep.objects.get(pk=step_ids(request)[0])
        assert (asked(step), step.target_label) == ([org.manager], f"the owner of {robot}")
        with unit_of_work():
            pass_on(robot, org.stranger, OwnerRole.OWNER, actor=BUILDER, why="Passed on", now=timezone.now())
        ask_again(step_id=step.pk, now=timezone.now())
        assert asked(step) == [org.boss]
        with pytest.raises(Denied):
            approve(step.pk, org.manager)
        approve(step.pk, org.boss)

    def test_is_not_the_old_manager_while_a_question_waits_either(self, org: Organisation) -> None:
        request = org.submit()
        step = step_ids(request)[0]
        ask_back(step, org.manager)
        managed_by(org.requester, org.boss)
        for _ in range(2):
            ask_again(step_id=step, now=timezone.now())
        assert asked(step) == []
        assert [event["action"] for event in events_of(step)].count("approval_step.asked") == 2
        replied(request)
        assert asked(step) == [org.boss]

    def test_is_not_somebody_who_was_never_asked(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        with pytest.raises(NotFound):
            approve(step, org.stranger)

    def test_is_not_a_member_of_the_team_from_before(self, org: Organisation) -> None:
        gwen, gus = org.governance
        managed_by(org.requester, gwen)
        step = step_ids(org.submit())[0]
        leave(gwen)
        assert asked(step) == [gus]

    def test_is_nobody_on_leave(self, org: Organisation) -> None:
        org.manager = person(manager=org.boss, state="on_leave")
        managed_by(org.requester, org.manager)
        step = step_ids(org.submit())[0]
        assert asked(step) == [org.boss]


class TestTheGovernanceTeam:
    def test_is_short_with_one_active_member(self, org: Organisation) -> None:
        now = timezone.now()
        assert governance_is_staffed(now)
        leave(org.governance[0])
        assert not governance_is_staffed(now + timedelta(seconds=1))

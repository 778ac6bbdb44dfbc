"""Decisions that meet at the same moment: on one step, with a withdrawal, with somebody's leaving."""

from collections.abc import Iterator
from functools import partial
from time import sleep
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from governance.approvals import actions
from governance.approvals.models import ApprovalStep, Decision, Delegation, Question, StepApprover
from governance.approvals.states import StepState, Verdict
from governance.audit.models import AuditEvent
from governance.core.errors import Conflict, Denied
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import amend, create
from governance.grants.models import Grant
from governance.identities.models import Identity, Ownership
from governance.identities.states import Status
from governance.requests import moves
from governance.requests.actions import answer, withdraw
from governance.requests.models import AccessRequest
from governance.requests.moves import settle
from governance.requests.states import ItemState, RequestState
from tests.builders import Organisation, actor, entitlement, person, purpose, rule, step_ids, team
from tests.delegations import delegated, ended
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import HR, approve, ask_back, leave, newcomer, reject
from tests.rules.sql import run

pytestmark = pytest.mark.django_db(transaction=True)

ACTS = ["decision.approve", "identity.ended"]


def outcome(request: AccessRequest) -> tuple[str, str, int]:
    request.refresh_from_db()
    item = request.items.get()
    return request.state, item.state, Grant.objects.filter(source_id=item.pk).count()


APPROVED = (RequestState.DECIDED, ItemState.APPROVED, 1)
TAKEN_BACK = (RequestState.WITHDRAWN, ItemState.WITHDRAWN, 0)


def security(required: int) -> tuple[Organisation, Identity, Identity]:
    """An organisation in which so many of the two people of its security team have to agree, and these two."""
    org = Organisation("security")
    rule(steps=[{"kind": "security", "required": required}])
    first, second = person(), person()
    team("security", first, second)
    return org, first, second


def asked(org: Organisation, rounds: int) -> Iterator[tuple[int, AccessRequest, UUID]]:
    """A new request for each round: with the round's seed and the step that is open."""
    for seed in seeds(rounds):
        newcomer(org)
        request = org.submit()
        yield seed, request, step_ids(request)[0]


class TestTwoApproversOfOneStep:
    @rounds
    def test_decide_it_once(self, rounds: int) -> None:
        org, first, second = security(1)
        for seed, request, step in asked(org, rounds):
            done, refused = split(at_once(partial(approve, step, first), partial(approve, step, second), seed=seed))
            assert len(done) == 1
            assert [error.code for error in refused if isinstance(error, Conflict)] == ["already_decided"]
            assert str(done[0].decider) in str(refused[0])
            assert Decision.objects.filter(step=step).count() == 1
            assert outcome(request) == APPROVED

    @rounds
    def test_who_disagree_leave_the_verdict_of_the_first(self, rounds: int) -> None:
        org, first, second = security(1)
        for seed, request, step in asked(org, rounds):
            done, refused = split(at_once(partial(approve, step, first), partial(reject, step, second), seed=seed))
            assert len(done) == 1
            assert [type(error) for error in refused] == [Conflict]
            said_yes = done[0].decider_id == first.pk
            assert outcome(request) == (APPROVED if said_yes else (RequestState.DECIDED, ItemState.REJECTED, 0))

    @rounds
    def test_open_the_next_step_and_do_not_pass_it_by(self, rounds: int) -> None:
        org = Organisation("entitlement_owner", "security")
        team("security", person())
        first, second = org.governance  # who answer for an owner who does not
        run("UPDATE governance_identity SET state = 'suspended' WHERE id = %s", org.owner.pk)
        org.purpose = purpose(org.stranger, org.entitlement)
        for seed in seeds(rounds):
            newcomer(org)
            request = org.submit()
            step, following = step_ids(request)
            done, refused = split(at_once(partial(approve, step, first), partial(approve, step, second), seed=seed))
            assert outcome(request) == (RequestState.IN_REVIEW, ItemState.PENDING, 0)
            assert ApprovalStep.objects.get(pk=following).state == StepState.OPEN
            assert len(done) == 1
            assert [type(error) for error in refused] == [Conflict]

    @rounds
    def test_who_both_have_to_agree_are_both_counted(self, rounds: int) -> None:
        org, first, second = security(2)
        for seed, request, step in asked(org, rounds):
            _, refused = split(at_once(partial(approve, step, first), partial(approve, step, second), seed=seed))
            assert not refused
            assert set(Decision.objects.filter(step=step).values_list("decider", flat=True)) == {first.pk, second.pk}
            assert outcome(request) == APPROVED

    @rounds
    def test_who_are_one_person_in_two_windows_count_once(self, rounds: int) -> None:
        org, one, other = security(2)
        for seed, request, step in asked(org, rounds):
            done, refused = split(at_once(partial(approve, step, one), partial(approve, step, one), seed=seed))
            assert len(done) == 1
            assert [type(error) for error in refused] == [Denied]
            assert outcome(request) == (RequestState.IN_REVIEW, ItemState.PENDING, 0)
            approve(step, other)
            assert outcome(request) == APPROVED


def settle_and_be_slow(*args: Any, **kwargs: Any) -> None:
    """Who has looked whether an item waits does not commit at once, so that another could look meanwhile."""
    settle(*args, **kwargs)
    sleep(0.02)


class TestTwoApproversOfOneRequest:
    @rounds
    def test_who_decide_its_last_two_items_decide_it(self, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(moves, "settle", settle_and_be_slow)
        org = Organisation("security")
        other = entitlement(org.system, org.owner)
        org.purpose = purpose(org.owner, org.entitlement, other)
        first, second = person(), person()
        team("security", first, second)
        for seed in seeds(rounds):
            newcomer(org)
            request = org.submit(entitlement_ids=(org.entitlement.pk, other.pk))
            one, two = step_ids(request)
            _, refused = split(at_once(partial(approve, one, first), partial(approve, two, second), seed=seed))
            assert not refused
            request.refresh_from_db()
            assert request.state == RequestState.DECIDED
            assert {item.state for item in request.items.all()} == {ItemState.APPROVED}


class TestAnApprovalAgainstAWithdrawal:
    @rounds
    def test_leaves_one_of_the_two(self, rounds: int) -> None:
        org = Organisation("manager")
        for seed in seeds(rounds):
            mine = actor(newcomer(org))
            request = org.submit()
            now, step = timezone.now(), step_ids(request)[0]
            take_back = partial(withdraw, request_id=request.pk, actor=mine, reason="", now=now)
            done, refused = split(at_once(partial(approve, step, org.manager), take_back, seed=seed))
            assert len(done) == 1
            assert [type(error) for error in refused] == [Conflict]
            assert outcome(request) == (APPROVED if isinstance(done[0], Decision) else TAKEN_BACK)

    @rounds
    def test_of_an_earlier_step_opens_no_later_one(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            mine = actor(newcomer(org))
            request = org.submit()
            now, steps = timezone.now(), step_ids(request)
            take_back = partial(withdraw, request_id=request.pk, actor=mine, reason="", now=now)
            decision, _ = at_once(partial(approve, steps[0], org.manager), take_back, seed=seed)
            came_first = isinstance(decision, Decision)
            assert came_first or type(decision) is Conflict
            assert outcome(request) == TAKEN_BACK
            states = [ApprovalStep.objects.get(pk=step).state for step in steps]
            assert states == [StepState.APPROVED if came_first else StepState.CANCELLED, StepState.CANCELLED]


class TestAnApprovalAgainstAQuestion:
    @rounds
    def test_leaves_one_of_the_two(self, rounds: int) -> None:
        """Whoever asks first stops the clock: nobody says yes to what a question waits for."""
        org, first, second = security(1)
        for seed, request, step in asked(org, rounds):
            done, refused = split(at_once(partial(approve, step, first), partial(ask_back, step, second), seed=seed))
            assert len(done) == 1
            assert [type(error) for error in refused] == [Conflict]
            question = Question.objects.filter(step=step)
            if done[0].verdict == Verdict.APPROVE:
                assert (outcome(request), question.exists()) == (APPROVED, False)
                continue
            assert ApprovalStep.objects.get(pk=step).state == StepState.RETURNED
            assert outcome(request) == (RequestState.RETURNED, ItemState.PENDING, 0)
            mine, now = actor(org.requester), timezone.now()
            answer(request_id=request.pk, question_id=question.get().pk, text="These.", actor=mine, now=now)
            approve(step, first)
            assert outcome(request) == APPROVED


class TestAnApproverWhoLeaves:
    @rounds
    def test_decides_before_or_not_at_all(self, rounds: int) -> None:
        org = Organisation("manager")
        for seed in seeds(rounds):
            org.manager = person("Manager", manager=org.boss)
            newcomer(org)
            request = org.submit()
            step = step_ids(request)[0]
            decision, left = at_once(partial(approve, step, org.manager), partial(leave, org.manager), seed=seed)
            assert isinstance(left, Identity)
            acts = list(
                AuditEvent.objects.filter(action__in=ACTS).order_by("sequence").values_list("action", flat=True)
            )
            if isinstance(decision, Decision):
                assert outcome(request) == APPROVED
                assert acts[-2:] == ["decision.approve", "identity.ended"]
            else:
                assert isinstance(decision, Denied)
                assert outcome(request)[2] == 0
                assert acts[-1] == "identity.ended"
                approve(step, org.boss)

    @rounds
    def test_is_waited_for_no_longer_than_until_the_next_sweep(self, rounds: int) -> None:
        """The second step opens as its approver leaves: whichever commits first, the step ends up asking the heir."""
        org = Organisation()
        for seed in seeds(rounds):
            second = org.owner
            newcomer(org)
            steps = step_ids(org.submit())
            _, refused = split(at_once(partial(approve, steps[0], org.manager), partial(leave, second), seed=seed))
            assert not refused
            for pk in ApprovalStep.objects.open().values_list("pk", flat=True):
                actions.ask_again(step_id=pk, now=timezone.now())
            assert ApprovalStep.objects.get(pk=steps[1]).state == StepState.OPEN
            asked = StepApprover.objects.filter(step=steps[1], ends_at__isnull=True).select_related("identity")
            assert [row.identity.state for row in asked] == [Status.ACTIVE]
            org.owner = person("Owner", manager=org.boss)
            hand_over(asked[0].identity, org.owner)


@unit_of_work()
def hand_over(old: Identity, new: Identity) -> None:
    """For the next round: what somebody owns is owned by somebody else."""
    by: dict[str, Any] = {"actor": HR, "why": "A new owner", "now": timezone.now()}
    for period in locked_all(Ownership.objects.at(by["now"]).filter(identity=old)):
        amend(period, "ended", **by, ends_at=by["now"])
        kind, pk, role = period.subject_kind, period.subject_id, period.role
        create(Ownership(subject_kind=kind, subject_id=pk, role=role, identity=new, starts_at=by["now"]), **by)


class TestADelegation:
    """Whoever decides at the moment at which it begins or ends: one of the two does, as what holds then says."""

    @rounds
    def test_begins_while_who_delegates_decides(self, rounds: int) -> None:
        org, deputy = Organisation("manager"), person("Deputy")
        for seed, request, step in asked(org, rounds):
            made, said = at_once(
                partial(delegated, org.manager, deputy), partial(approve, step, org.manager), seed=seed
            )
            assert isinstance(made, Delegation)
            if isinstance(said, Exception):
                assert isinstance(said, Denied)
                approve(step, deputy)
            decision = Decision.objects.get(step=step)
            assert decision.on_behalf_of == (None if decision.decider == org.manager else org.manager)
            assert outcome(request) == APPROVED
            ended(made, org.manager)

    @rounds
    def test_ends_while_the_delegate_decides(self, rounds: int) -> None:
        org, deputy = Organisation("manager"), person("Deputy")
        for seed, request, step in asked(org, rounds):
            made = delegated(org.manager, deputy)
            over, said = at_once(partial(ended, made, org.manager), partial(approve, step, deputy), seed=seed)
            assert isinstance(over, Delegation)
            if isinstance(said, Exception):
                assert isinstance(said, Denied)
                approve(step, org.manager)
            decision = Decision.objects.get(step=step)
            assert decision.on_behalf_of == (None if decision.decider == org.manager else org.manager)
            assert outcome(request) == APPROVED

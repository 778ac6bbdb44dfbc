"""Deciding a step: what follows, who came first, what must be said."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.approvals.actions import decide, expire
from governance.approvals.models import ApprovalRoute, ApprovalStep, Decision, Question
from governance.approvals.permissions import already
from governance.approvals.rules import STEP_TERM
from governance.approvals.states import Provenance, RouteState, StepState, Verdict
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.policy.words import minute
from governance.requests.actions import answer, withdraw
from governance.requests.models import AccessRequest
from governance.requests.states import ItemState, RequestState
from tests.builders import Organisation, actor, entitlement, person, purpose, rule, step_ids, team
from tests.core.log import events_of
from tests.leases import HOUR, approve, ask_back, decided, reject
from tests.rules.sql import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def request_(org: Organisation) -> AccessRequest:
    return org.submit()


def states(request: AccessRequest) -> list[str]:
    steps = ApprovalStep.objects.filter(pk__in=step_ids(request)).order_by("position")
    return list(steps.values_list("state", flat=True))


class TestApprove:
    def test_opens_the_next_step_and_grants_nothing_yet(self, org: Organisation, request_: AccessRequest) -> None:
        approve(step_ids(request_)[0], org.manager)
        assert states(request_) == [StepState.APPROVED, StepState.OPEN]
        assert not Grant.objects.exists()
        assert Notification.objects.filter(recipient=org.owner).exists()

    def test_of_the_last_step_makes_the_grant(self, org: Organisation, request_: AccessRequest) -> None:
        decided(request_, org.manager, org.owner)
        grant = Grant.objects.get()
        assert (request_.state, request_.items.get().state) == (RequestState.DECIDED, ItemState.APPROVED)
        assert (grant.identity, grant.source_id) == (org.requester, request_.items.get().pk)
        assert ApprovalRoute.objects.get().state == RouteState.APPROVED

    def test_records_who_with_what_strength_on_which_facts(self, org: Organisation, request_: AccessRequest) -> None:
        step, now = step_ids(request_)[0], timezone.now()
        by = actor(org.manager, assurance=2)
        decision = decide(step_id=step, verdict=Verdict.APPROVE, reason=" Fine ", actor=by, now=now)
        assert (decision.decider, decision.assurance, decision.reason, decision.at) == (org.manager, 2, "Fine", now)
        assert decision.policy_decision == request_.items.get().policy_decision
        assert "decision.approve" in {event["action"] for event in events_of(request_.items.get().pk)}

    def test_of_a_later_step_is_refused_before_its_turn(self, org: Organisation, request_: AccessRequest) -> None:
        with pytest.raises((Denied, NotFound, Conflict)):
            approve(step_ids(request_)[1], org.owner)
        assert states(request_) == [StepState.OPEN, StepState.WAITING]

    def test_a_second_time_says_who_came_first(self, org: Organisation, request_: AccessRequest) -> None:
        step = step_ids(request_)[0]
        approve(step, org.manager)
        with pytest.raises(Conflict, match="You approved this, ") as refused:
            approve(step, org.manager)
        assert refused.value.code == "already_decided"

    def test_of_a_step_unknown_or_of_others_finds_nothing(self, org: Organisation, request_: AccessRequest) -> None:
        with pytest.raises(NotFound):
            approve(uuid4(), org.manager)
        with pytest.raises(NotFound):
            approve(step_ids(request_)[0], org.stranger)

    def test_decides_each_item_by_a_route_of_its_own(self, org: Organisation) -> None:
        other = entitlement(org.system, org.owner)
        org.purpose = purpose(org.owner, org.entitlement, other)
        request = org.submit(entitlement_ids=(org.entitlement.pk, other.pk))
        first, second, third, fourth = step_ids(request)
        approve(first, org.manager)
        approve(second, org.owner)
        request.refresh_from_db()
        assert (request.state, Grant.objects.count()) == (RequestState.IN_REVIEW, 1)
        reject(third, org.manager)
        request.refresh_from_db()
        assert (request.state, Grant.objects.count()) == (RequestState.DECIDED, 1)
        assert ApprovalStep.objects.get(pk=fourth).state == StepState.CANCELLED


class TestForAnother:
    @pytest.mark.parametrize(
        ("provenance", "another", "why"),
        [
            (Provenance.HUMAN_FOR_ANOTHER, "manager", "nobody_decides_for_another_self"),
            (Provenance.HUMAN_FOR_ANOTHER, None, "a_decision_for_another_names_them"),
            (Provenance.HUMAN, "owner", "a_decision_for_another_names_them"),
        ],
    )
    def test_is_somebody_else_who_is_named(
        self, org: Organisation, request_: AccessRequest, provenance: Provenance, another: str | None, why: str
    ) -> None:
        decision = Decision(
            subject_kind="request_item",
            subject_id=request_.items.get().pk,
            verdict=Verdict.APPROVE,
            provenance=provenance,
            decider=org.manager,
            on_behalf_of=getattr(org, another) if another else None,
            assurance=2,
            reason="Fits.",
            at=timezone.now(),
        )
        with pytest.raises(IntegrityError, match=why), transaction.atomic():
            decision.save(force_insert=True)


class TestReject:
    def test_ends_the_route_and_grants_nothing(self, org: Organisation, request_: AccessRequest) -> None:
        reject(step_ids(request_)[0], org.manager, reason="Not this quarter")
        request_.refresh_from_db()
        item = request_.items.get()
        assert (item.state, item.state_reason) == (ItemState.REJECTED, "Not this quarter")
        assert states(request_) == [StepState.REJECTED, StepState.CANCELLED]
        assert not Grant.objects.exists()

    @pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.RETURN])
    @pytest.mark.parametrize("reason", ["", "  \n"])
    def test_and_return_need_a_reason(
        self, org: Organisation, request_: AccessRequest, verdict: Verdict, reason: str
    ) -> None:
        step = step_ids(request_)[0]
        with pytest.raises(Invalid) as refused:
            decide(step_id=step, verdict=verdict, reason=reason, actor=actor(org.manager), now=timezone.now())
        assert list(refused.value.fields) == ["reason"]
        assert states(request_)[0] == StepState.OPEN


class TestReturn:
    def test_waits_for_the_answer_and_goes_on_where_it_was(self, org: Organisation, request_: AccessRequest) -> None:
        step = step_ids(request_)[0]
        ask_back(step, org.manager)
        request_.refresh_from_db()
        assert (request_.state, states(request_)[0]) == (RequestState.RETURNED, StepState.RETURNED)
        with pytest.raises(Conflict):
            approve(step, org.manager)
        self.answers(org, request_)
        assert (request_.state, states(request_)[0]) == (RequestState.IN_REVIEW, StepState.OPEN)
        approve(step, org.manager)

    def test_stops_the_clock_for_as_long_as_the_answer_takes(self, org: Organisation, request_: AccessRequest) -> None:
        step = step_ids(request_)[0]
        due = ApprovalStep.objects.get(pk=step).due_at
        assert due is not None
        ask_back(step, org.manager)
        asked_at = Question.objects.get().asked_at
        self.answers(org, request_, later=9 * HOUR)
        moved = ApprovalStep.objects.get(pk=step).due_at
        assert moved is not None
        assert moved - due == Question.objects.get().answered_at - asked_at  # type: ignore[operator]

    def test_is_answered_by_the_requester_alone(self, org: Organisation, request_: AccessRequest) -> None:
        ask_back(step_ids(request_)[0], org.manager)
        question, now = Question.objects.get(), timezone.now()
        by = actor(org.manager)
        with pytest.raises(Denied):
            answer(request_id=request_.pk, question_id=question.pk, text="Mine", actor=by, now=now)

    def test_does_not_keep_the_requester_from_withdrawing(self, org: Organisation, request_: AccessRequest) -> None:
        ask_back(step_ids(request_)[0], org.manager)
        withdraw(request_id=request_.pk, actor=actor(org.requester), reason="", now=timezone.now())
        assert states(request_) == [StepState.CANCELLED, StepState.CANCELLED]
        with pytest.raises(Conflict):
            approve(step_ids(request_)[0], org.manager)

    def test_may_be_asked_once_more_after_the_answer(self, org: Organisation, request_: AccessRequest) -> None:
        step = step_ids(request_)[0]
        for _ in range(2):
            ask_back(step, org.manager)
            self.answers(org, request_)
        approve(step, org.manager)
        assert Decision.objects.filter(step=step).count() == 3

    def answers(self, org: Organisation, request: AccessRequest, later: timedelta = timedelta()) -> None:
        question = Question.objects.get(answered_at__isnull=True)
        now = timezone.now() + later
        by = actor(org.requester)
        answer(request_id=request.pk, question_id=question.pk, text="The ledger.", actor=by, now=now)
        request.refresh_from_db()


class TestAQuorum:
    def test_asks_others_once_one_has_decided(self) -> None:
        org = Organisation("purpose_owner")
        rule(condition="true", steps=[{"kind": "purpose_owner", "required": 2}])
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        assert step.required == 2
        approve(step.pk, org.owner)
        asked = set(step.approvers.filter(ends_at__isnull=True).values_list("identity", flat=True))
        assert asked == {member.pk for member in org.governance}
        approve(step.pk, org.governance[0])
        step.refresh_from_db()
        assert step.state == StepState.APPROVED


class TestAnUnansweredQuestion:
    def test_expires_with_its_step(self, request_: AccessRequest, org: Organisation) -> None:
        step = step_ids(request_)[0]
        ask_back(step, org.manager)
        assert not expire(step_id=step, now=timezone.now())
        assert expire(step_id=step, now=timezone.now() + STEP_TERM + HOUR)
        request_.refresh_from_db()
        assert request_.state == RequestState.EXPIRED
        assert not Grant.objects.exists()

    def test_is_what_the_record_says_was_not_answered(self, request_: AccessRequest, org: Organisation) -> None:
        step = step_ids(request_)[0]
        ask_back(step, org.manager)
        why = f"Nobody answered the question of {minute(Question.objects.get().asked_at)}"
        expire(step_id=step, now=timezone.now() + STEP_TERM + HOUR)
        assert ApprovalStep.objects.get(pk=step).state_reason == why
        assert Decision.objects.get(provenance=Provenance.TIMEOUT).reason == why


class TestWhatHappenedToAStep:
    """Is told by what led there, and by nothing that somebody has said of it besides."""

    def told(self, step: UUID, by: Identity) -> str:
        return already(ApprovalStep.objects.get(pk=step), actor(by))

    def test_is_who_decided_it(self, request_: AccessRequest, org: Organisation) -> None:
        step = step_ids(request_)[0]
        approve(step, org.manager)
        assert self.told(step, org.owner).startswith("Manager approved this, ")
        assert self.told(step, org.manager).startswith("You approved this, ")

    def test_is_who_asked_back_while_that_waits_and_not_afterwards(
        self, request_: AccessRequest, org: Organisation
    ) -> None:
        step = step_ids(request_)[0]
        ask_back(step, org.manager)
        assert self.told(step, org.owner).startswith("Manager asked back, ")
        withdraw(request_id=request_.pk, actor=actor(org.requester), reason="Not needed", now=timezone.now())
        assert self.told(step, org.manager) == "This step is cancelled: Not needed."

    def test_is_that_it_waits_for_others(self, request_: AccessRequest, org: Organisation) -> None:
        assert self.told(step_ids(request_)[1], org.owner) == "This step waits for others to be decided before it."

    def test_is_that_another_rejected_whoever_has_said_yes_to_it(self) -> None:
        org = Organisation("manager")
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        ann, ben = person("Ann"), person("Ben")
        team("ledger", ann, ben)
        rule(steps=[{"kind": "team", "team": "ledger", "required": 2, "stage": 1}, {"kind": "manager", "stage": 1}])
        steps = dict(ApprovalStep.objects.filter(pk__in=step_ids(org.submit())).values_list("kind", "pk"))
        approve(steps["team"], ann)
        reject(steps["manager"], org.manager)
        assert self.told(steps["team"], ben) == "This step is cancelled: Another step rejected."

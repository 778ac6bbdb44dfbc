"""An answer that turns out to be the last that a route has waited for: it is decided there and then, or goes on."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Model, QuerySet
from django.utils import timezone

from governance.approvals.models import ApprovalRoute, ApprovalStep, Question
from governance.approvals.moves import Unanswered
from governance.approvals.states import RouteState, StepState
from governance.catalog.models import Entitlement
from governance.core.locking import locked_all
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.purposes.models import Purpose
from governance.requests.actions import answer, submit
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.states import RequestState
from tests.builders import Organisation, actor, draft, person, rule, step_ids, team
from tests.leases import approve, ask_back
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

SKIPPED: dict[str, Any] = {"kind": "entitlement_owner", "stage": 1, "skip_repeat": True}
MANAGER: dict[str, Any] = {"kind": "manager", "stage": 1}
LEDGER: dict[str, Any] = {"kind": "team", "team": "ledger", "everyone": True, "stage": 1}
LATER: dict[str, Any] = {"kind": "security", "stage": 2}


def org_with(*steps: dict[str, Any]) -> Organisation:
    """An organisation whose only rule asks for these steps, and whose requester is managed by the owner."""
    org = Organisation("manager")
    run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
    run("UPDATE governance_identity SET manager_id = %s WHERE id = %s", org.owner.pk, org.requester.pk)
    rule(steps=list(steps))
    return org


def replied(request: AccessRequest) -> AccessRequest:
    """The requester answers the question that waits."""
    question, by = Question.objects.get(answered_at=None), actor(request.requester)
    return answer(request_id=request.pk, question_id=question.pk, text="All.", actor=by, now=timezone.now())


def step_of(request: AccessRequest, kind: str) -> UUID:
    return ApprovalStep.objects.get(pk__in=step_ids(request), kind=kind).pk


def states(request: AccessRequest) -> dict[str, str]:
    return dict(ApprovalStep.objects.filter(pk__in=step_ids(request)).values_list("kind", "state"))


def repeating(*later: dict[str, Any]) -> AccessRequest:
    """One who is asked for two steps has approved the one and asked back on the other, which may be skipped."""
    org = org_with(SKIPPED, MANAGER, *later)
    team("security", person("Sec"))
    request = org.submit()
    ask_back(step_of(request, "entitlement_owner"), org.owner)
    approve(step_of(request, "manager"), org.owner)
    return request


def everyone(*later: dict[str, Any]) -> AccessRequest:
    """All but one have said yes; the one has asked back, and does not count any more."""
    org = org_with(LEDGER, *later)
    team("security", person("Sec"))
    ann, ben = person("Ann"), person("Ben")
    team("ledger", ann, ben)
    request = org.submit()
    approve(step_of(request, "team"), ann)
    ask_back(step_of(request, "team"), ben)
    run("UPDATE governance_identity SET state = 'on_leave' WHERE id = %s", ben.pk)
    return request


@pytest.mark.parametrize("waiting", [repeating, everyone])
class TestAnAnswerAfterWhichNobodyIsLeftToAsk:
    def test_opens_the_next_stage(self, waiting: Callable[..., AccessRequest]) -> None:
        request = waiting(LATER)
        assert replied(request).state == RequestState.IN_REVIEW
        assert states(request)["security"] == StepState.OPEN
        assert not Grant.objects.exists()

    def test_decides_the_request_where_it_was_the_last(self, waiting: Callable[..., AccessRequest]) -> None:
        request = waiting()
        assert replied(request).state == RequestState.DECIDED
        request.refresh_from_db()
        assert request.state == RequestState.DECIDED
        assert Grant.objects.get().identity == request.beneficiary

    def test_holds_all_that_a_lease_rests_on(
        self, waiting: Callable[..., AccessRequest], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = waiting()
        held: list[type[Model]] = []

        def hold(rows: QuerySet[Any], **how: Any) -> list[Any]:
            held.append(rows.model)
            return locked_all(rows, **how)

        monkeypatch.setattr("governance.requests.moves.locked_all", hold)
        replied(request)
        assert held == [Purpose, Entitlement, Identity, AccessRequest, RequestItem]


class TestARouteWhoseStepsWereEndedPastTheActions:
    @pytest.mark.parametrize("state", [StepState.CANCELLED, StepState.EXPIRED, StepState.REJECTED])
    def test_is_not_approved_by_the_last_that_is_left(self, state: str) -> None:
        org = org_with({**SKIPPED, "skip_repeat": False}, MANAGER)
        run("UPDATE governance_identity SET manager_id = %s WHERE id = %s", org.manager.pk, org.requester.pk)
        request = org.submit()
        ended = step_of(request, "entitlement_owner")
        sql = "UPDATE governance_approvalstep SET state = %s, closed_at = now(), state_reason = 'Past' WHERE id = %s"
        run(sql, state, ended)
        with pytest.raises(Unanswered):
            approve(step_of(request, "manager"), org.manager)
        self.stands()

    def test_is_not_approved_by_a_consent_alone(self) -> None:
        org = org_with({"kind": "identity_owner", "stage": 1}, {"kind": "entitlement_owner", "stage": 2})
        wish = draft(org.requester, org.entitlement, org.purpose)
        request = submit(draft=wish, actor=actor(org.owner), now=timezone.now())
        sql = (
            "UPDATE governance_approvalstep SET state = 'skipped', closed_at = now(), state_reason = 'X' WHERE id = %s"
        )
        run(sql, step_of(request, "entitlement_owner"))
        with pytest.raises(Unanswered):
            approve(step_of(request, "identity_owner"), org.requester)
        self.stands()

    def stands(self) -> None:
        assert ApprovalRoute.objects.get().state == RouteState.OPEN
        assert not Grant.objects.exists()

"""Routes with more than one step at a time, more than one yes to a step, teams, and consents that are no approvals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from governance.approvals import actions
from governance.approvals.models import ApprovalStep, Comment, Decision
from governance.approvals.states import StepState, Verdict
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.locking import unit_of_work
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.policy.queries import Asking, decide
from governance.policy.states import StepKind
from governance.requests import actions as requests
from governance.requests.models import AccessRequest
from governance.requests.proposing import Proposal
from tests.builders import Organisation, account, actor, draft, machine, person, rule, step_ids, team
from tests.core.log import events_of
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import approve, leave, newcomer, reject
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)


def org_with(*steps: dict[str, Any]) -> Organisation:
    """An organisation whose only rule asks for these steps."""
    org = Organisation("manager")
    run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
    rule(steps=list(steps))
    return org


def states(request: AccessRequest) -> list[str]:
    return list(
        ApprovalStep.objects.filter(pk__in=step_ids(request)).order_by("position").values_list("state", flat=True)
    )


def asked(step_id: UUID) -> set[str]:
    rows = ApprovalStep.objects.get(pk=step_id).approvers.filter(ends_at__isnull=True)
    return set(rows.values_list("identity__name", flat=True))


class TestStepsOfOneStage:
    SIDE_BY_SIDE = ({"kind": "manager", "stage": 1}, {"kind": "entitlement_owner", "stage": 1}, {"kind": "security"})

    @pytest.fixture
    def org(self) -> Organisation:
        org = org_with(*self.SIDE_BY_SIDE)
        team("security", person("Sec"))
        return org

    def test_are_open_side_by_side(self, org: Organisation) -> None:
        assert states(org.submit()) == [StepState.OPEN, StepState.OPEN, StepState.WAITING]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_lead_on_once_all_of_them_have_answered(self, org: Organisation, order: Sequence[int]) -> None:
        request = org.submit()
        people = (org.manager, org.owner)
        approve(step_ids(request)[order[0]], people[order[0]])
        assert states(request)[2] == StepState.WAITING
        approve(step_ids(request)[order[1]], people[order[1]])
        assert states(request) == [StepState.APPROVED, StepState.APPROVED, StepState.OPEN]
        assert not Grant.objects.exists()

    def test_are_all_over_when_one_rejects(self, org: Organisation) -> None:
        request = org.submit()
        reject(step_ids(request)[1], org.owner)
        assert states(request) == [StepState.CANCELLED, StepState.REJECTED, StepState.CANCELLED]

    def test_wait_for_one_that_asked_back(self, org: Organisation) -> None:
        request = org.submit()
        now = timezone.now()
        actions.decide(
            step_id=step_ids(request)[0], verdict=Verdict.RETURN, reason="Why?", actor=actor(org.manager), now=now
        )
        approve(step_ids(request)[1], org.owner)
        assert states(request) == [StepState.RETURNED, StepState.APPROVED, StepState.WAITING]

    def test_are_not_both_decided_by_one_person(self, org: Organisation) -> None:
        """Who answers for both decides one; the other is asked of somebody else at once (rule 2)."""
        run("UPDATE governance_identity SET manager_id = %s WHERE id = %s", org.owner.pk, org.requester.pk)
        request = org.submit()
        first, second, _ = step_ids(request)
        assert asked(first) == asked(second) == {"Owner"}
        approve(first, org.owner)
        assert "Owner" not in asked(second)
        with pytest.raises(Denied):
            approve(second, org.owner)

    @pytest.mark.django_db(transaction=True)
    @rounds
    def test_lead_on_once_when_both_answer_at_the_same_moment(self, rounds: int) -> None:
        org = org_with(*self.SIDE_BY_SIDE)
        team("security", person("Sec"))
        for seed in seeds(rounds):
            newcomer(org)
            request = org.submit()
            first, second, third = step_ids(request)
            _, refused = split(
                at_once(partial(approve, first, org.manager), partial(approve, second, org.owner), seed=seed)
            )
            assert not refused
            assert states(request) == [StepState.APPROVED, StepState.APPROVED, StepState.OPEN]
            opened = [event for event in events_of(third) if event["action"] == "approval_step.open"]
            assert len(opened) == 1


class TestATeam:
    @pytest.fixture
    def people(self) -> list[Identity]:
        return [person(name) for name in ("Ann", "Ben", "Cem")]

    def test_is_asked_as_its_members(self, people: list[Identity]) -> None:
        org = org_with({"kind": "team", "team": "ledger"})
        team("ledger", *people)
        request = org.submit()
        assert asked(step_ids(request)[0]) == {"Ann", "Ben", "Cem"}
        approve(step_ids(request)[0], people[1])
        assert Grant.objects.exists()

    def test_decides_by_quorum(self, people: list[Identity]) -> None:
        org = org_with({"kind": "team", "team": "ledger", "required": 2})
        team("ledger", *people)
        step = step_ids(org.submit())[0]
        approve(step, people[0])
        assert asked(step) == {"Ben", "Cem"}
        assert not Grant.objects.exists()
        approve(step, people[2])
        assert Grant.objects.exists()

    def test_decides_all_together(self, people: list[Identity]) -> None:
        org = org_with({"kind": "team", "team": "ledger", "everyone": True})
        team("ledger", *people)
        step = step_ids(org.submit())[0]
        for one in people[:2]:
            approve(step, one)
        assert asked(step) == {"Cem"}
        assert not Grant.objects.exists()
        approve(step, people[2])
        assert Grant.objects.exists()

    def test_of_one_is_not_everyone_where_two_must_agree(self, people: list[Identity]) -> None:
        """Two rules that don't know each other: one asks for everyone, one for two. Both must hold."""
        org = org_with({"kind": "team", "team": "ledger", "everyone": True})
        rule(key="POL-TWO", steps=[{"kind": "team", "team": "ledger", "required": 2}])
        team("ledger", people[0])
        step = step_ids(org.submit())[0]
        approve(step, people[0])
        assert asked(step) == {"Gwen", "Gus"}
        assert not Grant.objects.exists()
        approve(step, org.governance[0])
        assert Grant.objects.exists()

    def test_is_not_kept_waiting_by_one_who_left(self, people: list[Identity]) -> None:
        org = org_with({"kind": "team", "team": "ledger", "everyone": True})
        team("ledger", *people)
        step = step_ids(org.submit())[0]
        for one in people[:2]:
            approve(step, one)
        leave(people[2])
        assert Grant.objects.exists()

    def test_in_which_somebody_has_not_said_yes_has_not_said_yes(self, people: list[Identity]) -> None:
        """Nobody left to ask is not a yes (rule 15)."""
        org = org_with({"kind": "team", "team": "ledger", "everyone": True})
        team("ledger", *people)
        step = step_ids(org.submit())[0]
        for one in people:
            leave(one)
        assert ApprovalStep.objects.get(pk=step).state == StepState.OPEN
        assert asked(step) == {"Gwen", "Gus"}

    def test_that_does_not_exist_is_never_a_yes(self) -> None:
        org = org_with({"kind": "team", "team": "nowhere"})
        step = step_ids(org.submit())[0]
        assert asked(step) == {"Gwen", "Gus"}


class TestAConsent:
    @pytest.fixture
    def org(self) -> Organisation:
        return org_with({"kind": "identity_owner"}, {"kind": "entitlement_owner"})

    @pytest.fixture
    def robot(self, org: Organisation) -> Identity:
        robot = machine(org.stranger, backup=org.backup)
        account(robot, org.system)
        return robot

    def wish(self, org: Organisation, by: Identity, robot: Identity) -> AccessRequest:
        """Somebody asks for an identity; the forms of today offer one's own alone, the mechanism takes all."""
        now, term = timezone.now(), timedelta(days=2)
        form = draft(robot, org.entitlement, org.purpose, form_token=uuid4(), term=term)
        asking = Asking(identity=robot, purpose=org.purpose, requester=by, term=term, assurance=1, now=now)
        found = [(org.entitlement, decide(asking, org.entitlement))]
        with unit_of_work():
            return requests._file(Proposal(form, by, robot, org.purpose, found), actor(by), now)

    def test_is_asked_of_the_owner_and_goes_on_to_an_approval(self, org: Organisation, robot: Identity) -> None:
        request = self.wish(org, org.requester, robot)
        first, second = step_ids(request)
        assert asked(first) == {"Stranger"}
        approve(first, org.stranger)
        assert states(request) == [StepState.APPROVED, StepState.OPEN]
        assert Decision.objects.get(step=first).verdict == Verdict.CONSENT
        assert not Grant.objects.exists()
        approve(second, org.owner)
        assert Grant.objects.get().identity == robot

    def test_refused_ends_it(self, org: Organisation, robot: Identity) -> None:
        request = self.wish(org, org.requester, robot)
        reject(step_ids(request)[0], org.stranger)
        assert states(request) == [StepState.REJECTED, StepState.CANCELLED]

    def test_is_nobody_elses_to_give(self, org: Organisation, robot: Identity) -> None:
        first, _ = step_ids(self.wish(org, org.requester, robot))
        for who in (org.manager, org.owner, org.governance[0]):
            with pytest.raises((Denied, NotFound)):
                approve(first, who)

    def test_lets_nobody_approve_as_well(self, org: Organisation, robot: Identity) -> None:
        run(
            "UPDATE governance_ownership SET identity_id = %s WHERE subject_id = %s",
            org.stranger.pk,
            org.entitlement.pk,
        )
        first, second = step_ids(self.wish(org, org.requester, robot))
        approve(first, org.stranger)
        assert "Stranger" not in asked(second)

    def test_is_not_asked_of_an_owner_who_asked_for_it(self, org: Organisation, robot: Identity) -> None:
        request = self.wish(org, org.stranger, robot)
        assert states(request) == [StepState.SKIPPED, StepState.OPEN]
        assert ApprovalStep.objects.get(pk=step_ids(request)[0]).state_reason

    def test_is_asked_of_the_owner_where_the_machine_identity_asks_itself(
        self, org: Organisation, robot: Identity
    ) -> None:
        request = self.wish(org, robot, robot)
        assert states(request) == [StepState.OPEN, StepState.WAITING]
        assert asked(step_ids(request)[0]) == {"Stranger"}

    def test_is_asked_of_a_person_for_whom_somebody_asks(self, org: Organisation) -> None:
        first, _ = step_ids(self.wish(org, org.manager, org.requester))
        assert asked(first) == {"Requester"}

    def test_alone_is_no_approval(self) -> None:
        """Policy that asks for a consent and nothing else gets the entitlement's owner as well (rule 2)."""
        org = org_with({"kind": "identity_owner"})
        steps = ApprovalStep.objects.filter(pk__in=step_ids(org.submit())).order_by("position")
        assert [step.kind for step in steps] == [StepKind.IDENTITY_OWNER, StepKind.ENTITLEMENT_OWNER]
        assert [step.state for step in steps] == [StepState.SKIPPED, StepState.OPEN]


class TestAComment:
    def say(self, request: AccessRequest, who: Identity, text: str = "See the ticket") -> Comment:
        route = ApprovalStep.objects.get(pk=step_ids(request)[0]).route_id
        return actions.comment(route_id=route, text=text, actor=actor(who), now=timezone.now())

    def test_is_made_by_who_decides_and_by_whose_access_it_would_be(self) -> None:
        org = Organisation()
        request = org.submit()
        for who in (org.manager, org.requester):
            said = self.say(request, who)
            assert (said.author, said.text) == (who, "See the ticket")
        assert events_of(said.route_id)[-1]["action"] == "comment.made"

    def test_is_told_to_the_others(self) -> None:
        org = Organisation()
        request = org.submit()
        self.say(request, org.manager, "Which books?")
        told = Notification.objects.filter(title__endswith="has a new comment")
        assert [(one.recipient, one.body) for one in told] == [(org.requester, "Which books?")]
        self.say(request, org.requester, "The ledger")
        assert told.get(body="The ledger").recipient == org.manager

    def test_is_nobody_elses_to_make(self) -> None:
        org = Organisation()
        with pytest.raises(NotFound):
            self.say(org.submit(), org.stranger)

    def test_has_words(self) -> None:
        org = Organisation()
        with pytest.raises(Invalid):
            self.say(org.submit(), org.manager, "  ")

    def test_comes_too_late_once_it_is_decided(self) -> None:
        org = Organisation()
        request = org.submit()
        reject(step_ids(request)[0], org.manager)
        with pytest.raises(Conflict):
            self.say(request, org.manager)

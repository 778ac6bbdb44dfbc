"""Rule 15: fail closed. Nobody found, nobody answering, something broken: none of it is a yes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.access.states import Observation
from governance.approvals import tasks
from governance.approvals.actions import expire
from governance.approvals.models import ApprovalStep, Decision
from governance.approvals.rules import STEP_TERM
from governance.approvals.states import Provenance, StepState, Verdict
from governance.connectors.interface import Unreachable
from governance.core.errors import Conflict
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.requests.states import ItemState, RequestState
from tests.builders import Organisation, person, rule, step_ids
from tests.core.log import events_of
from tests.leases import active, approve, fresh, give_back, newcomer, started, work
from tests.provisioning.things import Scripted, raises
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

LATE = STEP_TERM + timedelta(seconds=1)


class TestAStepThatNobodyAnswers:
    def test_expires_and_grants_nothing(self) -> None:
        org = Organisation()
        request = org.submit()
        first, second = step_ids(request)
        assert expire(step_id=first, now=timezone.now() + LATE)
        request.refresh_from_db()
        item = request.items.get()
        assert (request.state, item.state) == (RequestState.EXPIRED, ItemState.EXPIRED)
        assert "Nobody decided by" in item.state_reason
        assert ApprovalStep.objects.get(pk=second).state == StepState.CANCELLED
        assert not Grant.objects.exists()
        no = Decision.objects.get()
        assert (no.verdict, no.provenance, no.decider) == (Verdict.REJECT, Provenance.TIMEOUT, None)

    def test_does_not_expire_before_its_time(self) -> None:
        step = step_ids(Organisation().submit())[0]
        assert not expire(step_id=step, now=timezone.now() + STEP_TERM - timedelta(minutes=1))
        assert ApprovalStep.objects.get(pk=step).state == StepState.OPEN

    def test_cannot_be_approved_afterwards(self) -> None:
        org = Organisation()
        step = step_ids(org.submit())[0]
        expire(step_id=step, now=timezone.now() + LATE)
        with pytest.raises(Conflict, match="expired: Nobody decided by"):
            approve(step, org.manager)

    def test_is_found_by_the_sweep(self, monkeypatch: pytest.MonkeyPatch) -> None:
        org = Organisation()
        step = step_ids(org.submit())[0]
        run("UPDATE governance_approvalstep SET due_at = now() WHERE id = %s", step)
        monkeypatch.setattr(tasks.expire, "delay", tasks.expire)
        tasks.expire_due()
        assert ApprovalStep.objects.get(pk=step).state == StepState.EXPIRED


class TestAStepThatNobodyMayAnswer:
    def test_goes_to_the_governance_team(self) -> None:
        org = Organisation("manager")
        newcomer(org).refresh_from_db()
        run("UPDATE governance_identity SET manager_id = NULL")
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        assert {row.identity for row in step.approvers.all()} == set(org.governance)
        assert all(row.fallback for row in step.approvers.all())

    def test_waits_and_says_so_where_there_is_no_such_team(self) -> None:
        org = Organisation("manager")
        run("UPDATE governance_identity SET manager_id = NULL")
        run("UPDATE governance_identity SET state = 'suspended' WHERE id = ANY(%s)", [g.pk for g in org.governance])
        step = step_ids(org.submit())[0]
        assert ApprovalStep.objects.get(pk=step).state == StepState.OPEN
        assert events_of(step)[-1]["action"] == "approval_step.unanswerable"
        assert not Grant.objects.exists()

    def test_is_asked_of_those_who_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        org = Organisation("manager")
        run("UPDATE governance_identity SET manager_id = NULL")
        run("UPDATE governance_identity SET state = 'suspended' WHERE id = ANY(%s)", [g.pk for g in org.governance])
        step = step_ids(org.submit())[0]
        run("UPDATE governance_identity SET state = 'active' WHERE id = %s", org.governance[0].pk)
        monkeypatch.setattr(tasks.ask_again, "delay", tasks.ask_again)
        tasks.ask_again_due()
        approve(step, org.governance[0])
        assert Grant.objects.exists()


class TestPolicy:
    def test_that_covers_nothing_denies(self) -> None:
        org = Organisation()
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = clock_timestamp()")
        item = org.submit().items.get()
        assert (item.state, item.state_reason) == (ItemState.DENIED, "No rule covers this access.")

    def test_that_is_broken_denies(self) -> None:
        org = Organisation()
        rule(key="POL-BROKEN", condition="1 / access.entitlements.size() == 1", deny=True)
        item = org.submit().items.get()
        assert item.state == ItemState.DENIED
        assert "POL-BROKEN is broken" in item.state_reason
        assert not Grant.objects.exists()


class TestASystemThatDoesNotAnswer:
    def test_leaves_a_grant_unusable(self, memory: Scripted) -> None:
        memory.on_look = raises(Unreachable("No answer", sent=True))
        grant = started(Organisation())
        work()
        assert fresh(grant).state == GrantState.PROVISIONING
        assert not Grant.objects.usable(timezone.now()).exists()

    def test_leaves_a_removal_unproven(self, memory: Scripted) -> None:
        grant = active(Organisation())
        memory.on_look = raises(Unreachable("No answer", sent=True))
        give_back(grant)
        work()
        assert Grant.objects.unproven().get() == grant

    def test_proves_nothing_by_an_answer_that_says_nothing(self, memory: Scripted) -> None:
        memory.on_look = lambda: Observation.UNKNOWN
        grant = started(Organisation())
        work()
        assert fresh(grant).state == GrantState.PROVISIONING
        give_back(grant)
        work()
        assert fresh(grant).state in {GrantState.REVOKING, GrantState.REVOCATION_FAILED}


class TestNobodyAtAll:
    def test_is_never_resolved_to_somebody_suspended(self) -> None:
        org = Organisation("manager")
        newcomer(org)
        org.manager = person(state="suspended", manager=org.boss)
        newcomer(org)
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        assert [row.identity for row in step.approvers.all()] == [org.boss]

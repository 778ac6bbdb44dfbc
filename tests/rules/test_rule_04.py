"""Rule 4: an end needs no human, and no worker either to be an end. What ended is seen until its removal is proven."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.access.models import Verification
from governance.access.states import Observation
from governance.connectors.interface import Unreachable
from governance.core.actor import Role
from governance.grants import tasks
from governance.grants.actions import expire_due
from governance.grants.models import Grant
from governance.grants.permissions import visible
from governance.grants.states import GrantState
from governance.provisioning.actions import claim, record
from governance.provisioning.calls import perform
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.states import Operation, TaskState
from tests.builders import Organisation, actor, purpose
from tests.leases import HOUR, MINUTE, active, begin, fresh, give_back, granted, open_task, started, work
from tests.provisioning.things import Scripted, raises

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


class TestTheMomentOfUse:
    def test_says_no_from_the_end_on_though_no_worker_has_run(self, org: Organisation, memory: Scripted) -> None:
        grant = active(org)
        assert Grant.objects.usable(grant.ends_at - INSTANT).get() == grant
        assert not Grant.objects.usable(grant.ends_at).exists()
        assert fresh(grant).state == GrantState.ACTIVE

    def test_says_no_as_soon_as_it_is_handed_back(self, org: Organisation, memory: Scripted) -> None:
        grant = active(org)
        now = timezone.now()
        give_back(grant, now=now)
        assert not Grant.objects.usable(now).exists()
        assert fresh(grant).ends_at == now

    def test_says_no_until_the_access_is_proven(self, org: Organisation, memory: Scripted) -> None:
        grant = started(org)
        assert not Grant.objects.usable(timezone.now()).exists()
        work()
        assert Grant.objects.usable(timezone.now()).get() == grant


class TestTheEnd:
    def test_queues_the_removal(self, org: Organisation, memory: Scripted) -> None:
        grant = active(org)
        assert expire_due(now=grant.ends_at - INSTANT) == 0
        assert expire_due(now=grant.ends_at) == 1
        assert (open_task(grant).operation, fresh(grant).state) == (Operation.REVOKE, GrantState.REVOKING)

    def test_is_timed_to_its_moment_by_the_sweep_before_it(
        self, org: Organisation, memory: Scripted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grant = active(org, term=MINUTE)
        sent: list[tuple[object, ...]] = []
        monkeypatch.setattr("governance.core.wake.at", lambda *message: sent.append(message))
        tasks.sweep()
        assert sent == [(grant.ends_at, "grants.expire")]

    def test_of_what_never_came_to_stand_is_an_end_all_the_same(self, org: Organisation, memory: Scripted) -> None:
        grant = started(org)
        assert expire_due(now=grant.ends_at) == 1
        work(grant.ends_at)
        assert fresh(grant).state == GrantState.REVOKED

    def test_is_proven_by_a_look_and_not_by_the_answer(self, org: Organisation, memory: Scripted) -> None:
        grant = active(org)
        memory.on_change = lambda: "pretend"
        give_back(grant)
        work()
        assert fresh(grant).state == GrantState.REVOCATION_FAILED
        memory.on_change = lambda: None
        work(timezone.now() + HOUR)
        assert fresh(grant).state == GrantState.REVOKED
        assert Verification.objects.order_by("-at").first().observation == Observation.ABSENT  # type: ignore[union-attr]

    def test_is_not_settled_by_another_path(self, org: Organisation, memory: Scripted) -> None:
        grant = active(org)
        memory.paths = (("staff", org.entitlement.key),)
        give_back(grant)
        work()
        assert fresh(grant).state == GrantState.REVOCATION_FAILED
        assert "ther path" in fresh(grant).state_reason
        assert open_task(grant).state == TaskState.FAILED


class TestAnUnprovenRemoval:
    def test_goes_on_for_as_long_as_it_takes(self, org: Organisation, memory: Scripted) -> None:
        grant = active(org)
        memory.on_change = memory.on_look = raises(Unreachable("No route", sent=False))
        give_back(grant)
        now = timezone.now()
        for _ in range(40):
            now += timedelta(minutes=20)
            work(now)
        task = open_task(grant)
        assert task.escalated_at is not None
        assert Grant.objects.unproven().get() == grant
        memory.on_change = memory.on_look = lambda: None
        work(now + HOUR)
        assert fresh(grant).state == GrantState.REVOKED

    def test_is_seen_by_its_owner_and_by_an_auditor(self, org: Organisation, memory: Scripted) -> None:
        give_back(active(org))
        for who in (actor(org.owner), actor(org.stranger, Role.AUDITOR)):
            assert visible(who, timezone.now()).unproven().exists()
        assert not visible(actor(org.stranger), timezone.now()).exists()


class TestTwoLeasesOnOneAccess:
    def test_of_which_one_ends_leave_the_access(self, org: Organisation, memory: Scripted) -> None:
        first = active(org)
        second = active(org, why=purpose(org.owner, org.entitlement))
        assert second.state == GrantState.ACTIVE
        give_back(first)
        assert fresh(first).state == GrantState.REVOKED
        assert fresh(first).state_reason == f"The access stands on {second}"
        assert fresh(second).state == GrantState.ACTIVE
        assert not ProvisioningTask.objects.open().exists()
        give_back(second)
        work()
        assert fresh(second).state == GrantState.REVOKED
        assert not memory.held

    def test_are_each_proven_by_a_look_of_their_own(self, org: Organisation, memory: Scripted) -> None:
        """Nothing has to be changed for the second: it would stay unproven, and unusable, until its end."""
        active(org)
        second = begin(granted(org, why=purpose(org.owner, org.entitlement)))
        assert second.state == GrantState.PROVISIONING
        work()
        assert fresh(second).state == GrantState.ACTIVE
        assert Verification.objects.filter(at__gte=second.starts_at).exists()

    def test_that_end_before_and_after_the_sweep_are_both_proven(self, org: Organisation, memory: Scripted) -> None:
        """The first is over, not swept, when the second is handed back and its removal proven: who would look again?"""
        first = active(org, term=HOUR)
        second = active(org, why=purpose(org.owner, org.entitlement))
        after = first.ends_at + timedelta(seconds=5)
        give_back(second, now=after)
        work(after)
        assert fresh(second).state == GrantState.REVOKED
        assert expire_due(now=after + MINUTE) == 1
        assert fresh(first).state == GrantState.REVOKED
        assert memory.calls.count("absent") == 1

    def test_of_which_one_begins_while_the_other_is_removed_settle_it(
        self, org: Organisation, memory: Scripted
    ) -> None:
        first = active(org)
        give_back(first)
        second = begin(granted(org, why=purpose(org.owner, org.entitlement)))
        assert fresh(first).state == GrantState.REVOKED
        assert fresh(first).state_reason == f"The access stands on {second}"
        work()
        assert fresh(second).state == GrantState.ACTIVE
        assert memory.held == {(org.account.login, org.entitlement.key)}

    def test_are_not_cut_by_the_late_report_of_a_removal(self, org: Organisation, memory: Scripted) -> None:
        first = active(org)
        give_back(first)
        now = timezone.now()
        job = claim(open_task(first).pk, now=now)
        assert job is not None
        second = begin(granted(org, why=purpose(org.owner, org.entitlement)))
        record(job, perform(job, lambda: now), now=now, chance=0.0)
        work(timezone.now())
        assert fresh(second).state == GrantState.ACTIVE
        assert memory.held == {(org.account.login, org.entitlement.key)}

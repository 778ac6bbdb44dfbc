"""Rule 6 and the level-driven assignment, with several who start and end leases at the same moment."""

from functools import partial
from uuid import UUID

import pytest
from django.utils import timezone

from governance.access.models import Assignment
from governance.core.errors import Denied
from governance.grants.actions import activate, expire_due, hand_back, revoke
from governance.grants.models import Grant
from governance.grants.states import LIVE, GrantState
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.states import Operation
from governance.requests import queries
from governance.requests.models import RequestItem
from governance.requests.states import ItemState
from tests.builders import Organisation, actor, purpose, step_ids
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import HOUR, approve, fresh, granted, newcomer, security, started, work
from tests.provisioning.things import Scripted

pytestmark = pytest.mark.django_db(transaction=True)


def tasks_of(assignment_id: UUID | None) -> list[tuple[str, int]]:
    found = ProvisioningTask.objects.filter(assignment=assignment_id).order_by("generation")
    return list(found.values_list("operation", "generation"))


class TestTwoEndsAtOnce:
    @rounds
    def test_of_one_grant_remove_the_access_once(self, rounds: int, memory: Scripted) -> None:
        org, watch = Organisation(), security()
        for seed in seeds(rounds):
            newcomer(org)
            grant = started(org)
            now = timezone.now()
            mine = partial(hand_back, grant_id=grant.pk, actor=actor(org.requester), reason="Done", now=now)
            theirs = partial(revoke, grant_id=grant.pk, actor=watch, reason="Unusual use", now=now)
            done, refused = split(at_once(mine, theirs, seed=seed))
            assert len(done) == 1
            assert [type(error) for error in refused] == [Denied]
            assert fresh(grant).state == GrantState.REVOKING
            assert grant.history.filter(state=GrantState.REVOKING).count() == 1
            assert tasks_of(grant.assignment_id) == [(Operation.GRANT, 1), (Operation.REVOKE, 2)]

    @rounds
    def test_of_two_grants_on_one_assignment_remove_the_access_once(self, rounds: int, memory: Scripted) -> None:
        org = Organisation()
        other = purpose(org.owner, org.entitlement)
        for seed in seeds(rounds):
            newcomer(org)
            first, second = started(org), started_for(org, other)
            now = timezone.now()
            ends = [partial(hand_back, grant_id=g.pk, actor=actor(org.requester), reason="", now=now) for g in (first, second)]
            _, refused = split(at_once(*ends, seed=seed))
            assert not refused
            states = {fresh(first).state, fresh(second).state}
            assert states == {GrantState.REVOKED, GrantState.REVOKING}
            assert tasks_of(first.assignment_id) == [(Operation.GRANT, 1), (Operation.REVOKE, 2)]

    @rounds
    def test_of_the_sweep_and_its_twin_end_each_lease_once(self, rounds: int, memory: Scripted) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            newcomer(org)
            grant = started(org)
            sweep = partial(expire_due, now=grant.ends_at)
            ended, refused = split(at_once(sweep, sweep, seed=seed))
            assert not refused
            assert sum(ended) == 1
            assert tasks_of(grant.assignment_id) == [(Operation.GRANT, 1), (Operation.REVOKE, 2)]
            assert fresh(grant).state == GrantState.REVOKING


def started_for(org: Organisation, why: object) -> Grant:
    usual, org.purpose = org.purpose, why  # type: ignore[assignment]
    try:
        return started(org)
    finally:
        org.purpose = usual


def granted_for(org: Organisation, why: object) -> Grant:
    usual, org.purpose = org.purpose, why  # type: ignore[assignment]
    try:
        return granted(org)
    finally:
        org.purpose = usual


class TestAnEndAgainstAStart:
    @rounds
    def test_leaves_the_access_standing_on_what_started(self, rounds: int, memory: Scripted) -> None:
        org = Organisation()
        other = purpose(org.owner, org.entitlement)
        for seed in seeds(rounds):
            newcomer(org)
            first, second = started(org), granted_for(org, other)
            work()
            now = timezone.now()
            end = partial(hand_back, grant_id=first.pk, actor=actor(org.requester), reason="", now=now)
            _, refused = split(at_once(end, partial(activate, grant_id=second.pk, now=now), seed=seed))
            assert not refused
            assert self.stands(first.assignment_id)
            assert fresh(first).state == GrantState.REVOKED
            assert str(second) in fresh(first).state_reason
            work()
            assert fresh(second).state == GrantState.ACTIVE
            assert (org.account.login, org.entitlement.key) in memory.held

    def stands(self, assignment_id: UUID | None) -> bool:
        assignment = Assignment.objects.get(pk=assignment_id)
        live = Grant.objects.filter(assignment=assignment_id, state__in=LIVE).count()
        open_tasks = ProvisioningTask.objects.open().filter(assignment=assignment_id)
        assert live == 1
        assert all(task.operation == Operation.GRANT for task in open_tasks)
        return assignment.wanted


class TestTwoDecisions:
    @rounds
    def test_make_one_grant_where_theirs_would_overlap(self, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queries, "pending_twin", lambda *_: None)  # as if the second had not been refused
        org = Organisation("manager")
        for seed in seeds(rounds):
            newcomer(org)
            steps = [step_ids(org.submit())[0] for _ in range(2)]
            _, refused = split(at_once(*[partial(approve, step, org.manager) for step in steps], seed=seed))
            assert not refused
            grant = Grant.objects.get(identity=org.requester)
            items = RequestItem.objects.filter(request__beneficiary=org.requester)
            assert sorted(item.state for item in items) == [ItemState.APPROVED, ItemState.CLOSED]
            assert str(grant) in items.get(state=ItemState.CLOSED).state_reason


class TestOneInstant:
    def test_a_lease_may_begin_when_another_ends(self, memory: Scripted) -> None:
        org = Organisation()
        first = started(org)
        now = timezone.now() + HOUR
        hand_back(grant_id=first.pk, actor=actor(org.requester), reason="", now=now)
        second = started(org, now=now)
        assert fresh(first).ends_at == second.starts_at == now

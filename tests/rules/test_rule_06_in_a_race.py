"""Rule 6 and the level-driven assignment, with several who start and end leases at the same moment."""

from functools import partial
from uuid import UUID

import pytest
from django.utils import timezone

from governance.access.models import Assignment
from governance.core.errors import Conflict
from governance.grants.actions import expire_due
from governance.grants.models import Grant
from governance.grants.states import LIVE, GrantState
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.states import Operation
from governance.requests import queries
from governance.requests.models import RequestItem
from governance.requests.states import ItemState
from tests.builders import Organisation, purpose, step_ids
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import (
    HOUR,
    active,
    approve,
    begin,
    fresh,
    give_back,
    granted,
    newcomer,
    security,
    started,
    take_away,
    work,
)
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
            done, refused = split(at_once(partial(give_back, grant), partial(take_away, grant, watch), seed=seed))
            assert len(done) == 1
            assert [type(error) for error in refused] == [Conflict]
            assert fresh(grant).state == GrantState.REVOKING
            assert grant.history.filter(state=GrantState.REVOKING).count() == 1
            assert tasks_of(grant.assignment_id) == [(Operation.GRANT, 1), (Operation.REVOKE, 2)]

    @rounds
    def test_of_one_grant_that_has_not_begun_cancel_it_once(self, rounds: int) -> None:
        org, watch = Organisation(), security()
        for seed in seeds(rounds):
            newcomer(org)
            grant = granted(org)
            done, refused = split(at_once(partial(give_back, grant), partial(take_away, grant, watch), seed=seed))
            assert len(done) == 1
            assert [type(error) for error in refused] == [Conflict]
            assert fresh(grant).state == GrantState.CANCELLED
            assert grant.history.filter(state=GrantState.CANCELLED).count() == 1

    @rounds
    def test_by_its_holder_and_the_clock_remove_the_access_once(self, rounds: int, memory: Scripted) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            newcomer(org)
            grant = started(org)
            given, swept = at_once(partial(give_back, grant), partial(expire_due, now=grant.ends_at), seed=seed)
            assert (type(given), swept) in {(Grant, 0), (Conflict, 1)}
            assert fresh(grant).state == GrantState.REVOKING
            assert grant.history.filter(state=GrantState.REVOKING).count() == 1
            assert tasks_of(grant.assignment_id) == [(Operation.GRANT, 1), (Operation.REVOKE, 2)]

    @rounds
    def test_of_two_grants_on_one_assignment_remove_the_access_once(self, rounds: int, memory: Scripted) -> None:
        org = Organisation()
        other = purpose(org.owner, org.entitlement)
        for seed in seeds(rounds):
            newcomer(org)
            first, second = started(org), started(org, why=other)
            _, refused = split(at_once(partial(give_back, first), partial(give_back, second), seed=seed))
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


class TestAnEndAgainstAStart:
    @rounds
    def test_leaves_the_access_standing_on_what_started(self, rounds: int, memory: Scripted) -> None:
        org = Organisation()
        other = purpose(org.owner, org.entitlement)
        for seed in seeds(rounds):
            newcomer(org)
            first, second = active(org), granted(org, why=other)
            _, refused = split(at_once(partial(give_back, first), partial(begin, second), seed=seed))
            assert not refused
            assert self.stands(first.assignment_id)
            assert fresh(first).state == GrantState.REVOKED
            assert str(second) in fresh(first).state_reason
            work()
            assert fresh(second).state == GrantState.ACTIVE
            assert (org.account.login, org.entitlement.key) in memory.held

    @rounds
    def test_of_the_same_grant_leaves_it_ended(self, rounds: int, memory: Scripted) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            newcomer(org)
            grant = granted(org)
            _, refused = split(at_once(partial(give_back, grant), partial(begin, grant), seed=seed))
            assert not refused
            states = list(grant.history.order_by("history_id").values_list("state", flat=True))
            tasks = tasks_of(fresh(grant).assignment_id)
            assert (states, tasks) in [
                ([GrantState.APPROVED, GrantState.CANCELLED], []),
                (
                    [GrantState.APPROVED, GrantState.PROVISIONING, GrantState.REVOKING],
                    [(Operation.GRANT, 1), (Operation.REVOKE, 2)],
                ),
            ]

    def test_counts_what_began_after_the_clock_of_the_end_was_read(self, memory: Scripted) -> None:
        org = Organisation()
        first = active(org)
        early = timezone.now()
        second = begin(granted(org, why=purpose(org.owner, org.entitlement)))
        assert second.starts_at > early
        give_back(first, now=early)
        assert self.stands(first.assignment_id)
        assert str(second) in fresh(first).state_reason

    def stands(self, assignment_id: UUID | None) -> bool:
        assert assignment_id is not None
        assignment = Assignment.objects.get(pk=assignment_id)
        live = Grant.objects.filter(assignment=assignment_id, state__in=LIVE).count()
        open_tasks = ProvisioningTask.objects.open().filter(assignment=assignment_id)
        assert live == 1
        assert all(task.operation == Operation.GRANT for task in open_tasks)
        return assignment.wanted


class TestTwoDecisions:
    @rounds
    def test_make_one_grant_where_theirs_would_overlap(self, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            queries, "moot", lambda people, *_: {one.pk: {} for one in people}
        )  # as if the second had not been refused
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
        give_back(first, now=now)
        second = started(org, now=now)
        assert fresh(first).ends_at == second.starts_at == now

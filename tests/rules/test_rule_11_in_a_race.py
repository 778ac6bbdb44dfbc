"""Rule 11 at the same moment as something else."""

from functools import partial

import pytest
from django.utils import timezone

from governance.break_glass import actions
from governance.break_glass.models import BreakGlass
from governance.break_glass.states import GlassState
from governance.core.errors import Conflict, Invalid
from governance.grants.actions import expire_due
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.provisioning.models import ProvisioningTask
from tests.builders import actor
from tests.glass import HOUR, Outage, over, reviewed, security
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import fresh, newcomer, started

pytestmark = pytest.mark.django_db(transaction=True)


class TestTaking:
    @rounds
    def test_by_two_forms_happens_once(self, rounds: int) -> None:
        outage = Outage()
        for seed in seeds(rounds):
            newcomer(outage)
            taken, refused = split(at_once(outage.take, outage.take, seed=seed))
            assert len(taken) == 1
            assert [type(error) for error in refused] == [Invalid]
            assert BreakGlass.objects.filter(holder=outage.requester).count() == 1

    @rounds
    def test_by_one_form_twice_happens_once(self, rounds: int) -> None:
        outage = Outage()
        for seed in seeds(rounds):
            newcomer(outage)
            wish, now = outage.draft(), timezone.now()
            send = partial(actions.take, draft=wish, actor=actor(outage.requester), now=now)
            taken, refused = split(at_once(send, send, seed=seed))
            assert not refused
            assert len({glass.pk for glass in taken}) == 1

    @rounds
    def test_as_an_ordinary_lease_ends_keeps_the_access(self, rounds: int) -> None:
        outage = Outage()
        for seed in seeds(rounds):
            newcomer(outage)
            regular = started(outage, term=HOUR)
            assert regular.assignment_id is not None
            end = partial(expire_due, now=regular.ends_at, only=[regular.assignment_id])
            _, refused = split(at_once(partial(outage.take, now=regular.ends_at), end, seed=seed))
            assert not refused
            end()  # what somebody else held was left to the next sweep
            glass = Grant.objects.get(basis="break_glass", identity=outage.requester)
            assert fresh(regular).state == GrantState.REVOKED
            assert glass.state == GrantState.PROVISIONING
            assert glass.assignment is not None
            assert glass.assignment.wanted


class TestStopping:
    @rounds
    def test_as_it_ends_removes_the_access_once(self, rounds: int) -> None:
        outage = Outage()
        for seed in seeds(rounds):
            newcomer(outage)
            grant = fresh(outage.take().grant)
            assert grant.assignment_id is not None
            end = partial(expire_due, now=grant.ends_at, only=[grant.assignment_id])
            glass = BreakGlass.objects.get(grant=grant)
            stop = partial(
                actions.stop,
                break_glass_id=glass.pk,
                reason="Unusual",
                actor=security(outage),
                now=grant.ends_at - HOUR,
            )
            _, refused = split(at_once(stop, end, seed=seed))
            assert {type(error) for error in refused} <= {Conflict}
            end()
            assert fresh(grant).state == GrantState.REVOKING
            assert ProvisioningTask.objects.open().filter(assignment=grant.assignment_id).count() == 1


class TestReview:
    @rounds
    def test_of_two_at_once_is_one(self, rounds: int) -> None:
        outage = Outage()
        for seed in seeds(rounds):
            newcomer(outage)
            glass = outage.take()
            end = over(glass)
            mine, theirs = (partial(reviewed, glass, by, now=end) for by in (security(outage), actor(outage.owner)))
            done, refused = split(at_once(mine, theirs, seed=seed))
            assert len(done) == 1
            assert [type(error) for error in refused] == [Conflict]
            glass.refresh_from_db()
            assert glass.state == GlassState.REVIEWED

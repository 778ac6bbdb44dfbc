"""A lease that goes on: by another one, which begins where it ends, and the access stands all the while."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants import activation, moves, tasks
from governance.grants.actions import activate, expire_due, narrow, remind_due
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.provisioning.models import ProvisioningTask
from governance.requests import actions as requests
from governance.requests.actions import renew
from governance.requests.models import AccessRequest
from governance.requests.rules import Renewal
from tests.builders import Organisation, actor
from tests.leases import HOUR, MINUTE, active, decided, fresh, give_back, newcomer, started, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("memory")]


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def again(grant: Grant, by: Identity, **fields: Any) -> AccessRequest:
    said = {"justification": "The books are not done yet.", "term": 2 * HOUR, "until": None, "form_token": uuid4()}
    return renew(grant_id=grant.pk, renewal=Renewal(**{**said, **fields}), actor=actor(by), now=timezone.now())


def renewed(org: Organisation, grant: Grant) -> Grant:
    """The approved renewal of the grant."""
    decided(again(grant, org.requester), org.manager, org.owner)
    return Grant.objects.get(renews=grant)


class TestRenew:
    def test_asks_for_the_same_from_the_end_on(self, org: Organisation) -> None:
        grant = active(org)
        request = again(grant, org.requester)
        assert (request.starts_at, request.renews) == (grant.ends_at, grant)
        assert (request.beneficiary, request.purpose) == (grant.identity, grant.purpose)
        assert fresh(grant).ends_at == grant.ends_at

    def test_is_a_lease_of_its_own_that_waits_for_the_end(self, org: Organisation) -> None:
        grant = active(org)
        after = renewed(org, grant)
        assert (after.state, after.starts_at) == (GrantState.SCHEDULED, grant.ends_at)
        assert activate(grant_id=after.pk, now=timezone.now()).state == GrantState.SCHEDULED

    def test_leaves_no_gap(self, org: Organisation) -> None:
        grant = active(org)
        after = renewed(org, grant)
        level = grant.assignment
        assert level is not None
        shortly = grant.ends_at - MINUTE
        after = activate(grant_id=after.pk, now=shortly)
        assert (after.state, after.starts_at) == (GrantState.PROVISIONING, grant.ends_at)
        assert after.ends_at == grant.ends_at + 2 * HOUR
        work(shortly)
        assert expire_due(now=grant.ends_at) == 1
        before, after = fresh(grant), fresh(after)
        assert (before.state, before.state_reason) == (GrantState.REVOKED, f"The access stands on {after}")
        assert after.state == GrantState.ACTIVE
        level.refresh_from_db()
        assert level.wanted
        assert not ProvisioningTask.objects.filter(assignment=level, operation="revoke").exists()
        assert Grant.objects.usable(grant.ends_at).get() == after

    def test_starts_before_the_sweep_ends_what_it_renews(
        self, org: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grant = active(org)
        after = renewed(org, grant)
        monkeypatch.setattr("governance.grants.tasks.timezone.now", lambda: grant.ends_at)
        tasks.expire()
        assert fresh(after).state == GrantState.PROVISIONING
        assert fresh(grant).state == GrantState.REVOKED

    def test_is_not_begun_where_the_lease_was_given_up(self, org: Organisation) -> None:
        grant = active(org)
        after = renewed(org, grant)
        give_back(grant)
        after = activate(grant_id=after.pk, now=grant.ends_at)
        assert after.state == GrantState.CANCELLED
        assert "came to an end before its time" in after.state_reason

    def test_approved_after_the_end_begins_with_its_yes(self, org: Organisation) -> None:
        grant = active(org)
        request, late = again(grant, org.requester), grant.ends_at + 5 * MINUTE
        expire_due(now=grant.ends_at)
        decided(request, org.manager, org.owner, now=late)
        after = activate(grant_id=Grant.objects.get(renews=grant).pk, now=late + MINUTE)
        assert (after.state, after.state_reason) == (GrantState.PROVISIONING, "")
        assert (after.starts_at, after.ends_at) == (late + MINUTE, late + MINUTE + 2 * HOUR)

    def test_that_waits_is_ended_with_what_no_sweep_has_ended_yet_for_the_reason_given(self, org: Organisation) -> None:
        grant = active(org)
        request, late = again(grant, org.requester), grant.ends_at + MINUTE
        decided(request, org.manager, org.owner, now=late)
        give_back(grant, now=late)
        after = Grant.objects.get(renews=grant)
        assert (after.state, after.state_reason) == (GrantState.CANCELLED, "Done")

    def test_approved_after_a_lease_was_given_up_is_none(self, org: Organisation) -> None:
        grant = active(org)
        request = again(grant, org.requester)
        give_back(grant)
        decided(request, org.manager, org.owner, now=grant.ends_at + MINUTE)
        assert not Grant.objects.filter(renews=grant).exists()
        assert "came to an end before its time" in request.items.get().state_reason

    def test_that_was_started_ahead_ends_with_the_lease(self, org: Organisation) -> None:
        grant = active(org)
        after = renewed(org, grant)
        shortly = grant.ends_at - MINUTE
        after = activate(grant_id=after.pk, now=shortly)
        give_back(grant, now=shortly)
        assert {fresh(grant).state, fresh(after).state} == {GrantState.REVOKING}
        assert not Grant.objects.supporting(shortly).filter(assignment=after.assignment).exists()

    def test_begins_where_a_lease_ends_that_was_shortened_meanwhile(
        self, org: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grant = active(org)
        until, real = grant.ends_at - HOUR, requests._lock_people

        def lock(*held: Any) -> None:
            real(*held)
            Grant.objects.filter(pk=grant.pk).update(ends_at=until)

        monkeypatch.setattr(requests, "_lock_people", lock)
        assert again(grant, org.requester).starts_at == until

    def test_is_asked_for_once(self, org: Organisation) -> None:
        grant, token = active(org), uuid4()
        first = again(grant, org.requester, form_token=token)
        assert again(grant, org.requester, form_token=token) == first
        with pytest.raises(Invalid) as error:
            again(grant, org.requester)
        assert "already asks for" in error.value.fields["entitlements"]

    def test_is_no_matter_of_strangers_nor_of_those_who_only_see_it(self, org: Organisation) -> None:
        grant = active(org)
        with pytest.raises(NotFound):
            again(grant, org.stranger)
        with pytest.raises(Denied):
            again(grant, org.owner)
        assert again(grant, org.manager).requester == org.manager

    def test_is_of_what_stands(self, org: Organisation) -> None:
        grant = give_back(active(org))
        with pytest.raises(Conflict):
            again(grant, org.requester)

    def test_is_held_to_the_cap_from_its_own_start(self, org: Organisation) -> None:
        grant = active(org)
        with pytest.raises(Invalid) as error:
            again(grant, org.requester, term=timedelta(days=31))
        assert "at most 30 days" in error.value.fields["term"]

    def test_spares_the_word_that_the_lease_ends(self, org: Organisation) -> None:
        grant = active(org, term=timedelta(days=3))
        renewed(org, grant)
        remind_due(now=grant.ends_at - HOUR)
        assert not Notification.objects.filter(subject_id=grant.pk, title__contains="ends in").exists()


class TestTheSweep:
    """Starts come before ends, however many come together, and whatever becomes of one."""

    @pytest.fixture
    def pairs(self, org: Organisation) -> list[tuple[Grant, Grant]]:
        """Leases of three people, each with its approved renewal."""
        found = []
        for name in ("One", "Two", "Three"):
            newcomer(org, name)
            grant = active(org)
            found.append((grant, renewed(org, grant)))
        return found

    @pytest.fixture
    def clock(self, pairs: list[tuple[Grant, Grant]], monkeypatch: pytest.MonkeyPatch) -> "Clock":
        """Stands at the moment at which the last of the leases has ended."""
        clock = Clock(max(grant.ends_at for grant, _ in pairs))
        monkeypatch.setattr("governance.grants.tasks.timezone.now", lambda: clock.now)
        return clock

    def test_starts_every_renewal_before_it_ends_what_that_renews(
        self, pairs: list[tuple[Grant, Grant]], clock: "Clock", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "BATCH", 1)
        monkeypatch.setattr(tasks, "RENEWED_AT_ONCE", 1)
        clock.now += HOUR  # workers were away
        tasks.expire()
        assert [fresh(after).state for _, after in pairs] == [GrantState.PROVISIONING] * 3
        assert [fresh(grant).state for grant, _ in pairs] == [GrantState.REVOKED] * 3
        assert not ProvisioningTask.objects.filter(operation="revoke").exists()

    def test_ends_all_that_is_due_once_there_is_no_more_time_to_start(
        self, pairs: list[tuple[Grant, Grant]], clock: "Clock", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Removals are queued within a minute (rule 4): what is renewed later is given again."""
        monkeypatch.setattr(tasks, "STARTING_FOR", timedelta())
        tasks.expire()
        assert [fresh(grant).state for grant, _ in pairs] == [GrantState.REVOKING] * 3
        assert ProvisioningTask.objects.filter(operation="revoke").count() == 3

    def test_passes_over_what_waits_to_be_tried_and_over_nothing_else(
        self, org: Organisation, pairs: list[tuple[Grant, Grant]], clock: "Clock"
    ) -> None:
        newcomer(org, "Four")
        other = active(org, term=HOUR)
        clock.now = max(clock.now, other.ends_at)
        (grant, first), *rest = pairs
        tasks.expire_all(lambda: clock.now, [first.pk])
        assert [fresh(one).state for one in (grant, other)] == [GrantState.REVOKING] * 2
        assert [fresh(before).state for before, _ in rest] == [GrantState.ACTIVE] * 2

    def test_is_stopped_by_no_renewal_that_cannot_start_and_ends_what_that_one_renews(
        self, pairs: list[tuple[Grant, Grant]], clock: "Clock", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (grant, stuck), *others = pairs
        real = activation.begin

        def begin(hint: Grant, *, now: datetime) -> Grant:
            if hint == stuck:
                raise RuntimeError
            return real(hint, now=now)

        monkeypatch.setattr(activation, "begin", begin)
        monkeypatch.setattr(tasks, "RENEWED_AT_ONCE", 1)
        tasks.expire()
        assert [fresh(after).state for _, after in others] == [GrantState.PROVISIONING] * 2
        assert [fresh(before).state for before, _ in others] == [GrantState.REVOKED] * 2
        assert (fresh(grant).state, fresh(stuck).state) == (GrantState.REVOKING, GrantState.SCHEDULED)
        assert ProvisioningTask.objects.get(operation="revoke").assignment == grant.assignment


@dataclass
class Clock:
    """What workers read."""

    now: datetime


class TestNarrow:
    def test_moves_the_end_earlier(self, org: Organisation) -> None:
        grant = active(org)
        until = grant.ends_at - HOUR
        shorter = self.narrowed(grant, until, org.requester)
        assert (shorter.ends_at, shorter.state) == (until, GrantState.ACTIVE)

    @pytest.mark.parametrize(
        ("later", "words"), [(HOUR, "an end only moves earlier"), (-30 * HOUR, "The end lies in the past.")]
    )
    def test_refuses_any_other_end(self, org: Organisation, later: timedelta, words: str) -> None:
        grant = started(org)
        with pytest.raises(Invalid) as error:
            self.narrowed(grant, grant.ends_at + later, org.requester)
        assert words in error.value.fields["until"]
        assert fresh(grant).ends_at == grant.ends_at

    def test_is_the_holders_own(self, org: Organisation) -> None:
        grant = active(org)
        with pytest.raises(Denied):
            self.narrowed(grant, grant.ends_at - HOUR, org.manager)
        with pytest.raises(NotFound):
            self.narrowed(grant, grant.ends_at - HOUR, org.stranger)

    def test_ends_what_was_to_follow(self, org: Organisation) -> None:
        grant = active(org, term=timedelta(days=3))
        after = renewed(org, grant)
        shorter = self.narrowed(grant, grant.ends_at - HOUR, org.requester)
        after = fresh(after)
        assert after.state == GrantState.CANCELLED
        assert after.state_reason == moves.cut_short(shorter)
        assert Notification.objects.filter(recipient=org.requester, subject_id=after.pk).exists()
        remind_due(now=shorter.ends_at - HOUR)
        assert Notification.objects.filter(subject_id=grant.pk, title__contains="ends in").exists()
        assert again(shorter, org.requester).starts_at == shorter.ends_at

    def test_ends_what_was_started_ahead(self, org: Organisation) -> None:
        grant = active(org)
        after = renewed(org, grant)
        shortly = grant.ends_at - MINUTE
        after = activate(grant_id=after.pk, now=shortly)
        until = shortly + MINUTE / 2
        narrow(grant_id=grant.pk, until=until, actor=actor(org.requester), reason="", now=shortly)
        assert (fresh(after).state, fresh(after).state_reason) == (GrantState.REVOKED, f"The access stands on {grant}")
        assert fresh(grant).ends_at == until
        expire_due(now=until)
        assert fresh(grant).state == GrantState.REVOKING

    def narrowed(self, grant: Grant, until: Any, by: Identity) -> Grant:
        return narrow(grant_id=grant.pk, until=until, actor=actor(by), reason="", now=timezone.now())

"""Somebody leaves: what rule 8 asks for, in one transaction, or nothing of it."""

from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from governance.approvals.models import ApprovalRoute, ApprovalStep
from governance.approvals.states import RouteState, StepState
from governance.core.actor import Role
from governance.core.errors import Denied, IllegalMove, NotFound
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.identities.models import Identity, Ownership, Team, TeamMembership
from governance.identities.queries import owners_of, unowned
from governance.identities.states import OwnerRole, Status
from governance.lifecycle import actions, tasks
from governance.lifecycle.actions import end_identity, end_if_due
from governance.notifications.models import Notification
from governance.provisioning.states import Operation
from governance.requests.actions import submit
from governance.requests.states import ItemState, RequestState
from tests.builders import Organisation, account, actor, draft, entitlement, keep, machine, person, purpose, step_ids
from tests.core.log import events_of
from tests.harness.races import at_once, rounds, seeds
from tests.leases import HR, active, approve, backed, fresh, granted, leave, newcomer, open_task, work
from tests.provisioning.things import Scripted
from tests.rules.sql import commit_so_far, run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def owner_of(thing: Any) -> list[Identity]:
    return owners_of(thing.NOUN, thing.pk, timezone.now())


class TestALeaver:
    def test_loses_what_they_hold(self, org: Organisation, memory: Scripted) -> None:
        standing = active(org)
        waiting = granted(org, why=purpose(org.owner, org.entitlement))
        leave(org.requester)
        commit_so_far()
        assert (fresh(standing).state, open_task(standing).operation) == (GrantState.REVOKING, Operation.REVOKE)
        assert (fresh(waiting).state, fresh(waiting).state_reason) == (GrantState.CANCELLED, "Left")
        assert not Grant.objects.usable(timezone.now()).exists()
        work()
        assert fresh(standing).state == GrantState.REVOKED
        assert not memory.held

    def test_leaves_nobody_waiting_for_what_was_asked(self, org: Organisation) -> None:
        asker = person("Asker", manager=org.manager)
        wish = draft(org.requester, org.entitlement, org.purpose)
        request = submit(draft=wish, actor=actor(asker), now=timezone.now())
        leave(org.requester)
        told = Notification.objects.get(title=f"{request} is closed")
        assert (told.recipient, told.body) == (asker, "Left")

    def test_loses_what_was_leased_for_several_purposes_once(self, org: Organisation, memory: Scripted) -> None:
        grants = [active(org), active(org, why=purpose(org.owner, org.entitlement))]
        leave(org.requester)
        assert {fresh(grant).state for grant in grants} == {GrantState.REVOKING}
        work()
        assert {fresh(grant).state for grant in grants} == {GrantState.REVOKED}
        assert memory.calls.count("absent") == 1

    def test_is_signed_out_and_cannot_sign_in(self, org: Organisation) -> None:
        assert org.requester.user is not None
        client = Client()
        client.force_login(org.requester.user, backend="django.contrib.auth.backends.ModelBackend")
        leave(org.requester)
        org.requester.user.refresh_from_db()
        assert not org.requester.user.is_active
        assert not client.get("/", follow=False).wsgi_request.user.is_authenticated

    def test_asks_for_nothing_any_more(self, org: Organisation) -> None:
        request = org.submit()
        leave(org.requester)
        request.refresh_from_db()
        assert (request.state, request.items.get().state) == (RequestState.WITHDRAWN, ItemState.CLOSED)
        assert ApprovalRoute.objects.get().state == RouteState.CANCELLED
        assert not ApprovalStep.objects.exclude(state=StepState.CANCELLED).exists()

    def test_has_been_asked_for_a_last_time(self, org: Organisation) -> None:
        robot = machine(org.requester, backup=org.backup)
        account(robot, org.system)
        request = org.submit(beneficiary_id=robot.pk)
        leave(robot)
        request.refresh_from_db()
        assert request.state == RequestState.WITHDRAWN

    def test_belongs_to_no_team(self, org: Organisation) -> None:
        leave(org.governance[0])
        assert not TeamMembership.objects.unended(timezone.now()).filter(identity=org.governance[0]).exists()

    def test_is_recorded_with_every_consequence(self, org: Organisation, memory: Scripted) -> None:
        grant = active(org)
        leave(org.owner)
        leave(org.requester)
        assert events_of(org.requester.pk)[-1]["action"] == "identity.ended"
        assert [event["action"] for event in events_of(grant.pk)][-2:] == ["grant.owner_changed", "grant.revoking"]
        assert {event["content"]["reason"] for event in events_of(grant.pk)[-2:]} == {"Left"}


class TestWhatALeaverAnsweredFor:
    def test_passes_to_the_backup(self, org: Organisation) -> None:
        backed(org.entitlement, org.backup)
        leave(org.owner)
        assert owner_of(org.entitlement) == [org.backup]

    def test_passes_to_the_manager_where_there_is_no_backup(self, org: Organisation) -> None:
        leave(org.owner)
        assert owner_of(org.entitlement) == owner_of(org.system) == owner_of(org.purpose) == [org.boss]
        assert Ownership.objects.filter(identity=org.boss, interim=True).count() == 3

    def test_passes_to_the_governance_team_where_there_is_neither(self, org: Organisation) -> None:
        run("UPDATE governance_identity SET manager_id = NULL")
        leave(org.owner)
        assert owner_of(org.entitlement)[0] in org.governance

    def test_passes_by_whoever_may_not_act(self, org: Organisation) -> None:
        backed(org.entitlement, person(state="suspended"))
        leave(org.owner)
        assert owner_of(org.entitlement) == [org.boss]

    def test_leaves_no_gap(self, org: Organisation) -> None:
        now = timezone.now()
        leave(org.owner, now=now)
        found = Ownership.objects.filter(subject_id=org.entitlement.pk, role=OwnerRole.OWNER)
        assert found.at(now - timedelta(microseconds=1)).get().identity == org.owner
        assert found.at(now).get().identity == org.boss

    def test_is_taken_over_no_longer_than_it_was_to_last(self, org: Organisation) -> None:
        """A sponsorship that ends caps leases: succession does not prolong it."""
        robot = machine(org.owner)
        until = timezone.now() + 30 * DAY
        run("UPDATE governance_ownership SET ends_at = %s WHERE subject_id = %s", until, robot.pk)
        leave(org.owner)
        assert Ownership.objects.get(subject_id=robot.pk, identity=org.boss).ends_at == until

    def test_passes_on_with_what_was_only_planned(self, org: Organisation) -> None:
        soon = timezone.now() + DAY
        robot = machine(org.manager)
        run("UPDATE governance_ownership SET ends_at = %s WHERE subject_id = %s", soon, robot.pk)
        planned = {"subject_kind": "identity", "subject_id": robot.pk, "role": OwnerRole.OWNER}
        keep(Ownership(**planned, identity=org.owner, starts_at=soon))
        leave(org.owner)
        assert Ownership.objects.filter(subject_id=robot.pk).at(soon).get().identity == org.boss

    def test_re_points_every_lease_that_goes_on(self, org: Organisation, memory: Scripted) -> None:
        backed(org.purpose, org.backup)
        standing = active(org)
        newcomer(org)
        waiting = granted(org)
        leave(org.owner)
        commit_so_far()
        assert fresh(standing).accountable_owner == fresh(waiting).accountable_owner == org.backup
        assert fresh(standing).state == GrantState.ACTIVE

    def test_is_asked_of_whoever_took_over(self, org: Organisation) -> None:
        backed(org.entitlement, org.backup)
        first, second = step_ids(org.submit())
        approve(first, org.manager)
        leave(org.owner)
        approve(second, org.backup)
        assert Grant.objects.exists()


def nobody_left(org: Organisation) -> None:
    """Nobody has a manager, and nobody of the governance team may act."""
    run("UPDATE governance_identity SET manager_id = NULL")
    run("UPDATE governance_identity SET state = 'suspended' WHERE id = ANY(%s)", [one.pk for one in org.governance])


class TestWithNobodyLeft:
    def test_the_leaver_leaves_all_the_same(self, org: Organisation) -> None:
        robot = machine(org.owner)
        assert unowned(timezone.now()) == 0
        nobody_left(org)
        leave(org.owner)
        org.owner.refresh_from_db()
        assert org.owner.user is not None
        assert (org.owner.state, org.owner.user.is_active) == (Status.ENDED, False)
        assert owner_of(robot) == owner_of(org.entitlement) == []
        assert unowned(timezone.now()) == 4

    def test_what_they_answered_for_ends(self, org: Organisation, memory: Scripted) -> None:
        """Rule 1: no grant is kept live without an accountable active owner."""
        standing = active(org)
        newcomer(org)
        waiting = granted(org)
        nobody_left(org)
        leave(org.owner)
        reason = "Nobody is left to take over from Owner"
        assert (fresh(standing).state, fresh(standing).state_reason) == (GrantState.REVOKING, reason)
        assert (fresh(waiting).state, fresh(waiting).state_reason) == (GrantState.CANCELLED, reason)

    def test_access_of_a_machine_that_nobody_owns_ends(self, org: Organisation, memory: Scripted) -> None:
        robot = machine(org.requester)
        account(robot, org.system)
        held = active(org, beneficiary_id=robot.pk)
        nobody_left(org)
        leave(org.requester)
        assert fresh(held).accountable_owner == org.owner
        assert fresh(held).state == GrantState.REVOKING


def owning_team(org: Organisation, thing: Any) -> list[Identity]:
    """The two members of a team that owns the thing, in the place of whoever did."""
    team, found = keep(Team(key=f"team-{thing.key}", name="Ledger")), [person("Una", manager=org.boss), person("Duo")]
    for member in found:
        keep(TeamMembership(team=team, identity=member, starts_at=timezone.now() - DAY))
    moved = "UPDATE governance_ownership SET identity_id = NULL, team_id = %s WHERE subject_id = %s"
    run(moved, team.pk, thing.pk)
    return found


class TestATeamThatOwns:
    def test_goes_on_with_whoever_stays(self, org: Organisation) -> None:
        one, other = owning_team(org, org.entitlement)
        leave(other)
        assert owner_of(org.entitlement) == [one]

    def test_passes_on_what_it_owns_when_the_last_one_leaves(self, org: Organisation) -> None:
        one, other = owning_team(org, org.entitlement)
        leave(other)
        leave(one)
        assert owner_of(org.entitlement) == [org.boss]
        assert Ownership.objects.get(subject_id=org.entitlement.pk, identity=org.boss).interim

    @pytest.mark.django_db(transaction=True)
    @rounds
    def test_passes_on_what_it_owns_when_both_leave_at_once(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            thing = entitlement(org.system, org.owner)
            at_once(*(partial(leave, one) for one in owning_team(org, thing)), seed=seed)
            assert len(owner_of(thing)) == 1


class TestWhoEndsAnIdentity:
    @pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.SECURITY])
    def test_is_an_administrator_or_security(self, org: Organisation, role: Role) -> None:
        by = actor(org.stranger, role)
        ended = end_identity(identity_id=org.requester.pk, actor=by, reason="Left", now=timezone.now())
        assert ended.state == Status.ENDED

    @pytest.mark.parametrize("roles", [(), (Role.AUDITOR,)])
    def test_is_nobody_else(self, org: Organisation, roles: tuple[Role, ...]) -> None:
        for who in (org.manager, org.requester, org.stranger):
            with pytest.raises(Denied):
                end_identity(identity_id=org.requester.pk, actor=actor(who, *roles), reason="", now=timezone.now())

    def test_ends_it_once(self, org: Organisation) -> None:
        leave(org.requester)
        with pytest.raises(IllegalMove):
            leave(org.requester)

    def test_ends_nobody_unknown(self, org: Organisation) -> None:
        with pytest.raises(NotFound):
            end_identity(identity_id=org.system.pk, actor=HR, reason="Left", now=timezone.now())


class TestALastDay:
    def test_ends_the_identity_when_it_has_passed(self, org: Organisation) -> None:
        robot = machine(org.owner, ends_at=timezone.now() + DAY)
        end_if_due(identity_id=robot.pk, actor=HR, now=timezone.now())
        robot.refresh_from_db()
        assert robot.state == Status.ACTIVE
        end_if_due(identity_id=robot.pk, actor=HR, now=timezone.now() + DAY)
        end_if_due(identity_id=robot.pk, actor=HR, now=timezone.now() + 2 * DAY)
        robot.refresh_from_db()
        assert robot.state == Status.ENDED

    def test_that_cannot_end_one_stops_no_other(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        past = timezone.now() - DAY
        stuck, robot = person(ends_at=past - DAY), machine(org.owner, ends_at=past)
        real = actions.end_if_due

        def end(*, identity_id: UUID, **rest: Any) -> None:
            if identity_id == stuck.pk:
                raise RuntimeError
            real(identity_id=identity_id, **rest)

        monkeypatch.setattr(actions, "end_if_due", end)
        monkeypatch.setattr(tasks.end, "delay", as_a_worker(tasks.end))
        tasks.end_due()
        robot.refresh_from_db()
        stuck.refresh_from_db()
        assert (stuck.state, robot.state) == (Status.ACTIVE, Status.ENDED)

    def test_is_the_last_one_asked_whether_a_sweep_has_run_or_not(self, org: Organisation) -> None:
        run("UPDATE governance_identity SET ends_at = now() - interval '1 second' WHERE id = %s", org.owner.pk)
        org.owner.refresh_from_db()
        assert owner_of(org.entitlement) == []
        first, second = step_ids(org.submit())
        approve(first, org.manager)
        with pytest.raises((Denied, NotFound)):
            approve(second, org.owner)


def as_a_worker(task: Any) -> Any:
    """What goes wrong in one message is nothing to the next."""

    def run_it(*args: str) -> None:
        with suppress(RuntimeError):
            task(*args)

    return run_it

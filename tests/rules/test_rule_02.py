"""Rule 2: nobody decides for their own access, whatever hat they wear, and whoever they have put in their place."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone

from governance.approvals.actions import decide
from governance.approvals.models import ApprovalStep, Decision
from governance.approvals.permissions import can
from governance.approvals.states import StepState, Verdict
from governance.core.actor import Actor, Role
from governance.core.errors import Denied, NotFound
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import amend
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.identities.models import Identity, Ownership
from governance.identities.queries import owners_of
from governance.lifecycle import feeds
from governance.lifecycle.actions import end_identity
from governance.lifecycle.tasks import apply_run
from governance.requests import actions as requests
from governance.requests.models import AccessRequest
from governance.requests.rules import Draft
from tests import changing, policing
from tests.apart import kept_apart
from tests.builders import (
    BUILDER,
    Organisation,
    account,
    actor,
    draft,
    entitlement,
    keep,
    machine,
    owned,
    person,
    purpose,
    rule,
    step_ids,
    team,
)
from tests.leases import HOUR, approve, backed, give_back, granted, reject, started
from tests.lifecycle import cataloguing, feeding
from tests.rules.sql import run

pytestmark = pytest.mark.django_db


def asked(step_id: UUID) -> set[Identity]:
    step = ApprovalStep.objects.get(pk=step_id)
    return {row.identity for row in step.approvers.filter(ends_at__isnull=True)}


def refuses(step_id: UUID, by: Actor) -> None:
    for verdict in Verdict:
        with pytest.raises((Denied, NotFound)):
            decide(step_id=step_id, verdict=verdict, reason="I am", actor=by, now=timezone.now())
    assert not Decision.objects.filter(step=step_id).exists()


class TestARequester:
    def test_who_owns_the_entitlement_does_not_decide(self) -> None:
        org = Organisation("entitlement_owner")
        org.requester = org.owner
        account(org.owner, org.system)
        step = step_ids(org.submit())[0]
        assert asked(step) == set(org.governance)
        refuses(step, actor(org.owner))

    def test_who_is_their_managers_manager_does_not_decide(self) -> None:
        org = Organisation("manager")
        org.requester = person("Chief", manager=org.requester)
        account(org.requester, org.system)
        org.manager = person(manager=org.requester)
        step = step_ids(org.submit())[0]
        refuses(step, actor(org.requester))

    def test_with_another_identity_does_not_decide_as_that(self) -> None:
        org = Organisation("entitlement_owner")
        twin = person("Twin", human=org.requester.human)
        other = entitlement(org.system, twin)
        org.purpose = purpose(org.owner, other)
        step = step_ids(org.submit(entitlement_ids=(other.pk,)))[0]
        assert twin not in asked(step)
        refuses(step, actor(twin))

    def test_with_another_identity_does_not_decide_as_both(self) -> None:
        org = Organisation("entitlement_owner")
        twin = person("Twin", human=org.requester.human)
        other = entitlement(org.system, twin)
        org.purpose = purpose(org.owner, other)
        step = step_ids(org.submit(entitlement_ids=(other.pk,)))[0]
        one, two = actor(org.requester), actor(twin)
        refuses(step, replace(one, identity_ids=one.identity_ids | two.identity_ids))

    def test_who_is_the_only_member_of_the_owning_team_does_not_decide(self) -> None:
        org = Organisation("security")
        team("security", org.requester)
        step = step_ids(org.submit())[0]
        assert asked(step) == set(org.governance)
        refuses(step, actor(org.requester))

    def test_holding_every_role_of_the_portal_does_not_decide(self) -> None:
        org = Organisation("manager")
        step = step_ids(org.submit())[0]
        refuses(step, actor(org.requester, *Role))

    def test_may_withdraw_and_hand_back(self) -> None:
        org = Organisation("manager")
        request = org.submit()
        mine = actor(org.requester)
        assert requests.withdraw(request_id=request.pk, actor=mine, reason="", now=timezone.now()).state == "withdrawn"

    @pytest.mark.parametrize("stage", [granted, started])
    def test_may_give_back_what_has_begun_and_what_has_not(self, stage: Callable[..., Grant]) -> None:
        grant = stage(Organisation())
        assert give_back(grant).state in {GrantState.CANCELLED, GrantState.REVOKING}


class TestAMachineIdentity:
    def submitted(self, org: Organisation, robot: Identity, by: Identity) -> AccessRequest:
        account(robot, org.system)
        wish: Draft = draft(robot, org.entitlement, org.purpose)
        return requests.submit(draft=wish, actor=actor(by), now=timezone.now())

    def test_is_not_decided_for_by_its_owner(self) -> None:
        org = Organisation("entitlement_owner")
        robot = machine(org.owner, backup=org.backup)
        step = step_ids(self.submitted(org, robot, org.owner))[0]
        assert asked(step) == set(org.governance)
        refuses(step, actor(org.owner))

    def test_is_not_decided_for_by_its_backup_owner(self) -> None:
        org = Organisation("manager")
        robot = machine(org.requester, backup=org.manager)
        step = step_ids(self.submitted(org, robot, org.requester))[0]
        assert asked(step) == {org.boss}
        refuses(step, actor(org.manager))

    def test_is_not_decided_for_by_a_member_of_the_team_that_owns_it(self) -> None:
        org = Organisation("entitlement_owner")
        robot = machine(org.requester)
        pair = team("robots", org.owner, org.stranger)
        period = {"subject_kind": "identity", "subject_id": robot.pk, "role": "backup_owner"}
        keep(Ownership(**period, team=pair, starts_at=timezone.now() - HOUR))
        step = step_ids(self.submitted(org, robot, org.requester))[0]
        assert asked(step) == set(org.governance)
        refuses(step, actor(org.owner))


class TestAnApprover:
    def test_of_one_step_does_not_decide_the_next(self) -> None:
        org = Organisation("manager", "entitlement_owner")
        other = entitlement(org.system, org.manager)
        org.purpose = purpose(org.owner, other)
        first, second = step_ids(org.submit(entitlement_ids=(other.pk,)))
        approve(first, org.manager)
        assert asked(second) == set(org.governance)
        refuses(second, actor(org.manager))

    def test_counts_once_where_two_are_asked_for(self) -> None:
        org = Organisation("manager")
        rule(key="POL-TWO", steps=[{"kind": "security", "required": 2}])
        one, two = person(), person()
        twin = person("Twin", human=one.human)
        team("security", one, two, twin)
        org.submit()
        security, manager = (ApprovalStep.objects.get(kind=kind).pk for kind in ("security", "manager"))
        if ApprovalStep.objects.get(pk=security).state != StepState.OPEN:
            approve(manager, org.manager)
        approve(security, one)
        for again in (one, twin):
            with pytest.raises((Denied, NotFound)):
                approve(security, again)
        assert ApprovalStep.objects.get(pk=security).state == StepState.OPEN
        approve(security, two)
        assert ApprovalStep.objects.get(pk=security).state == StepState.APPROVED


class TestWhoChangedTheRoute:
    """An administrator could otherwise end the owner, inherit the step, and say yes to anything."""

    def ends(self, who: Identity, whom: Identity) -> None:
        by = actor(who, Role.ADMINISTRATOR)
        end_identity(identity_id=whom.pk, actor=by, reason="Left", now=timezone.now())

    def test_does_not_decide_what_then_falls_to_them(self) -> None:
        org = Organisation("entitlement_owner")
        gwen, gus = org.governance
        run_without_manager(org.owner)
        step = step_ids(org.submit())[0]
        self.ends(gus, org.owner)
        assert owners_of("entitlement", org.entitlement.pk, timezone.now()) == [gus]
        assert asked(step) == {gwen}
        refuses(step, actor(gus, Role.ADMINISTRATOR))
        approve(step, gwen)

    def test_decides_what_is_asked_afterwards(self) -> None:
        org = Organisation("entitlement_owner")
        _, gus = org.governance
        run_without_manager(org.owner)
        self.ends(gus, org.owner)
        step = step_ids(org.submit(now=timezone.now() + timedelta(seconds=1)))[0]
        assert asked(step) == {gus}

    def test_by_a_new_version_of_policy_does_not_decide(self) -> None:
        org = Organisation("entitlement_owner")
        gwen, gus = org.governance
        org.requester = org.owner
        account(org.owner, org.system)
        step = step_ids(org.submit())[0]
        version = org.rule.versions.get()
        policing.retire(version_id=version.pk, actor=actor(gwen, Role.ADMINISTRATOR), why="Easier", now=timezone.now())
        assert not can(actor(gwen), "approve", ApprovalStep.objects.get(pk=step), timezone.now())
        assert can(actor(gus), "approve", ApprovalStep.objects.get(pk=step), timezone.now())

    def test_by_proposing_a_change_of_policy_that_another_approved_does_not_decide(self) -> None:
        org = Organisation("entitlement_owner")
        (gwen, gus), judge = org.governance, person("Judge")
        owned(org.rule, judge)
        org.requester = org.owner
        account(org.owner, org.system)
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        version, admin = org.rule.versions.get(), actor(gwen, Role.ADMINISTRATOR)
        change = changing.propose("policy_rule.retire", version, admin)
        assert can(actor(gwen), "approve", step, timezone.now())
        approve(changing.steps_of(change)[0], judge)
        assert not can(actor(gwen), "approve", step, timezone.now())
        assert can(actor(gus), "approve", step, timezone.now())

    def test_by_ending_what_is_kept_apart_does_not_decide(self) -> None:
        """Else who would retire a rule of separation for a request could say yes to that request."""
        org = Organisation("entitlement_owner")
        (gwen, gus), judge = org.governance, person("Judge")
        apart = kept_apart(org.entitlement, entitlement(org.system, org.owner), owner=judge)
        org.requester = org.owner
        account(org.owner, org.system)
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        change = changing.propose("separation_rule.retire", apart.versions.get(), actor(gwen, Role.ADMINISTRATOR))
        assert can(actor(gwen), "approve", step, timezone.now())
        approve(changing.steps_of(change)[0], judge)
        assert not can(actor(gwen), "approve", step, timezone.now())
        assert can(actor(gus), "approve", step, timezone.now())

    @pytest.mark.parametrize("named", [True, False])
    def test_by_editing_a_bundle_decides_unless_what_it_holds_is_kept_apart(self, named: bool) -> None:
        org = Organisation("entitlement_owner")
        gwen, judge = org.governance[0], person("Judge")
        org.requester = org.owner
        account(org.owner, org.system)
        inner = changing.bundle(entitlement(org.system, org.owner), judge, org.manager, "inner")
        outer = changing.bundle(entitlement(org.system, org.owner), judge, org.manager, "outer", bundles=["inner"])
        kept_apart(outer if named else entitlement(org.system, org.owner), org.entitlement)
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        assert can(actor(gwen), "approve", step, timezone.now())
        changing.approved(changing.propose("bundle.edit", inner, gwen, name="Less"), judge)
        assert can(actor(gwen), "approve", step, timezone.now()) is not named

    def test_by_applying_the_catalogs_files_does_not_decide(self, tmp_path: Path) -> None:
        """Nobody is asked about files: who applies them could make themselves the one whom the step asks."""
        org = Organisation("entitlement_owner")
        gwen, gus = org.governance
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        cataloguing.export(tmp_path)
        cataloguing.apply(tmp_path)
        file = tmp_path / f"systems/{org.system.key}.yaml"
        cataloguing.edit(file, cataloguing.owner_of(org.owner, "    "), cataloguing.owner_of(gwen, "    "))
        cataloguing.apply(tmp_path, actor(gwen, Role.ADMINISTRATOR))
        assert owners_of("entitlement", org.entitlement.pk, timezone.now()) == [gwen]
        assert not can(actor(gwen), "approve", step, timezone.now())
        assert can(actor(gus), "approve", step, timezone.now())

    @pytest.mark.parametrize("hands_in", [True, False])
    @pytest.mark.parametrize("accepts", [True, False])
    def test_by_a_file_of_people_does_not_decide(self, hands_in: bool, accepts: bool) -> None:
        """Nobody is asked about a file of people: who hands it in could make themselves somebody's manager."""
        org, other = Organisation("manager"), feeding.administrator()
        source, rows = feeding.a_source(other), [feeding.row("carol"), feeding.row("mona"), feeding.row("dan")]
        feeding.imported(source, feeding.a_file(*rows, feeding.row("alice", manager="mona")), other)
        known = feeding.people(source)
        org.requester, carol = known["alice"], known["carol"]
        account(org.requester, org.system)
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        by = actor(carol, Role.ADMINISTRATOR)
        file = feeding.a_file(*rows, feeding.row("alice", manager="carol"))
        handed = feeding.handed_in(source, file, by if hands_in else other)
        feeds.accept(run_id=handed.pk, actor=by if accepts else other, reason="", now=timezone.now())
        apply_run(str(handed.pk))
        assert can(by, "approve", step, timezone.now()) is not (hands_in or accepts)
        assert can(actor(org.governance[0]), "approve", step, timezone.now()) is (hands_in or accepts)

    def owner_first(self) -> Organisation:
        org = Organisation("security")
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        rule(steps=[{"kind": "entitlement_owner", "stage": 1}, {"kind": "manager", "stage": 2}])
        return org

    def test_by_ending_who_would_be_asked_later_does_not_decide(self) -> None:
        org = self.owner_first()
        first, second = step_ids(org.submit())
        self.ends(org.boss, org.manager)
        approve(first, org.owner)
        assert asked(second) == set(org.governance)
        refuses(second, actor(org.boss, Role.ADMINISTRATOR))

    def test_by_ending_who_would_have_been_does_not_either(self) -> None:
        """Also where others have named somebody else since, who is away."""
        org = self.owner_first()
        first, second = step_ids(org.submit())
        self.ends(org.boss, org.manager)
        change_manager(org.requester, person("New", manager=org.boss, state="on_leave"))
        approve(first, org.owner)
        assert asked(second) == set(org.governance)

    def test_has_what_they_decided_before_stand(self) -> None:
        org = Organisation("manager", "entitlement_owner")
        backed(org.entitlement, org.backup)
        first, second = step_ids(org.submit())
        approve(first, org.manager)
        self.ends(org.manager, org.owner)
        assert asked(second) == {org.backup}
        approve(second, org.backup)
        assert Grant.objects.exists()

    def test_by_proposing_what_nobody_approved_still_decides(self) -> None:
        org = Organisation("entitlement_owner")
        gwen, judge = org.governance[0], person("Judge")
        owned(org.rule, judge)
        org.requester = org.owner
        account(org.owner, org.system)
        step = ApprovalStep.objects.get(pk=step_ids(org.submit())[0])
        admin = actor(gwen, Role.ADMINISTRATOR)
        change = changing.propose("policy_rule.retire", org.rule.versions.get(), admin)
        reject(changing.steps_of(change)[0], judge)
        assert can(actor(gwen), "approve", step, timezone.now())

    def test_but_an_approver_who_asks_back_still_decides(self) -> None:
        org = Organisation("manager")
        step = step_ids(org.submit())[0]
        assert can(actor(org.manager), "approve", ApprovalStep.objects.get(pk=step), timezone.now())
        reject(step, org.manager)


def run_without_manager(who: Identity) -> None:
    change_manager(who, None)


@unit_of_work()
def change_manager(who: Identity, manager: Identity | None) -> None:
    for row in locked_all(Identity.objects.filter(pk=who.pk)):
        amend(row, "manager_changed", actor=BUILDER, why="Moved", now=timezone.now(), manager=manager)

"""Delegations: who may make and end them, what moves, and what a delegate may never decide (rule 2)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from governance.approvals import actions
from governance.approvals.delegating import LONGEST, Terms
from governance.approvals.models import ApprovalStep, Decision, Delegation
from governance.approvals.permissions import can, visible
from governance.approvals.states import Provenance
from governance.core.actor import Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.history import history_model
from governance.core.stepup import StepUpRequired
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.notifications.models import Notification
from tests import policing
from tests.builders import Organisation, account, actor, machine, person, rule, step_ids, team
from tests.core.log import events_of
from tests.delegations import WEEK, asked, delegated, ended, moved
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import approve, ask_back, leave, newcomer, reject
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def deputy() -> Identity:
    return person("Deputy")


def terms(**given: Any) -> Terms:
    now = timezone.now() + timedelta(minutes=1)
    return Terms(**{"kind": "", "reason": "On holiday.", "starts_at": now, "ends_at": now + WEEK, **given})


def refused(delegator: Identity, delegate: Identity, said: Terms) -> Invalid:
    with pytest.raises(Invalid) as refusal:
        actions.delegate(delegate_id=delegate.pk, terms=said, actor=actor(delegator), now=timezone.now())
    assert not Delegation.objects.filter(delegator=delegator, delegate=delegate).exists()
    return refusal.value


class TestDelegate:
    def test_is_an_audited_decision_with_a_history(self, org: Organisation, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        (event,) = events_of(made.pk)
        assert (event["action"], event["actor_id"]) == ("delegation.created", org.manager.pk)
        assert event["content"]["facts"]["delegate_id"] == str(deputy.pk)
        assert history_model(Delegation).objects.filter(id=made.pk).count() == 1

    def test_is_told_to_the_delegate(self, org: Organisation, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        told = Notification.objects.get(recipient=deputy, subject_id=made.pk)
        assert told.title == "You decide in the place of Manager"
        assert "On holiday." in told.body

    def test_needs_a_fresh_sign_in(self, org: Organisation, deputy: Identity) -> None:
        by, now = actor(org.manager, assurance=1), timezone.now()
        with pytest.raises(StepUpRequired):
            actions.delegate(delegate_id=deputy.pk, terms=terms(), actor=by, now=now)
        assert not Delegation.objects.exists()

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"reason": " \n"}, "reason"),
            ({"kind": "identity_owner"}, "kind"),
            ({"kind": "everything"}, "kind"),
            ({"starts_at": timezone.now() - DAY}, "starts_at"),
            ({"ends_at": timezone.now() - DAY}, "ends_at"),
            ({"ends_at": timezone.now() + LONGEST + DAY}, "ends_at"),
        ],
    )
    def test_refuses_bad_terms_in_words(
        self, org: Organisation, deputy: Identity, given: dict[str, Any], field: str
    ) -> None:
        assert field in refused(org.manager, deputy, terms(**given)).fields

    def test_refuses_an_end_beyond_either_ones_last_day(self, org: Organisation) -> None:
        leaving = person("Leaving", ends_at=timezone.now() + 2 * DAY)
        assert "Leaving ends on" in refused(org.manager, leaving, terms()).fields["ends_at"]
        assert "Leaving ends on" in refused(leaving, org.manager, terms()).fields["ends_at"]

    def test_refuses_whoever_is_nobody_else(self, org: Organisation) -> None:
        twin = person("Twin", human=org.manager.human)
        robot = machine(org.owner)
        gone = person("Gone", state="on_leave")
        for nobody in (org.manager, twin, robot, gone):
            assert list(refused(org.manager, nobody, terms()).fields) == ["delegate"]

    def test_refuses_somebody_who_does_not_exist(self, org: Organisation) -> None:
        by, now = actor(org.manager), timezone.now()
        with pytest.raises(Invalid):
            actions.delegate(delegate_id=uuid4(), terms=terms(), actor=by, now=now)

    @pytest.mark.parametrize("state", ["on_leave", "suspended", "ended"])
    def test_is_nothing_for_who_does_not_act(self, deputy: Identity, state: str) -> None:
        away = person("Away", state=state)
        with pytest.raises(Denied):
            actions.delegate(delegate_id=deputy.pk, terms=terms(), actor=actor(away), now=timezone.now())

    def test_is_nothing_for_a_machine_identity(self, org: Organisation, deputy: Identity) -> None:
        robot = machine(org.owner)
        with pytest.raises(Denied):
            actions.delegate(delegate_id=deputy.pk, terms=terms(), actor=actor(robot), now=timezone.now())

    def test_refuses_the_same_twice_and_lets_a_kind_go_before_the_rest(
        self, org: Organisation, deputy: Identity
    ) -> None:
        delegated(org.manager, deputy)
        assert "already" in refused(org.manager, org.stranger, terms()).fields["kind"]
        delegated(org.manager, org.stranger, kind="manager")
        assert asked(step_ids(org.submit())[0]) == {"Stranger for Manager"}

    def test_may_follow_another(self, org: Organisation, deputy: Identity) -> None:
        first = delegated(org.manager, deputy, lasting=DAY)
        after = Terms("", "Still away.", first.ends_at, first.ends_at + DAY)
        actions.delegate(delegate_id=org.stranger.pk, terms=after, actor=actor(org.manager), now=timezone.now())
        assert Delegation.objects.count() == 2

    @pytest.mark.parametrize("kinds", [("", ""), ("", "manager"), ("manager", ""), ("manager", "manager")])
    def test_refuses_circles(self, org: Organisation, deputy: Identity, kinds: tuple[str, str]) -> None:
        delegated(org.manager, deputy, kind=kinds[0])
        assert "not passed on" in refused(deputy, org.manager, terms(kind=kinds[1])).fields["delegate"]

    def test_refuses_to_pass_on_what_is_delegated(self, org: Organisation, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        assert "not passed on" in refused(deputy, org.stranger, terms()).fields["delegate"]
        assert "not passed on" in refused(org.boss, org.manager, terms()).fields["delegate"]

    def test_refuses_circles_through_other_identities(self, org: Organisation, deputy: Identity) -> None:
        twin = person("Twin", human=deputy.human)
        delegated(org.manager, deputy)
        assert "not passed on" in refused(twin, org.manager, terms()).fields["delegate"]

    def test_is_no_circle_at_another_time_or_of_another_kind(self, org: Organisation, deputy: Identity) -> None:
        delegated(org.manager, deputy, kind="manager", lasting=DAY)
        delegated(deputy, org.manager, kind="security")
        delegated(deputy, org.manager, kind="manager", after=2 * DAY)
        assert Delegation.objects.count() == 3

    def test_refuses_whoever_has_a_part_in_what_waits(self, org: Organisation, deputy: Identity) -> None:
        request = org.submit()
        twin = person("Twin", human=org.requester.human)
        for party in (org.requester, twin):
            assert f"has a part in {request}" in refused(org.manager, party, terms()).fields["delegate"]
        delegated(org.manager, twin, kind="security")
        reject(step_ids(request)[0], org.manager)
        delegated(org.manager, org.requester)

    def test_refuses_whoever_has_asked_for_another(self, deputy: Identity) -> None:
        org = Organisation("entitlement_owner")
        robot = machine(org.stranger)
        account(robot, org.system)
        org.requester = org.stranger
        org.submit(beneficiary_id=robot.pk)
        assert "has a part in" in refused(org.owner, org.stranger, terms()).fields["delegate"]

    @pytest.mark.django_db(transaction=True)
    @rounds
    def test_never_makes_a_circle_in_a_race(self, rounds: int) -> None:
        for seed in seeds(rounds):
            one, two = person("One"), person("Two")
            said, now = terms(), timezone.now()

            def both(who: Identity, whom: Identity, said: Terms = said, now: Any = now) -> Any:
                return lambda: actions.delegate(delegate_id=whom.pk, terms=said, actor=actor(who), now=now)

            made, turned_away = split(at_once(both(one, two), both(two, one), seed=seed))
            assert (len(made), len(turned_away)) == (1, 1)


class TestWhatIsDelegated:
    def test_moves_what_waits_and_what_comes(self, org: Organisation, deputy: Identity) -> None:
        before = step_ids(org.submit())[0]
        delegated(org.manager, deputy)
        assert asked(before) == {"Deputy for Manager"}
        newcomer(org)
        assert asked(step_ids(org.submit())[0]) == {"Deputy for Manager"}
        assert Notification.objects.filter(recipient=deputy, subject_id=before, body__contains="place of").exists()

    def test_is_not_the_delegators_to_decide_meanwhile(self, org: Organisation, deputy: Identity) -> None:
        step = step_ids(org.submit())[0]
        delegated(org.manager, deputy)
        with pytest.raises(Denied):
            approve(step, org.manager)

    def test_of_one_kind_leaves_the_others(self, org: Organisation, deputy: Identity) -> None:
        delegated(org.manager, deputy, kind="entitlement_owner")
        delegated(org.owner, deputy, kind="entitlement_owner")
        first, second = step_ids(org.submit())
        assert asked(first) == {"Manager"}
        approve(first, org.manager)
        assert asked(second) == {"Deputy for Owner"}

    def test_begins_and_ends_by_the_clock(self, org: Organisation, deputy: Identity) -> None:
        step, now = step_ids(org.submit())[0], timezone.now()
        delegated(org.manager, deputy, after=DAY, lasting=DAY)
        assert asked(step) == {"Manager"}
        moved(now + DAY + timedelta(hours=1))
        assert asked(step) == {"Deputy for Manager"}
        moved(now + 2 * DAY + timedelta(hours=1))
        assert asked(step) == {"Manager"}
        assert Notification.objects.filter(recipient=org.manager, once__startswith=f"asked:{step}").count() == 2

    def test_is_not_decided_past_its_end_whether_a_sweep_has_run_or_not(
        self, org: Organisation, deputy: Identity
    ) -> None:
        made = delegated(org.manager, deputy, lasting=DAY)
        step = step_ids(org.submit())[0]
        with pytest.raises(Denied):
            approve(step, deputy, now=made.ends_at)
        approve(step, org.manager, now=made.ends_at)

    def test_counts_for_all_identities_of_the_delegator(self, org: Organisation, deputy: Identity) -> None:
        twin = person("Twin", human=org.manager.human)
        run("UPDATE governance_identity SET manager_id = %s WHERE id = %s", twin.pk, org.requester.pk)
        delegated(org.manager, deputy)
        assert asked(step_ids(org.submit())[0]) == {"Deputy for Twin"}

    def test_waits_for_the_answer_to_a_question(self, org: Organisation, deputy: Identity) -> None:
        step = step_ids(org.submit())[0]
        ask_back(step, org.manager)
        delegated(org.manager, deputy)
        assert asked(step) == set()

    def test_is_nobodys_who_is_away(self, org: Organisation, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        run("UPDATE governance_identity SET state = 'on_leave' WHERE id = %s", deputy.pk)
        assert asked(step_ids(org.submit())[0]) == {"Manager"}

    def test_is_never_a_consent(self, deputy: Identity) -> None:
        org = Organisation("identity_owner", "entitlement_owner")
        robot = machine(org.stranger)
        account(robot, org.system)
        delegated(org.stranger, deputy)
        org.requester = robot
        assert asked(step_ids(org.submit())[0]) == {"Stranger"}


class TestADecisionForAnother:
    def test_names_both(self, org: Organisation, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        request = org.submit()
        approve(step_ids(request)[0], deputy)
        decision = Decision.objects.get()
        assert (decision.decider, decision.on_behalf_of) == (deputy, org.manager)
        assert decision.provenance == Provenance.HUMAN_FOR_ANOTHER
        (event,) = [one for one in events_of(request.items.get().pk) if one["action"] == "decision.approve"]
        assert event["content"]["facts"]["on_behalf_of_id"] == str(org.manager.pk)
        assert event["actor_id"] == deputy.pk

    def test_is_told_to_the_delegator_who_sees_it(self, org: Organisation, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        step = step_ids(org.submit())[0]
        reject(step, deputy, reason="Not now")
        told = Notification.objects.get(recipient=org.manager, subject_id=step, topic="outcome")
        assert told.title == "Deputy decided in your place: reject"
        assert visible(actor(org.manager)).filter(pk=step).exists()

    def test_stands_when_the_delegation_ends(self, org: Organisation, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        first, second = step_ids(org.submit())
        approve(first, deputy)
        ended(made, org.manager)
        approve(second, org.owner)
        assert Grant.objects.exists()

    def test_says_who_came_first_with_both_names(self, org: Organisation, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        step = step_ids(org.submit())[0]
        approve(step, deputy)
        ended(made, deputy)
        with pytest.raises(Conflict, match="Deputy approved this, in the place of Manager, "):
            approve(step, org.manager)


class TestADelegate:
    """Decides what both could decide, and nothing else."""

    def test_who_asked_for_it_is_not_asked(self, org: Organisation) -> None:
        delegated(org.manager, org.requester)
        step = step_ids(org.submit())[0]
        assert asked(step) == {"Manager"}
        with pytest.raises((Denied, NotFound)):
            approve(step, org.requester)
        approve(step, org.manager)

    def test_with_another_identity_of_who_asked_is_not_asked(self, org: Organisation) -> None:
        twin = person("Twin", human=org.requester.human)
        delegated(org.manager, twin)
        assert asked(step_ids(org.submit())[0]) == {"Manager"}

    def test_of_who_asked_decides_nothing_for_them(self) -> None:
        org = Organisation("entitlement_owner")
        org.requester = org.owner
        account(org.owner, org.system)
        friend = person("Friend")
        delegated(org.owner, friend)
        step = step_ids(org.submit())[0]
        assert asked(step) == {"Gus", "Gwen"}
        assert not can(actor(friend), "approve", ApprovalStep.objects.get(pk=step), timezone.now())

    def test_who_has_approved_one_step_approves_no_other_for_another(self, org: Organisation, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        delegated(org.owner, deputy)
        first, second = step_ids(org.submit())
        approve(first, deputy)
        assert asked(second) == {"Owner"}
        with pytest.raises((Denied, NotFound)):
            approve(second, deputy)

    def test_who_answers_for_another_step_as_well_decides_one_of_them(self, org: Organisation) -> None:
        delegated(org.manager, org.owner)
        first, second = step_ids(org.submit())
        approve(first, org.owner)
        assert Decision.objects.get().on_behalf_of == org.manager
        assert asked(second) == {"Gus", "Gwen"}

    def test_has_spoken_for_the_delegator_who_approves_no_other_step(self, deputy: Identity) -> None:
        org = Organisation("manager", "entitlement_owner")
        run("UPDATE governance_identity SET manager_id = %s WHERE id = %s", org.owner.pk, org.requester.pk)
        made = delegated(org.owner, deputy, kind="manager")
        first, second = step_ids(org.submit())
        approve(first, deputy)
        ended(made, org.owner)
        assert asked(second) == {"Gus", "Gwen"}

    def test_is_one_of_a_quorum_not_two(self, deputy: Identity) -> None:
        org = Organisation("manager")
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        rule(steps=[{"kind": "team", "team": "ledger", "required": 2}])
        ann, ben = person("Ann"), person("Ben")
        team("ledger", ann, ben)
        delegated(ann, deputy)
        delegated(ben, deputy)
        step = step_ids(org.submit())[0]
        assert asked(step) in ({"Deputy for Ann"}, {"Deputy for Ben"})
        approve(step, deputy)
        assert not Grant.objects.exists()
        left = Decision.objects.get().on_behalf_of
        assert asked(step) == {"Ben" if left == ann else "Ann"}

    def test_who_is_asked_anyhow_speaks_for_themselves(self, deputy: Identity) -> None:
        org = Organisation("manager")
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        rule(steps=[{"kind": "team", "team": "ledger", "everyone": True}])
        ann = person("Ann")
        team("ledger", ann, deputy)
        delegated(ann, deputy)
        step = step_ids(org.submit())[0]
        assert asked(step) == {"Deputy"}
        approve(step, deputy)
        assert Decision.objects.get().on_behalf_of is None
        assert asked(step) == {"Ann"}
        assert not Grant.objects.exists()

    def test_who_owns_the_machine_identity_that_benefits_is_not_asked(self, org: Organisation) -> None:
        robot = machine(org.stranger)
        account(robot, org.system)
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        rule("entitlement_owner")
        delegated(org.owner, org.stranger)
        org.requester = org.stranger
        step = step_ids(org.submit(beneficiary_id=robot.pk))[0]
        assert asked(step) == {"Owner"}

    def test_who_changed_the_route_is_not_asked(self, org: Organisation) -> None:
        gwen = org.governance[0]
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        version = rule("manager").versions.get()
        step = step_ids(org.submit())[0]
        policing.retire(version_id=version.pk, actor=actor(gwen, Role.ADMINISTRATOR), why="Easier", now=timezone.now())
        delegated(org.manager, gwen)
        assert asked(step) == {"Manager"}


class TestEnding:
    @pytest.mark.parametrize("by", ["manager", "deputy", "security"])
    def test_is_for_either_of_them_and_for_security(self, org: Organisation, deputy: Identity, by: str) -> None:
        made = delegated(org.manager, deputy)
        step = step_ids(org.submit())[0]
        who = {"manager": actor(org.manager), "deputy": actor(deputy), "security": actor(org.stranger, Role.SECURITY)}
        over = actions.end_delegation(delegation_id=made.pk, reason="Back", actor=who[by], now=timezone.now())
        moved()
        assert (asked(step), over.end_reason) == ({"Manager"}, "Back")
        assert [event["action"] for event in events_of(made.pk)] == ["delegation.created", "delegation.ended"]
        told = set(Notification.objects.filter(subject_id=made.pk, once__startswith="ended").values_list("recipient"))
        assert (deputy.pk,) not in told if by == "deputy" else (deputy.pk,) in told

    def test_is_nobody_elses(self, org: Organisation, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        for who, refusal in (
            (actor(org.stranger), NotFound),
            (actor(org.stranger, Role.ADMINISTRATOR), NotFound),
            (actor(org.stranger, Role.AUDITOR), Denied),
        ):
            with pytest.raises(refusal):
                actions.end_delegation(delegation_id=made.pk, reason="", actor=who, now=timezone.now())

    def test_twice_says_when_it_was(self, org: Organisation, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        ended(made, deputy)
        with pytest.raises(Conflict, match="This delegation ended on"):
            ended(made, org.manager)

    def test_before_it_begins_leaves_nothing_of_it(self, org: Organisation, deputy: Identity) -> None:
        made = delegated(org.manager, deputy, after=DAY)
        over = ended(made, org.manager)
        assert over.starts_at == over.ends_at
        delegated(org.manager, org.stranger, after=DAY)

    def test_comes_with_the_end_of_either(self, org: Organisation, deputy: Identity) -> None:
        """Rule 8: in the same transaction, and what waits moves with it."""
        made, other = delegated(org.manager, deputy), delegated(org.owner, deputy)
        first = step_ids(org.submit())[0]
        now = timezone.now()
        leave(org.manager, now=now)
        made.refresh_from_db()
        assert made.ends_at == now
        assert asked(first) == {"Boss"}
        leave(deputy)
        other.refresh_from_db()
        assert other.ends_at <= timezone.now()

    def test_of_a_delegate_who_leaves_gives_it_back(self, org: Organisation, deputy: Identity) -> None:
        delegated(org.manager, deputy)
        step = step_ids(org.submit())[0]
        leave(deputy)
        assert asked(step) == {"Manager"}
        approve(step, org.manager)


class TestTheDatabase:
    """Says it once more, whoever asks."""

    def made(self, **given: Any) -> None:
        now = timezone.now()
        values: dict[str, Any] = {
            "id": uuid4(),
            "kind": "",
            "reason": "Away",
            "made_at": now,
            "starts_at": now,
            "ends_at": now + WEEK,
            "end_reason": "",
            **given,
        }
        with connection.cursor() as cursor, transaction.atomic():
            names, places = ", ".join(values), ", ".join(["%s"] * len(values))
            cursor.execute(f"INSERT INTO governance_delegation ({names}) VALUES ({places})", list(values.values()))

    @pytest.mark.parametrize(
        ("given", "constraint"),
        [
            ({"kind": "identity_owner"}, "rule_02_a_consent_is_nobody_elses_to_give"),
            ({"reason": ""}, "delegation_says_why"),
            ({"ends_at": timezone.now() - DAY}, "delegation_ends_after_it_starts"),
        ],
    )
    def test_refuses_bad_terms(self, org: Organisation, given: dict[str, Any], constraint: str) -> None:
        with pytest.raises(IntegrityError, match=constraint):
            self.made(delegator_id=org.manager.pk, delegate_id=org.owner.pk, **given)

    def test_refuses_oneself(self, org: Organisation) -> None:
        with pytest.raises(IntegrityError, match="rule_02_nobody_delegates_to_themselves"):
            self.made(delegator_id=org.manager.pk, delegate_id=org.manager.pk)

    def test_refuses_two_of_a_kind_at_a_time(self, org: Organisation) -> None:
        self.made(delegator_id=org.manager.pk, delegate_id=org.owner.pk)
        with pytest.raises(IntegrityError, match="one_delegation_of_a_kind_at_a_time"):
            self.made(delegator_id=org.manager.pk, delegate_id=org.boss.pk)

    def test_deletes_none(self, org: Organisation, deputy: Identity) -> None:
        made = delegated(org.manager, deputy)
        with pytest.raises(IntegrityError, match="nothing governed is deleted"):
            run("DELETE FROM governance_delegation WHERE id = %s", made.pk)

"""A version of a rule takes effect: what it means to live leases is shown first, and then done (rule 9)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.analysis import actions as replays
from governance.analysis.publishing import rehearsals
from governance.changes.models import ProposedChange
from governance.core.actor import Actor, Role
from governance.core.errors import Invalid
from governance.core.locking import locked, unit_of_work
from governance.core.moves import move
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.lifecycle import actions, queries, reevaluation
from governance.lifecycle.models import Reevaluation
from governance.lifecycle.states import Denied, Fate, ReevaluationState
from governance.notifications.models import Notification
from governance.policy import actions as policy
from governance.policy.models import PolicyDecision, PolicyRuleVersion
from governance.policy.moves import Wording
from tests import builders, changing, policing
from tests.builders import Organisation, actor, live_grant, owned, person, portal_role, team
from tests.core.log import events_of
from tests.leases import approve, give_back, newcomer
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system("re-evaluation")
MANAGER = [{"kind": "manager"}]


class Company(Organisation):
    """An organisation whose one rule has an owner, and an administrator who writes the next version of it."""

    def __init__(self) -> None:
        super().__init__("manager")
        self.judge = person("Judge")
        owned(self.rule, self.judge)
        team("security", person("Sec"))
        self.admin = actor(person("Ada"), Role.ADMINISTRATOR)

    def draft(self, condition: str = "true", **outcomes: Any) -> PolicyRuleVersion:
        wording = Wording(condition, outcomes, "Because of the draft.")
        return policy.draft(rule_id=self.rule.pk, wording=wording, actor=self.admin, why="To try", now=timezone.now())

    def rehearse(self, version: PolicyRuleVersion, now: datetime | None = None) -> None:
        replay = replays.start(version_id=version.pk, days=1, actor=self.admin, now=now or timezone.now())
        assert not replays.run(replay_id=replay.pk, actor=SYSTEM, clock=timezone.now)

    def propose(self, version: PolicyRuleVersion, denied: str = Denied.END, **payload: Any) -> ProposedChange:
        return changing.propose("policy_rule.publish", version, self.admin, denied_leases=denied, **payload)

    def publish(self, denied: str = Denied.END, condition: str = "true", **outcomes: Any) -> Reevaluation:
        """The next version, rehearsed, proposed and approved."""
        version = self.draft(condition, **outcomes)
        self.rehearse(version)
        change = self.propose(version, denied)
        approve(changing.steps_of(change)[0], self.judge)
        change.refresh_from_db()
        assert change.state == "applied", change.state_reason
        return Reevaluation.objects.get(version=version)


@pytest.fixture
def company() -> Company:
    return Company()


def later() -> datetime:
    return timezone.now() + timedelta(minutes=2)


def carried_out(found: Reevaluation, clock: Any = later) -> Reevaluation:
    assert not actions.reevaluate(reevaluation_id=found.pk, actor=SYSTEM, clock=clock)
    found.refresh_from_db()
    return found


def remembered(change: Callable[[dict[str, Any]], Any]) -> None:
    """Decisions are append-only: a test that needs one with other facts takes the guard away."""
    run("SET session_replication_role = replica")
    for decision in PolicyDecision.objects.all():
        change(decision.facts)
        PolicyDecision.objects.filter(pk=decision.pk).update(facts=decision.facts)
    run("SET session_replication_role = DEFAULT")


@unit_of_work()
def suspended(grant: Grant) -> None:
    move(locked(Grant.objects.all(), grant.pk), GrantState.SUSPENDED, actor=SYSTEM, why="Unusual", now=timezone.now())


def counts(**met: int) -> dict[str, int]:
    return {**dict.fromkeys(Fate.values, 0), **met}


def told(grant: Grant) -> list[str]:
    said = Notification.objects.filter(once__startswith="reevaluated:", subject_id=grant.pk)
    return [one.body for one in said if one.recipient_id == grant.accountable_owner_id]


class TestReevaluate:
    def test_ends_what_policy_no_longer_allows_and_says_why(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = carried_out(company.publish(deny=True))
        grant.refresh_from_db()
        assert grant.state == GrantState.REVOKING
        assert grant.state_reason == f"{company.rule.key} version 2 no longer allows it. Because of the draft."
        assert (found.state, found.counts) == (ReevaluationState.DONE, counts(revoke=1))
        assert events_of(grant.pk)[-1]["content"]["actor"]["label"] == SYSTEM.label
        assert [event["action"] for event in events_of(found.pk)] == ["reevaluation.running", "reevaluation.done"]

    def test_leaves_what_is_still_justified(self, company: Company) -> None:
        builders.rule("manager", key="POL-90", condition="true")
        kept = live_grant(company.submit())
        newcomer(company, "Other")
        lost = live_grant(company.submit())
        found = carried_out(company.publish(condition="identity.name == 'Other'", deny=True))
        for grant in (kept, lost):
            grant.refresh_from_db()
        assert (kept.state, lost.state) == (GrantState.ACTIVE, GrantState.REVOKING)
        assert found.counts == counts(unchanged=1, revoke=1)

    def test_leaves_what_has_begun_by_the_version(self, company: Company) -> None:
        found = company.publish(steps=[{"kind": "entitlement_owner"}])
        live_grant(company.submit())
        assert carried_out(found).counts == counts(unchanged=1)

    def test_ends_what_began_by_the_version_before_after_the_replay(self, company: Company) -> None:
        version = company.draft(deny=True)
        company.rehearse(version)
        change = company.propose(version)
        grant = live_grant(company.submit())
        approve(changing.steps_of(change)[0], company.judge)
        found = carried_out(Reevaluation.objects.get(version=version))
        grant.refresh_from_db()
        assert (grant.state, found.counts) == (GrantState.REVOKING, counts(revoke=1))
        assert [one.revoke for one in rehearsals(version)] == [0]

    def test_ends_what_is_suspended(self, company: Company) -> None:
        grant = live_grant(company.submit())
        suspended(grant)
        found = carried_out(company.publish(deny=True))
        grant.refresh_from_db()
        assert (grant.state, found.counts) == (GrantState.REVOKING, counts(revoke=1))

    def test_passes_over_what_has_ended_meanwhile(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = company.publish(deny=True)
        give_back(grant)
        assert carried_out(found).counts == counts()
        grant.refresh_from_db()
        assert grant.state_reason == "Done"

    def test_leaves_what_has_come_to_its_end_to_the_clock(self, company: Company) -> None:
        grant = live_grant(company.submit())
        assert carried_out(company.publish(deny=True), clock=lambda: grant.ends_at).counts == counts()

    def test_lets_denied_leases_run_out_where_that_is_declared(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = carried_out(company.publish(Denied.RUN_OUT, deny=True))
        grant.refresh_from_db()
        assert grant.state == GrantState.ACTIVE
        assert found.counts == counts(review=1)
        (body,) = told(grant)
        assert "version 2 no longer allows it. Because of the draft." in body
        assert "unless you end it" in body

    def test_tells_the_owner_of_what_would_not_be_given_so_any_more(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = carried_out(company.publish(steps=[*MANAGER, {"kind": "security"}]))
        grant.refresh_from_db()
        assert grant.state == GrantState.ACTIVE
        assert found.counts == counts(review=1)
        assert "version 2 is stricter: more people decide." in told(grant)[0]

    def test_tells_the_owner_of_what_cant_be_judged(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = company.publish(condition="identity.department == 'IT'", deny=True)
        remembered(lambda facts: facts["identity"].pop("department"))
        assert carried_out(found).counts == counts(review=1)
        assert "lacks a fact" in told(grant)[0]

    def test_says_nothing_of_what_stays_as_it_is(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = carried_out(company.publish(steps=MANAGER, cadence_seconds=3600))
        assert found.counts == counts(unchanged=1)
        assert told(grant) == []

    def test_does_nothing_a_second_time(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = carried_out(company.publish(deny=True))
        before = (found.counts, len(events_of(grant.pk)), len(events_of(found.pk)))
        again = carried_out(found)
        assert (again.counts, len(events_of(grant.pk)), len(events_of(found.pk))) == before

    def test_goes_on_where_another_worker_ended(self, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reevaluation, "BATCH", 1)
        for name in ("One", "Two", "Three"):
            newcomer(company, name)
            live_grant(company.submit())
        found, instant = company.publish(deny=True), timedelta(microseconds=1)
        for _ in range(20):
            actions.reevaluate(reevaluation_id=found.pk, actor=SYSTEM, clock=later, time_left=instant)
        found.refresh_from_db()
        assert (found.state, found.counts) == (ReevaluationState.DONE, counts(revoke=3))
        assert not Grant.objects.filter(state=GrantState.ACTIVE).exists()

    def test_keeps_what_it_has_done_when_a_worker_dies(self, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reevaluation, "BATCH", 1)
        for name in ("One", "Two"):
            newcomer(company, name)
            live_grant(company.submit())
        found, left = company.publish(deny=True), iter([later()])
        with pytest.raises(StopIteration):
            actions.reevaluate(reevaluation_id=found.pk, actor=SYSTEM, clock=lambda: next(left))
        assert Grant.objects.filter(state=GrantState.ACTIVE).count() == 1
        assert list(queries.reevaluations_due(later())) == [found.pk]
        assert carried_out(found).counts == counts(revoke=2)

    def test_waits_until_the_version_is_in_force(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = carried_out(company.publish(deny=True), clock=timezone.now)
        grant.refresh_from_db()
        assert (found.state, grant.state) == (ReevaluationState.RUNNING, GrantState.ACTIVE)
        assert list(queries.reevaluations_due(timezone.now())) == []
        assert list(queries.reevaluations_due(later())) == [found.pk]

    def test_is_stopped_where_the_version_is_in_force_no_more(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = company.publish(deny=True)
        policing.retire(version_id=found.version_id, actor=company.admin, why="A mistake", now=timezone.now())
        carried_out(found)
        grant.refresh_from_db()
        assert (found.state, grant.state) == (ReevaluationState.STOPPED, GrantState.ACTIVE)
        assert "is not in force" in found.state_reason

    def test_never_takes_the_portals_own_roles(self, company: Company) -> None:
        role = portal_role(person("Naomi"), Role.SECURITY)
        found = carried_out(company.publish(deny=True))
        role.refresh_from_db()
        assert (role.state, found.counts) == (GrantState.ACTIVE, counts(review=1))

    def test_never_takes_what_is_held_in_an_emergency(self, company: Company) -> None:
        grant = live_grant(company.submit())
        found = company.publish(deny=True)
        remembered(lambda facts: (facts["request"].update(break_glass=True), facts["purpose"].update(emergency=True)))
        assert carried_out(found).counts == counts(review=1)
        grant.refresh_from_db()
        assert grant.state == GrantState.ACTIVE
        assert "version 2 no longer allows it. Because of the draft." in told(grant)[0]


class TestRehearsal:
    @pytest.mark.parametrize("outcomes", [{"deny": True}, {"steps": [{"kind": "security"}]}, {"steps": MANAGER}])
    def test_shows_what_happens(self, company: Company, outcomes: dict[str, Any]) -> None:
        for name in ("One", "Two"):
            newcomer(company, name)
            grant = live_grant(company.submit())
        suspended(grant)
        portal_role(person("Naomi"), Role.SECURITY)
        found = carried_out(company.publish(**outcomes))
        (shown,) = rehearsals(found.version)
        assert {name: getattr(shown, name) for name in Fate.values} == found.counts

    def test_comes_before_publishing(self, company: Company) -> None:
        version = company.draft(deny=True)
        with pytest.raises(Invalid, match="first: nobody knows") as refusal:
            company.propose(version)
        assert set(refusal.value.fields) == {"rehearsal"}

    def test_is_of_what_the_version_says_now(self, company: Company) -> None:
        version = company.draft(deny=True)
        company.rehearse(version)
        wording = Wording("false", {"deny": True}, "Never.")
        policy.redraft(version_id=version.pk, wording=wording, actor=company.admin, why="x", now=timezone.now())
        with pytest.raises(Invalid, match="first: nobody knows"):
            company.propose(version)

    def test_is_one_that_came_to_its_end(self, company: Company) -> None:
        version, now = company.draft(deny=True), timezone.now()
        replay = replays.start(version_id=version.pk, days=1, actor=company.admin, now=now)
        with pytest.raises(Invalid, match="first: nobody knows"):
            company.propose(version)
        replays.stop(replay_id=replay.pk, actor=company.admin, reason="Too slow", now=now)
        with pytest.raises(Invalid, match="first: nobody knows"):
            company.propose(version)

    def test_is_not_of_another_version(self, company: Company) -> None:
        company.rehearse(company.draft(deny=True))
        with pytest.raises(Invalid, match="first: nobody knows"):
            company.propose(company.draft(deny=True))

    def test_is_not_older_than_a_week(self, company: Company) -> None:
        version = company.draft(deny=True)
        company.rehearse(version, timezone.now() - timedelta(days=8))
        with pytest.raises(Invalid, match="first: nobody knows"):
            company.propose(version)
        company.rehearse(version)
        assert company.propose(version).payload["rehearsal"]["replay"]

    def test_can_be_none_that_nobody_has_seen(self, company: Company) -> None:
        version = company.draft(deny=True)
        company.rehearse(version)
        (shown,) = rehearsals(version)
        invented = {"replay": shown.replay, "at": shown.at, "unchanged": 9, "review": 0, "revoke": 0}
        with pytest.raises(Invalid, match="No replay"):
            company.propose(version, rehearsal=invented)

    def test_is_published_with_what_becomes_of_denied_leases(self, company: Company) -> None:
        version = company.draft(deny=True)
        company.rehearse(version)
        for said in ("", "burn"):
            with pytest.raises(Invalid) as refusal:
                company.propose(version, said)
            assert set(refusal.value.fields) == {"denied_leases"}


def test_a_version_whose_steps_nobody_could_answer_is_not_proposed(company: Company) -> None:
    version = company.draft(steps=[{"kind": "team", "team": "nowhere"}])
    company.rehearse(version)
    with pytest.raises(Invalid, match="Team nowhere: there is no such team"):
        company.propose(version)

"""What a survey finds of what has gone stale, and what becomes of what it found."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.access.models import Assignment
from governance.access.states import Observation
from governance.analysis import actions, queries, stale, tasks
from governance.analysis.matching import unmatched
from governance.analysis.mining import Peers
from governance.analysis.models import RoleSuggestion, StaleFinding, Survey
from governance.analysis.reasons import reason
from governance.analysis.states import PARTS, FoundState, Stale, SurveyState
from governance.analysis.suggesting import criteria
from governance.catalog.models import Bundle, BundleVersion, Entitlement
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants import actions as grants
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.policy.cel import compiled
from governance.policy.criteria import known
from governance.policy.facts import declarations
from governance.purposes.models import Dedication, Justification
from governance.requests import actions as requests
from tests import apart, builders, changing
from tests.builders import Organisation, actor, live_grant, person, see
from tests.core.log import events_of

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system("survey")
LATER = timedelta(days=100)


@pytest.fixture
def org() -> Organisation:
    return Organisation("manager")


@pytest.fixture
def admin() -> Actor:
    return actor(person("Ada"), Role.ADMINISTRATOR)


def surveyed(now: datetime | None = None) -> Survey:
    """One whole survey, as the daily task does it."""
    at = now or timezone.now()
    survey = actions.daily_survey(actor=SYSTEM, now=at)
    assert survey is not None
    actions.run_survey(survey_id=survey.pk, actor=SYSTEM, clock=lambda: at)
    survey.refresh_from_db()
    assert survey.state == SurveyState.DONE
    return survey


def found(kind: Stale, at: datetime | None = None) -> dict[Any, str]:
    """What is stale, by its subject, with the reason."""
    return {one.subject_id: reason(one.kind, one.figures) for one in stale.look(kind, at or timezone.now())}


def removed(grant: Grant) -> None:
    """The lease runs out, and the access is seen to be gone."""
    over = grant.ends_at + timedelta(seconds=1)
    grants.expire_due(now=over)
    see(Grant.objects.get(pk=grant.pk), Observation.ABSENT, now=over)


def later() -> datetime:
    return timezone.now() + LATER


class TestBundles:
    def test_are_stale_when_nobody_holds_all_of_one(self, org: Organisation) -> None:
        other = builders.entitlement(org.system, org.owner)
        keys = [f"{one.system.key}/{one.key}" for one in (org.entitlement, other)]
        both = changing.bundle(org.entitlement, org.owner, org.requester, "both", entitlements=keys)
        one = changing.bundle(org.entitlement, org.owner, org.requester, "one")
        live_grant(org.submit())
        said = found(Stale.BUNDLE, later())
        assert both.pk in said
        assert one.pk not in said
        assert said[both.pk].startswith("Nobody holds all of it: 1 of 2 entitlements at most.")

    def test_are_held_through_what_they_include(self, org: Organisation) -> None:
        inner = changing.bundle(org.entitlement, org.owner, org.requester, "inner")
        outer = changing.bundle(org.entitlement, org.owner, org.requester, "outer", entitlements=[], bundles=["inner"])
        assert set(found(Stale.BUNDLE, later())) == {inner.pk, outer.pk}
        live_grant(org.submit())
        assert found(Stale.BUNDLE, later()) == {}

    def test_are_held_through_what_confers_their_entitlements(self, org: Organisation) -> None:
        made = changing.bundle(org.entitlement, org.owner, org.requester)
        lead = builders.entitlement(org.system, org.owner)
        builders.keep(Assignment(account=org.account, entitlement=lead, wanted=True))
        assert set(found(Stale.BUNDLE, later())) == {made.pk}
        apart.confers(lead, org.entitlement)
        assert found(Stale.BUNDLE, later()) == {}

    def test_are_not_stale_while_they_are_new(self, org: Organisation) -> None:
        changing.bundle(org.entitlement, org.owner, org.requester)
        assert found(Stale.BUNDLE, timezone.now() + timedelta(days=89)) == {}


class TestCriteria:
    def test_are_stale_when_they_match_nobody(self, org: Organisation) -> None:
        someone = person(department="Finance")
        texts = {"a1": "identity.department == 'Finance'", "b1": "identity.department == 'Moon'", "c1": ""}
        made = {
            key: changing.bundle(org.entitlement, org.owner, org.requester, key, criteria=text)
            for key, text in texts.items()
        }
        assert set(found(Stale.CRITERIA, timezone.now() + timedelta(days=2))) == {made["b1"].pk}
        assert someone.department == "Finance"

    def test_are_not_stale_on_their_first_day(self, org: Organisation) -> None:
        made = changing.bundle(org.entitlement, org.owner, org.requester, criteria="identity.department == 'Moon'")
        at = made.versions.get().made_at + timedelta(days=1)
        assert found(Stale.CRITERIA, at - timedelta(seconds=1)) == {}
        assert set(found(Stale.CRITERIA, at)) == {made.pk}

    def test_of_the_last_version_count_alone(self, org: Organisation) -> None:
        made = changing.bundle(org.entitlement, org.owner, org.requester, criteria="identity.department == 'Moon'")
        change = changing.propose("bundle.edit", made, org.requester, criteria="identity.kind == 'person'")
        changing.approved(change, org.owner)
        assert found(Stale.CRITERIA, timezone.now() + timedelta(days=2)) == {}

    @pytest.mark.parametrize(
        ("text", "there"),
        [
            ("identity.owned", True),
            ("identity.kind == 'person' && identity.owned", False),
            ("'books' in identity.teams", True),
            ("'other' in identity.teams", False),
            ("identity.machine && identity.environment == 'production'", True),
            ("identity.owned_until < timestamp('2020-01-01T00:00:00Z')", False),
            ("identity.title == 'now'", False),
            ("true", True),
            ("duration(identity.department == '' ? 'x' : '1h') > duration('1m')", False),
        ],
    )
    def test_ask_what_policy_knows_of_an_identity(self, org: Organisation, text: str, *, there: bool) -> None:
        builders.machine(org.owner)
        builders.team("books", org.requester)
        version = BundleVersion(bundle=Bundle(key="x"), criteria=text)
        assert unmatched([version], timezone.now()) == ([] if there else [version])

    def test_may_name_every_fact_of_an_identity(self) -> None:
        assert set(known(timezone.now())) == {one.name for one in declarations() if one.name.startswith("identity.")}

    def test_of_many_bundles_take_one_query_where_they_name_the_same(self, org: Organisation) -> None:
        many = [BundleVersion(bundle=Bundle(key=f"x{n}"), criteria=f"identity.title == 'T{n}'") for n in range(40)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            unmatched(many, timezone.now())
        assert len([one for one in captured if "SELECT" in one["sql"]]) == 1


class TestEntitlements:
    def test_are_stale_when_nobody_has_held_one(self, org: Organisation) -> None:
        said = found(Stale.UNHELD, later())
        assert said[org.entitlement.pk] == "Nobody holds it, and nobody has for 90 days. It was never leased."
        assert found(Stale.UNHELD) == {}

    def test_are_not_stale_while_somebody_holds_one_or_held_it_lately(self, org: Organisation) -> None:
        grant = live_grant(org.submit())
        assert org.entitlement.pk not in found(Stale.UNHELD, grant.ends_at + timedelta(days=91))
        removed(grant)
        assert org.entitlement.pk not in found(Stale.UNHELD, grant.ends_at + timedelta(days=89))
        assert org.entitlement.pk in found(Stale.UNHELD, grant.ends_at + timedelta(days=91))

    def test_are_not_stale_while_access_stands_that_nobody_leased(self, org: Organisation) -> None:
        builders.keep(Assignment(account=org.account, entitlement=org.entitlement, wanted=True))
        assert org.entitlement.pk not in found(Stale.UNHELD, later())

    def test_are_not_stale_while_somebody_holds_what_confers_one(self, org: Organisation) -> None:
        lead = builders.entitlement(org.system, org.owner)
        builders.keep(Assignment(account=org.account, entitlement=lead, wanted=True))
        apart.confers(lead, org.entitlement)
        assert org.entitlement.pk not in found(Stale.UNHELD, later())

    def test_are_stale_when_most_let_their_lease_run_out(self, org: Organisation) -> None:
        people = [org.requester, *(person(manager=org.manager) for _ in range(4))]
        leases = [leased(org, one) for one in people]
        end = max(one.ends_at for one in leases) + timedelta(seconds=1)
        grants.expire_due(now=end)
        assert found(Stale.LAPSING, end)[org.entitlement.pk].startswith("5 of 5 who held it")
        again = [leased(org, one, now=end) for one in people[:3]]
        assert found(Stale.LAPSING, again[0].starts_at + timedelta(minutes=1)) == {}

    @pytest.mark.parametrize(("held", "lapsed", "is_stale"), [(5, 3, True), (6, 3, False), (4, 4, False)])
    def test_are_stale_when_more_than_half_of_five_or_more_let_it_lapse(
        self, org: Organisation, held: int, lapsed: int, *, is_stale: bool
    ) -> None:
        people = [person(manager=org.manager) for _ in range(held)]
        end = max(leased(org, one).ends_at for one in people[:lapsed]) + timedelta(seconds=1)
        grants.expire_due(now=end)
        last = [leased(org, one, now=end) for one in people[lapsed:]]
        at = max([end, *(one.starts_at for one in last)])
        assert (org.entitlement.pk in found(Stale.LAPSING, at)) == is_stale

    def test_do_not_count_leases_that_somebody_ended(self, org: Organisation) -> None:
        people = [org.requester, *(person(manager=org.manager) for _ in range(4))]
        for one in people:
            grant = leased(org, one)
            grants.hand_back(grant_id=grant.pk, actor=actor(one), reason="Done.", now=timezone.now())
        assert found(Stale.LAPSING, timezone.now() + timedelta(days=1)) == {}


def peers(org: Organisation, size: int) -> list[Identity]:
    """So many clerks of one department."""
    return [person(manager=org.manager, department="Finance", title="Clerk") for _ in range(size)]


def leased(org: Organisation, who: Identity, now: datetime | None = None) -> Grant:
    """The entitlement, leased to somebody and verified present."""
    if not who.accounts.filter(system=org.system).exists():
        builders.account(who, org.system)
    draft = builders.draft(who, org.entitlement, org.purpose)
    return live_grant(requests.submit(draft=draft, actor=actor(who), now=now or timezone.now()), now=now)


class TestOutliers:
    def test_are_what_few_peers_hold(self, org: Organisation) -> None:
        clerk, *_ = peers(org, 6)
        grant = leased(org, clerk)
        (one,) = stale.look(Stale.OUTLIER, timezone.now())
        assert (one.subject_id, one.holder_id, one.owner_id) == (grant.pk, clerk.pk, org.entitlement.pk)
        assert reason(one.kind, one.figures) == "Only 1 of 6 people in Finance with the title Clerk holds it."
        assert one.score == (100 - 16) * 70 // 100

    def test_need_peers_enough(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stale, "FEW", 50)
        clerk, *_ = peers(org, 4)
        leased(org, clerk)
        assert found(Stale.OUTLIER) == {}

    def test_are_at_most_one_in_five(self, org: Organisation) -> None:
        clerk, *_ = peers(org, 5)
        grant = leased(org, clerk)
        assert set(found(Stale.OUTLIER)) == {grant.pk}

    def test_are_kept_by_weight(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stale, "MOST", 1)
        one, *_ = peers(org, 6)
        worse = builders.entitlement(org.system, org.owner, risk="critical")
        builders.keep(Justification(purpose=org.purpose, entitlement=worse))
        leased(org, one)
        heavier = builders.adopted(one.accounts.get(), one, worse, org.purpose)
        assert set(found(Stale.OUTLIER)) == {heavier.pk}

    def test_are_not_what_more_of_them_hold(self, org: Organisation) -> None:
        one, two, *_ = peers(org, 6)
        leased(org, one)
        leased(org, two)
        assert found(Stale.OUTLIER) == {}

    def test_are_not_what_peers_hold_through_something_else(self, org: Organisation) -> None:
        one, *others = peers(org, 6)
        lead = builders.entitlement(org.system, org.owner)
        for other in others:
            builders.keep(Assignment(account=builders.account(other, org.system), entitlement=lead, wanted=True))
        grant = leased(org, one)
        assert set(found(Stale.OUTLIER)) == {grant.pk}
        apart.confers(lead, org.entitlement)
        assert found(Stale.OUTLIER) == {}

    def test_are_people_whose_department_and_title_are_known(self, org: Organisation) -> None:
        for _ in range(6):
            person(manager=org.manager)
        leased(org, org.requester)
        assert found(Stale.OUTLIER) == {}


class TestPurposes:
    def test_are_stale_when_nobody_uses_one(self, org: Organisation) -> None:
        said = found(Stale.PURPOSE, later())
        assert said[org.purpose.pk].endswith("Nothing was leased on it.")
        assert found(Stale.PURPOSE) == {}

    def test_are_not_stale_while_somebody_asks_or_holds(self, org: Organisation) -> None:
        request = org.submit(now=timezone.now() + timedelta(days=20))
        at = request.submitted_at + timedelta(days=89)
        assert org.purpose.pk not in found(Stale.PURPOSE, at)
        assert org.purpose.pk in found(Stale.PURPOSE, at + timedelta(days=2))

    def test_of_emergencies_wait_for_one(self, org: Organisation) -> None:
        waiting = builders.purpose(org.owner, emergency=True)
        assert waiting.pk not in found(Stale.PURPOSE, later())

    def test_are_in_use_while_a_machine_exists_for_one(self, org: Organisation) -> None:
        agent = builders.machine(org.owner)
        builders.keep(Dedication(identity=agent, purpose=org.purpose))
        assert org.purpose.pk not in found(Stale.PURPOSE, later())
        Identity.objects.filter(pk=agent.pk).update(state="ended")
        assert org.purpose.pk in found(Stale.PURPOSE, later())


class TestRules:
    def test_are_stale_when_they_applied_to_nothing(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stale, "FEWEST_DECISIONS", 1)
        idle = builders.rule(deny=True, condition="identity.department == 'Moon'", key="POL-70")
        at = later()
        assert found(Stale.RULE, at) == {}  # nothing was decided, which says nothing
        org.submit(now=at - timedelta(days=1))
        version = idle.versions.get()
        assert found(Stale.RULE, at) == {version.pk: "It applied to none of the 1 decisions of the last 90 days."}

    def test_need_time_in_force(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stale, "FEWEST_DECISIONS", 1)
        builders.rule(deny=True, condition="identity.department == 'Moon'")
        org.submit()
        assert found(Stale.RULE, timezone.now() + timedelta(days=1)) == {}


class TestSurvey:
    def test_keeps_what_it_finds_and_says_so(self, org: Organisation) -> None:
        survey = surveyed(later())
        finding = StaleFinding.objects.get(kind=Stale.UNHELD)
        assert (finding.subject_id, finding.system, finding.state) == (org.entitlement.pk, org.system, FoundState.OPEN)
        assert survey.counts["unheld"] == {"found": 1, "new": 1, "gone": 0}
        assert [event["action"] for event in events_of(finding.pk)] == ["stale_finding.open"]
        assert [event["action"] for event in events_of(survey.pk)][-1] == "survey.done"

    def test_keeps_it_once(self, org: Organisation) -> None:
        surveyed(later())
        again = surveyed(later() + timedelta(days=1))
        assert StaleFinding.objects.filter(kind=Stale.UNHELD).count() == 1
        assert again.counts["unheld"] == {"found": 1, "new": 0, "gone": 0}

    def test_closes_what_is_gone(self, org: Organisation) -> None:
        surveyed(later())
        leased(org, org.requester, later())
        surveyed(later() + timedelta(minutes=1))
        finding = StaleFinding.objects.get(kind=Stale.UNHELD)
        assert finding.state == FoundState.GONE
        assert finding.closed_at is not None

    def test_finds_anew_what_had_gone(self, org: Organisation) -> None:
        surveyed(later())
        grant = leased(org, org.requester, later())
        surveyed(grant.starts_at + timedelta(minutes=1))
        removed(grant)
        surveyed(grant.ends_at + timedelta(days=91))
        states = StaleFinding.objects.filter(kind=Stale.UNHELD).order_by("number").values_list("state", flat=True)
        assert list(states) == [FoundState.GONE, FoundState.OPEN]

    def test_says_figures_anew(self, org: Organisation) -> None:
        clerk, *_ = peers(org, 6)
        leased(org, clerk)
        surveyed()
        peers(org, 4)
        surveyed(timezone.now())
        finding = StaleFinding.objects.get(kind=Stale.OUTLIER)
        assert finding.figures["peers"] == 10
        assert [event["action"] for event in events_of(finding.pk)][-1] == "stale_finding.restated"

    def test_tells_owners_once_of_all_that_is_new(self, org: Organisation) -> None:
        surveyed(later())
        (said,) = Notification.objects.filter(recipient=org.owner, subject_kind="survey")
        assert said.title == "2 findings about what you answer for"
        assert str(org.entitlement) in said.body
        surveyed(later() + timedelta(days=1))
        assert Notification.objects.filter(subject_kind="survey").count() == 1

    def test_tells_nobody_of_their_own_access(self, org: Organisation) -> None:
        clerk, *_ = peers(org, 6)
        mine = builders.entitlement(org.system, clerk)
        builders.keep(Justification(purpose=org.purpose, entitlement=mine))
        builders.account(clerk, org.system)
        draft = builders.draft(clerk, mine, org.purpose)
        live_grant(requests.submit(draft=draft, actor=actor(clerk), now=timezone.now()))
        surveyed()
        assert StaleFinding.objects.filter(kind=Stale.OUTLIER, holder=clerk).exists()
        assert not Notification.objects.filter(recipient=clerk, subject_kind="survey").exists()

    def test_goes_on_where_another_worker_ended(self, org: Organisation) -> None:
        survey = actions.daily_survey(actor=SYSTEM, now=later())
        assert survey is not None
        actions._settle(survey, Stale.UNHELD, actions._found(survey, Stale.UNHELD), actor=SYSTEM, now=later())
        for _ in range(2):
            tasks.run_survey(str(survey.pk))
        survey.refresh_from_db()
        assert (survey.state, sorted(survey.done)) == (SurveyState.DONE, sorted(PARTS))
        assert StaleFinding.objects.filter(kind=Stale.UNHELD).count() == 1

    def test_runs_alone(self, org: Organisation, admin: Actor) -> None:
        now = timezone.now()
        first = actions.start_survey(actor=admin, now=now)
        with pytest.raises(Conflict, match="looking"):
            actions.start_survey(actor=admin, now=now)
        assert actions.daily_survey(actor=SYSTEM, now=now + timedelta(hours=1)) is None
        assert actions.daily_survey(actor=SYSTEM, now=now + timedelta(hours=21)) is not None
        first.refresh_from_db()
        assert (first.state, first.state_reason) == (SurveyState.STOPPED, "It did not come to its end")

    def test_that_was_stopped_writes_no_more(self, org: Organisation, admin: Actor) -> None:
        late = actions.start_survey(actor=admin, now=later())
        assert actions.daily_survey(actor=SYSTEM, now=later() + timedelta(hours=21)) is not None
        actions.run_survey(survey_id=late.pk, actor=SYSTEM, clock=later)
        late.refresh_from_db()
        assert (late.state, late.done) == (SurveyState.STOPPED, [])
        assert not StaleFinding.objects.exists()

    def test_is_taken_up_when_a_worker_has_died(self, admin: Actor) -> None:
        survey = actions.start_survey(actor=admin, now=timezone.now())
        assert list(queries.surveys_left_alone(timezone.now())) == []
        assert list(queries.surveys_left_alone(timezone.now() + timedelta(minutes=11))) == [survey]

    def test_is_for_administrators_to_begin(self) -> None:
        for role, refusal in ((Role.AUDITOR, Denied), (Role.SECURITY, Denied), (None, NotFound)):
            with pytest.raises(refusal):
                actions.start_survey(actor=actor(person(), *([role] if role else [])), now=timezone.now())

    def test_takes_as_many_queries_for_few_findings_as_for_many(self, org: Organisation) -> None:
        survey = Survey(at=later(), worked_at=later())
        few = self._queries(survey)
        for _ in range(10):
            builders.purpose(org.owner, builders.entitlement(org.system, org.owner))
        assert self._queries(survey) == few

    @staticmethod
    def _queries(survey: Survey) -> int:
        with CaptureQueriesContext(connection) as captured:
            for part in PARTS:
                actions._found(survey, part)
        return len(captured)


class TestDismiss:
    REASON = "It is kept for the end of the year."

    def dismissed(self, org: Organisation, by: Actor, days: int = 30, why: str = REASON) -> StaleFinding:
        finding = StaleFinding.objects.get(kind=Stale.UNHELD)
        now = later()
        until = now + timedelta(days=days)
        return actions.dismiss_finding(finding_id=finding.pk, reason=why, until=until, actor=by, now=now)

    def test_lets_it_be_until_a_moment(self, org: Organisation) -> None:
        surveyed(later())
        finding = self.dismissed(org, actor(org.owner))
        assert (finding.state, finding.dismissed_by) == (FoundState.DISMISSED, org.owner.name)
        surveyed(later() + timedelta(days=29))
        finding.refresh_from_db()
        assert finding.state == FoundState.DISMISSED
        surveyed(later() + timedelta(days=30, minutes=1))
        finding.refresh_from_db()
        assert (finding.state, finding.state_reason, finding.dismissed_until) == (FoundState.OPEN, "", None)

    def test_is_closed_when_it_is_gone(self, org: Organisation) -> None:
        surveyed(later())
        finding = self.dismissed(org, actor(org.owner))
        leased(org, org.requester, later())
        surveyed(later() + timedelta(minutes=1))
        finding.refresh_from_db()
        assert finding.state == FoundState.GONE

    @pytest.mark.parametrize(("days", "why"), [(0, REASON), (400, REASON), (30, "No.")])
    def test_says_why_and_ends(self, org: Organisation, days: int, why: str) -> None:
        surveyed(later())
        with pytest.raises(Invalid):
            self.dismissed(org, actor(org.owner), days, why)

    def test_is_for_whoever_answers_for_it(self, org: Organisation, admin: Actor) -> None:
        surveyed(later())
        with pytest.raises(NotFound):
            self.dismissed(org, actor(org.stranger))
        with pytest.raises(Denied):
            self.dismissed(org, admin)
        self.dismissed(org, actor(org.owner))
        with pytest.raises(Conflict):
            self.dismissed(org, actor(org.owner))

    def test_is_not_for_whose_access_it_is_about(self, org: Organisation) -> None:
        clerk, *_ = peers(org, 6)
        leased(org, clerk)
        surveyed()
        finding = StaleFinding.objects.get(kind=Stale.OUTLIER)
        mine = actor(org.owner)
        by = replace(mine, identity_ids=mine.identity_ids | {clerk.pk})
        with pytest.raises(Denied, match="their own access"):
            actions.dismiss_finding(
                finding_id=finding.pk, reason=self.REASON, until=later(), actor=by, now=timezone.now()
            )


class TestSuggestions:
    def roles(self, org: Organisation, size: int = 6, title: str = "Clerk") -> list[Entitlement]:
        """So many clerks who hold the same three entitlements."""
        items = [builders.entitlement(org.system, org.owner) for _ in range(3)]
        for _ in range(size):
            someone = person(department="O'Neil & Sons", title=title)
            at = builders.account(someone, org.system)
            for item in items:
                builders.keep(Assignment(account=at, entitlement=item, wanted=True))
        return items

    def test_are_mined_from_access(self, org: Organisation) -> None:
        items = self.roles(org)
        survey = surveyed()
        one = RoleSuggestion.objects.get()
        assert set(one.entitlements) == {item.pk for item in items}
        assert (one.members, one.covered, one.excess, one.standing, one.score) == (6, 18, 0, 18, 100)
        assert one.criteria == "identity.department == 'O\\'Neil & Sons'"
        assert survey.counts["roles"] == {"found": 1, "new": 1, "gone": 0}

    def test_are_gone_once_there_is_such_a_bundle(self, org: Organisation) -> None:
        items = self.roles(org)
        surveyed()
        keys = [f"{item.system.key}/{item.key}" for item in items]
        changing.bundle(items[0], org.owner, org.requester, "clerks", entitlements=keys)
        surveyed(timezone.now())
        assert RoleSuggestion.objects.get().state == FoundState.GONE

    def test_have_criteria_that_can_be_kept(self) -> None:
        for name in ("Plain", "O'Neil", "a\\b", "two\nlines", '"quoted"'):
            text = criteria(Peers(name, name))
            compiled(text)
            assert unmatched([BundleVersion(bundle=Bundle(key="x"), criteria=text)], timezone.now())
            person(department=name, title=name)
            assert not unmatched([BundleVersion(bundle=Bundle(key="x"), criteria=text)], timezone.now())

    def test_are_for_administrators_to_dismiss(self, org: Organisation, admin: Actor) -> None:
        self.roles(org)
        surveyed()
        one, now = RoleSuggestion.objects.get(), timezone.now()
        given: dict[str, Any] = {"suggestion_id": one.pk, "reason": "These are going away.", "now": now}
        given["until"] = now + timedelta(days=9)
        for role, refusal in ((Role.AUDITOR, Denied), (None, NotFound)):
            with pytest.raises(refusal):
                actions.dismiss_suggestion(actor=actor(person(), *([role] if role else [])), **given)
        assert actions.dismiss_suggestion(actor=admin, **given).state == FoundState.DISMISSED

"""What becomes of what a survey finds."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.access.models import Assignment
from governance.analysis import actions, queries, tasks
from governance.analysis.matching import unmatched
from governance.analysis.mining import Peers
from governance.analysis.models import RoleSuggestion, StaleFinding, Survey
from governance.analysis.states import PARTS, FoundState, Stale, SurveyState
from governance.analysis.suggesting import criteria
from governance.catalog.models import Bundle, BundleVersion, Entitlement
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.notifications.models import Notification
from governance.policy.cel import compiled
from governance.purposes.models import Justification
from governance.requests import actions as requests
from tests import builders, changing
from tests.analysis.surveying import SYSTEM, later, leased, peers, removed
from tests.builders import Organisation, actor, live_grant, person
from tests.core.log import events_of

pytestmark = pytest.mark.django_db


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

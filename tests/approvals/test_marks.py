"""Claims, reminders and escalation: marks on what is open, none of which decides anything."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from governance.approvals import tasks
from governance.approvals.actions import ask_again, claim, decide, escalate, keep_calendar, release, remind
from governance.approvals.hours import ESCALATION_TERM, CalendarDraft
from governance.approvals.models import ApprovalRoute, ApprovalStep, Calendar, Question
from governance.approvals.moves import CLAIM_TERM
from governance.approvals.queries import REMINDER_TERM
from governance.approvals.rules import STEP_TERM
from governance.approvals.states import StepState, Verdict
from governance.core.actor import Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.requests.actions import answer
from tests.builders import Organisation, actor, person, rule, step_ids, team
from tests.core.log import events_of
from tests.leases import HOUR, MINUTE, approve, ask_back
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

LATE = ESCALATION_TERM + MINUTE


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def asked(step: UUID) -> set[str]:
    rows = ApprovalStep.objects.get(pk=step).approvers.filter(ends_at__isnull=True)
    return set(rows.values_list("identity__name", flat=True))


class TestClaim:
    @pytest.fixture
    def pair(self) -> tuple[UUID, Identity, Identity]:
        org = Organisation("security")
        one, two = person("Sec"), person("Sam")
        team("security", one, two)
        return step_ids(org.submit())[0], one, two

    def test_is_seen_by_the_others_and_keeps_nobody_out(self, pair: tuple[UUID, Identity, Identity]) -> None:
        step, one, two = pair
        claim(step_id=step, actor=actor(one), now=timezone.now())
        assert ApprovalStep.objects.get(pk=step).claimed_by == one
        with pytest.raises(Conflict, match="Sec looks at this, until"):
            claim(step_id=step, actor=actor(two), now=timezone.now())
        approve(step, two)
        assert ApprovalStep.objects.get(pk=step).state == StepState.APPROVED

    def test_ends_by_itself(self, pair: tuple[UUID, Identity, Identity]) -> None:
        step, one, two = pair
        now = timezone.now()
        claim(step_id=step, actor=actor(one), now=now)
        claim(step_id=step, actor=actor(two), now=now + CLAIM_TERM)
        assert ApprovalStep.objects.get(pk=step).claimed_by == two

    def test_is_taken_back_by_whoever_made_it(self, pair: tuple[UUID, Identity, Identity]) -> None:
        step, one, two = pair
        claim(step_id=step, actor=actor(one), now=timezone.now())
        with pytest.raises(Conflict):
            release(step_id=step, actor=actor(two), now=timezone.now())
        release(step_id=step, actor=actor(one), now=timezone.now())
        assert ApprovalStep.objects.get(pk=step).claimed_until is None

    def test_is_for_those_who_are_asked(self, pair: tuple[UUID, Identity, Identity]) -> None:
        with pytest.raises(NotFound):
            claim(step_id=pair[0], actor=actor(person()), now=timezone.now())


class TestRemind:
    def test_tells_those_who_are_asked_now(self, org: Organisation) -> None:
        route = route_of(org)
        now = timezone.now() + REMINDER_TERM + MINUTE
        remind(route_id=route.pk, actor=actor(org.requester), now=now)
        told = Notification.objects.filter(once__startswith=f"reminded:{route.pk}")
        assert [one.recipient_id for one in told] == [org.manager.pk]

    def test_is_made_once_a_day(self, org: Organisation) -> None:
        route = route_of(org)
        by, now = actor(org.requester), timezone.now()
        with pytest.raises(Conflict, match="too soon"):
            remind(route_id=route.pk, actor=by, now=now)
        remind(route_id=route.pk, actor=by, now=now + REMINDER_TERM + MINUTE)
        with pytest.raises(Conflict, match="too soon"):
            remind(route_id=route.pk, actor=by, now=now + 2 * REMINDER_TERM)
        remind(route_id=route.pk, actor=by, now=now + 2 * REMINDER_TERM + 2 * MINUTE)

    def test_reaches_nobody_while_a_question_waits(self, org: Organisation) -> None:
        route = route_of(org)
        ask_back(route.steps.get(position=1).pk, org.manager)
        with pytest.raises(Conflict, match="a question waits"):
            remind(route_id=route.pk, actor=actor(org.requester), now=timezone.now() + 2 * REMINDER_TERM)

    def test_is_the_requesters(self, org: Organisation) -> None:
        route = route_of(org)
        with pytest.raises(Denied):
            remind(route_id=route.pk, actor=actor(org.manager), now=timezone.now() + 2 * REMINDER_TERM)
        with pytest.raises(Denied):
            remind(route_id=route.pk, actor=actor(person(), Role.AUDITOR), now=timezone.now())
        with pytest.raises(NotFound):
            remind(route_id=route.pk, actor=actor(org.stranger), now=timezone.now())


def route_of(org: Organisation) -> ApprovalRoute:
    return ApprovalRoute.objects.get(subject_id=org.submit().items.get().pk)


class TestEscalate:
    def test_brings_the_approvers_manager_in(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        assert escalate(step_id=step, now=timezone.now() + LATE)
        assert asked(step) == {"Manager", "Boss"}
        approve(step, org.boss)
        assert ApprovalStep.objects.get(pk=step).state == StepState.APPROVED

    def test_is_a_mark_on_an_open_step(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        now = timezone.now() + LATE
        escalate(step_id=step, now=now)
        row = ApprovalStep.objects.get(pk=step)
        assert (row.state, row.escalated_at) == (StepState.OPEN, now)
        assert "approval_step.escalated" in {event["action"] for event in events_of(step)}

    def test_asks_the_next_fallback_where_there_is_no_manager(self, org: Organisation) -> None:
        run("UPDATE governance_identity SET manager_id = NULL WHERE id = %s", org.manager.pk)
        step = step_ids(org.submit())[0]
        escalate(step_id=step, now=timezone.now() + LATE)
        assert asked(step) == {"Manager", "Gwen", "Gus"}

    def test_never_brings_in_a_party(self, org: Organisation) -> None:
        """The requester may well be the manager of who decides (rule 2)."""
        run("UPDATE governance_identity SET manager_id = %s WHERE id = %s", org.requester.pk, org.manager.pk)
        step = step_ids(org.submit())[0]
        escalate(step_id=step, now=timezone.now() + LATE)
        assert asked(step) == {"Manager", "Gwen", "Gus"}

    def test_brings_in_only_who_counts(self) -> None:
        """The managers of those asked would decide otherwise whom policy keeps out (rule 2)."""
        org = Organisation("manager")
        rule(steps=[{"kind": "entitlement_owner", "stage": 1, "counts": ["identity.department == 'Finance'"]}])
        run("UPDATE governance_identity SET department = 'Finance' WHERE id = %s", org.owner.pk)
        step = ApprovalStep.objects.get(pk__in=step_ids(org.submit()), kind="entitlement_owner").pk
        escalate(step_id=step, now=timezone.now() + LATE)
        assert "Boss" not in asked(step)
        run("UPDATE governance_identity SET department = 'Finance' WHERE id = %s", org.boss.pk)
        ask_again(step_id=step, now=timezone.now() + LATE)
        assert asked(step) == {"Owner", "Boss"}

    def test_comes_once_and_not_before_its_time(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        assert not escalate(step_id=step, now=timezone.now() + ESCALATION_TERM - MINUTE)
        assert escalate(step_id=step, now=timezone.now() + LATE)
        assert not escalate(step_id=step, now=timezone.now() + LATE)

    def test_waits_while_a_question_does(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        ask_back(step, org.manager)
        assert not escalate(step_id=step, now=timezone.now() + LATE)

    def test_asks_nobody_else_where_everyone_must_agree(self) -> None:
        org = Organisation("manager")
        rule(steps=[{"kind": "manager", "everyone": True}])
        step = step_ids(org.submit())[0]
        assert escalate(step_id=step, now=timezone.now() + LATE)
        assert asked(step) == {"Manager"}
        assert Notification.objects.filter(recipient=org.manager, once=f"escalated:{step}").exists()

    def test_is_found_by_the_sweep(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        step = step_ids(org.submit())[0]
        run("UPDATE governance_approvalstep SET escalates_at = now() WHERE id = %s", step)
        monkeypatch.setattr(tasks.escalate, "delay", tasks.escalate)
        tasks.escalate_due()
        assert asked(step) == {"Manager", "Boss"}


def thursday() -> datetime:
    """One that is to come, an hour before a day of `stated()` closes."""
    now = timezone.now().astimezone(UTC)
    day = now.date() + timedelta(days=7 + (3 - now.weekday()) % 7)
    return datetime.combine(day, time(16), UTC)


THURSDAY = thursday()
FRIDAY = (THURSDAY + timedelta(days=1)).date().isoformat()


def stated(**fields: object) -> CalendarDraft:
    values: dict[str, object] = {
        "name": "Head office",
        "zone": "UTC",
        "weekdays": (1, 2, 3, 4, 5),
        "opens_at": time(9),
        "closes_at": time(17),
        "holidays": {FRIDAY: "Bridge day"},
        "departments": (),
        "general": True,
    }
    return CalendarDraft(**{**values, **fields})  # type: ignore[arg-type]  # by the names of its fields


def enter(draft: CalendarDraft, calendar: Calendar | None = None) -> Calendar:
    by = actor(person(), Role.ADMINISTRATOR)
    return keep_calendar(calendar_id=calendar.pk if calendar else None, draft=draft, actor=by, now=timezone.now())


class TestACalendar:
    def test_counts_the_times_of_a_step(self, org: Organisation) -> None:
        enter(stated())
        step = ApprovalStep.objects.get(pk=step_ids(org.submit(now=THURSDAY))[0])
        assert step.escalates_at == THURSDAY + timedelta(days=5)
        assert step.due_at == THURSDAY + timedelta(days=8)

    def test_of_a_department_comes_before_the_general_one(self, org: Organisation) -> None:
        enter(stated())
        enter(stated(name="Shifts", weekdays=(1, 2, 3, 4, 5, 6, 7), holidays={}, departments=("Care",), general=False))
        run("UPDATE governance_identity SET department = 'Care' WHERE id = %s", org.manager.pk)
        step = ApprovalStep.objects.get(pk=step_ids(org.submit(now=THURSDAY))[0])
        assert step.escalates_at == THURSDAY + timedelta(days=2)

    def test_of_others_leaves_the_clock_alone(self, org: Organisation) -> None:
        enter(stated(departments=("Care",), general=False))
        step = ApprovalStep.objects.get(pk=step_ids(org.submit(now=THURSDAY))[0])
        assert step.due_at == THURSDAY + STEP_TERM

    def test_gives_back_the_working_time_that_was_left(self, org: Organisation) -> None:
        """A question over a weekend costs no more than the half hour of Thursday in which it was asked."""
        enter(stated())
        request = org.submit(now=THURSDAY)
        step = ApprovalStep.objects.get(pk=step_ids(request)[0])
        by, asked_at = actor(org.manager), THURSDAY + HOUR / 2
        decide(step_id=step.pk, verdict=Verdict.RETURN, reason="Why?", actor=by, now=asked_at)
        question, monday = Question.objects.get(), THURSDAY + timedelta(days=3, hours=17)
        answer(request_id=request.pk, question_id=question.pk, text="So.", actor=actor(org.requester), now=monday)
        row = ApprovalStep.objects.get(pk=step.pk)
        assert row.due_at == THURSDAY + timedelta(days=8) + HOUR / 2
        assert row.escalates_at == THURSDAY + timedelta(days=5) + HOUR / 2

    def test_changes_with_its_history(self) -> None:
        calendar = enter(stated())
        enter(stated(holidays={FRIDAY: "Bridge day", "2090-12-24": "Closed"}), calendar)
        calendar.refresh_from_db()
        assert sorted(calendar.holidays) == [FRIDAY, "2090-12-24"]
        assert [event["action"] for event in events_of(calendar.pk)] == ["calendar.created", "calendar.changed"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", " "),
            ("zone", "Mars/Olympus"),
            ("weekdays", ()),
            ("weekdays", (0, 1)),
            ("closes_at", time(9)),
            ("holidays", {"24.12.2027": "Closed"}),
            ("holidays", {"2027-12-24": " "}),
        ],
    )
    def test_that_makes_no_sense_is_refused(self, field: str, value: object) -> None:
        with pytest.raises(Invalid) as refused:
            enter(stated(**{field: value}))
        assert list(refused.value.fields) == [field]

    def test_is_for_somebody(self) -> None:
        with pytest.raises(Invalid) as refused:
            enter(stated(general=False))
        assert list(refused.value.fields) == ["departments"]

    def test_is_the_only_one_for_its_people(self) -> None:
        enter(stated(departments=("Care",)))
        with pytest.raises(Invalid) as refused:
            enter(stated(departments=("Care",)))
        assert set(refused.value.fields) == {"name", "general", "departments"}

    def test_is_entered_by_administrators(self) -> None:
        for by, error in ((actor(person(), Role.AUDITOR), Denied), (actor(person()), NotFound)):
            with pytest.raises(error):
                keep_calendar(calendar_id=None, draft=stated(), actor=by, now=timezone.now())
        assert not Calendar.objects.exists()

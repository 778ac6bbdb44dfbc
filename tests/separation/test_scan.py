"""The continuous scan: what it finds, when it says so, and that it costs what has changed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.access.models import Assignment, PresencePeriod
from governance.audit.models import AuditEvent
from governance.catalog.models import Entitlement
from governance.core.locking import try_turn, unit_of_work
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.separation import actions
from governance.separation.models import Mitigation, SeparationViolation
from governance.separation.moves import SCAN, Scanned
from governance.separation.states import MitigationState, ViolationState
from tests.apart import DAY, administrator, confers, drafted, hold, kept_apart, mitigated, retire, scan
from tests.builders import Organisation, account, entitlement, person, team
from tests.changing import bundle, propose, steps_of
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import approve

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    """A small company with security."""
    made = Organisation()
    team("security", person("Sam"))
    return made


def pair(org: Organisation) -> tuple[Entitlement, Entitlement]:
    return entitlement(org.system, org.owner, name="Order"), entitlement(org.system, org.owner, name="Pay")


def titles(who: Identity) -> list[str]:
    return list(Notification.objects.filter(recipient=who).order_by("created_at", "pk").values_list("title", flat=True))


class TestScan:
    def test_opens_what_it_finds_with_the_way_to_each_side(self, org: Organisation) -> None:
        order, pay = pair(org)
        lead = entitlement(org.system, org.owner)
        confers(lead, pay)
        rule = kept_apart(order, pay)
        hold(org.requester, order, lead)
        scan()
        found = SeparationViolation.objects.get()
        assert (found.rule, found.identity, found.state) == (rule, org.requester, ViolationState.OPEN)
        assert (found.left_path, found.right_path) == ([order.pk], [lead.pk, pay.pk])
        assert AuditEvent.objects.filter(action="separation_violation.open", subject_id=found.pk).count() == 1

    def test_opens_nothing_twice(self, org: Organisation) -> None:
        kept_apart(*pair(org))
        sides = Entitlement.objects.filter(name__in=["Order", "Pay"])
        hold(org.requester, *sides)
        scan()
        scan()
        assert SeparationViolation.objects.count() == 1
        assert AuditEvent.objects.filter(subject_kind="separation_violation").count() == 1

    def test_finds_what_is_seen_and_was_never_granted(self, org: Organisation) -> None:
        order, pay = pair(org)
        kept_apart(order, pay)
        for one in hold(org.requester, order, pay):
            Assignment.objects.filter(pk=one.pk).update(wanted=False)
            PresencePeriod.objects.create(assignment=one, starts_at=timezone.now())
        scan()
        assert SeparationViolation.objects.standing().count() == 1

    def test_counts_all_identities_of_a_human_as_one(self, org: Organisation) -> None:
        order, pay = pair(org)
        kept_apart(order, pay)
        twin = person("Again", human=org.requester.human)
        hold(org.requester, order)
        hold(twin, pay)
        scan()
        assert SeparationViolation.objects.get().holder == org.requester.human_id

    def test_resolves_what_is_gone(self, org: Organisation) -> None:
        order, pay = pair(org)
        kept_apart(order, pay)
        first, _ = hold(org.requester, order, pay)
        scan()
        Assignment.objects.filter(pk=first.pk).update(wanted=False)
        scan()
        found = SeparationViolation.objects.get()
        assert found.state == ViolationState.RESOLVED
        assert found.closed_at is not None

    def test_resolves_what_no_rule_keeps_apart_any_more(self, org: Organisation) -> None:
        order, pay = pair(org)
        rule = kept_apart(order, pay)
        hold(org.requester, order, pay)
        scan()
        retire(rule.versions.get(), actor=administrator(), why="Not ours", now=timezone.now())
        scan()
        assert SeparationViolation.objects.get().state == ViolationState.RESOLVED

    def test_resolves_what_nothing_confers_any_more(self, org: Organisation) -> None:
        order, pay = pair(org)
        lead = entitlement(org.system, org.owner)
        known = confers(lead, pay)
        kept_apart(order, pay)
        hold(org.requester, order, lead)
        scan()
        told: dict[str, Any] = {"actor": administrator(), "why": "Taken out", "now": timezone.now()}
        actions.end_inclusion(inclusion_id=known.pk, **told)
        scan()
        assert SeparationViolation.objects.get().state == ViolationState.RESOLVED

    def test_opens_another_when_it_comes_back(self, org: Organisation) -> None:
        order, pay = pair(org)
        kept_apart(order, pay)
        first, _ = hold(org.requester, order, pay)
        for wanted in (True, False, True):
            Assignment.objects.filter(pk=first.pk).update(wanted=wanted)
            scan()
        assert sorted(SeparationViolation.objects.values_list("state", flat=True)) == ["open", "resolved"]

    def test_says_how_both_are_held_when_that_changes(self, org: Organisation) -> None:
        order, pay = pair(org)
        kept_apart(order, pay)
        lead = entitlement(org.system, org.owner)
        confers(lead, pay)
        _, direct, _ = hold(org.requester, order, pay, lead)
        scan()
        Assignment.objects.filter(pk=direct.pk).update(wanted=False)
        scan()
        found = SeparationViolation.objects.get()
        assert found.right_path == [lead.pk, pay.pk]
        assert found.state == ViolationState.OPEN


@pytest.mark.django_db(transaction=True)
class TestTwoScansAtOnce:
    def test_leave_to_one_what_it_is_at(self) -> None:
        begun, over = Event(), Event()

        def one() -> bool:
            with unit_of_work():
                mine = try_turn(actions.SCANNING)
                begun.set()
                return mine and over.wait(30)

        def other() -> Scanned | None:
            begun.wait(30)
            found = actions.scan(now=timezone.now())
            over.set()
            return found

        assert at_once(one, other) == [True, None]
        assert actions.scan(now=timezone.now()) == Scanned(0, 0, 0, 0, 0)

    @rounds
    def test_open_each_violation_once(self, rounds: int) -> None:
        org = Organisation()
        kept_apart(*pair(org))
        for seed in seeds(rounds):
            hold(person(), *Entitlement.objects.filter(name__in=["Order", "Pay"]))
            _, refused = split(at_once(scan, scan, seed=seed))
            assert not refused
        assert SeparationViolation.objects.count() == rounds


class TestWaking:
    def test_follows_whatever_changes_what_is_kept_apart(
        self, org: Organisation, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        sent: list[str] = []
        monkeypatch.setattr("governance.core.wake.current_app.send_task", lambda task, **_: sent.append(task))

        def woken(act: Callable[[], Any]) -> Any:
            sent.clear()
            with django_capture_on_commit_callbacks(execute=True):
                done = act()
            assert sent.count(SCAN) == 1
            return done

        order, pay = pair(org)
        version = drafted(order, pay, owner=org.backup)
        (publish,) = steps_of(propose("separation_rule.publish", version, administrator()))
        woken(partial(approve, publish, org.backup))
        (retire_,) = steps_of(propose("separation_rule.retire", version, administrator()))
        woken(partial(approve, retire_, org.backup))
        made = woken(partial(confers, order, pay))
        told: dict[str, Any] = {"actor": administrator(), "why": "Taken out", "now": timezone.now()}
        woken(partial(actions.end_inclusion, inclusion_id=made.pk, **told))
        books = bundle(order, org.owner, org.requester)
        (edit,) = steps_of(propose("bundle.edit", books, org.requester, name="Books anew"))
        woken(partial(approve, edit, org.owner))
        (end,) = steps_of(propose("bundle.retire", books, org.requester, state="retired"))
        woken(partial(approve, end, org.owner))


class TestReview:
    def due(self, org: Organisation) -> Mitigation:
        return mitigated(kept_apart(*pair(org), owner=org.backup), org.requester)

    def remind(self, at: datetime) -> None:
        actions.remind_due(now=at)

    def told(self, found: Mitigation) -> list[str]:
        rows = Notification.objects.filter(subject_id=found.pk, title__contains="is due for review")
        return sorted(rows.values_list("recipient__name", flat=True))

    def test_is_told_once_when_it_is_due_to_those_who_answer_for_it(self, org: Organisation) -> None:
        found = self.due(org)
        self.remind(found.review_at - timedelta(microseconds=1))
        assert self.told(found) == []
        for _ in range(2):
            self.remind(found.review_at)
            assert self.told(found) == ["Backup", "Sam", "Watch"]

    def test_is_not_told_of_what_has_ended(self, org: Organisation) -> None:
        found = self.due(org)
        self.remind(found.ends_at)
        assert self.told(found) == []

    def test_is_told_of_the_one_that_takes_its_place(self, org: Organisation) -> None:
        first = self.due(org)
        self.remind(first.review_at)
        second = mitigated(first.rule, org.requester, now=first.review_at)
        self.remind(second.review_at)
        assert self.told(second) == ["Backup", "Sam", "Watch"]


class TestMitigations:
    def test_cover_what_they_are_for(self, org: Organisation) -> None:
        order, pay = pair(org)
        rule = kept_apart(order, pay)
        hold(org.requester, order, pay)
        scan()
        covers = mitigated(rule, org.requester)
        found = SeparationViolation.objects.get()
        assert (found.state, found.state_reason) == (ViolationState.MITIGATED, f"Mitigated by {covers}")

    def test_cover_it_as_it_is_found(self, org: Organisation) -> None:
        order, pay = pair(org)
        mitigated(kept_apart(order, pay), org.requester)
        hold(org.requester, order, pay)
        scan()
        assert SeparationViolation.objects.get().state == ViolationState.MITIGATED
        assert not Notification.objects.filter(subject_kind="separation_violation").exists()

    def test_bring_it_back_when_they_end(self, org: Organisation) -> None:
        order, pay = pair(org)
        rule = kept_apart(order, pay, owner=org.backup)
        hold(org.requester, order, pay)
        scan()
        end = timezone.now() + DAY
        mitigated(rule, org.requester, ends_at=end, review_at=end)
        scan(after=DAY / 2)
        assert SeparationViolation.objects.get().state == ViolationState.MITIGATED
        scan(after=DAY)
        assert SeparationViolation.objects.get().state == ViolationState.OPEN
        assert Mitigation.objects.get().state == MitigationState.ENDED
        assert titles(org.backup)[-1] == f"{org.requester} breaks {rule} again: the mitigation has ended"


class TestTelling:
    def test_reaches_the_rules_owner_and_security_once(self, org: Organisation) -> None:
        order, pay = pair(org)
        rule = kept_apart(order, pay, owner=org.backup)
        hold(org.requester, order, pay)
        scan()
        scan()
        told = f"{org.requester} breaks {rule}"
        assert titles(org.backup) == [told]
        assert titles(Identity.objects.get(name="Sam")) == [told]
        assert titles(org.requester) == []

    def test_says_together_what_one_scan_finds(self, org: Organisation) -> None:
        order, pay = pair(org)
        rule = kept_apart(order, pay, owner=org.backup)
        for _ in range(3):
            hold(person(), order, pay)
        scan()
        assert titles(org.backup) == [f"3 identities break {rule}"]


def crowd(org: Organisation, count: int, *what: Entitlement) -> None:
    """Access of many people, past history and events: the scan reads none of either."""
    template = account(person(), org.system)
    identity = template.identity
    assert identity is not None
    people = [
        Identity(
            kind="person",
            name=f"P{n}",
            state="active",
            source="crowd",
            external_key=f"{count}-{n}",
            human=identity.human,
        )
        for n in range(count)
    ]
    humans = type(identity.human)._base_manager.bulk_create(  # type: ignore[union-attr]
        [type(identity.human)(name=f"P{n}") for n in range(count)]  # type: ignore[misc]
    )
    for one, human in zip(people, humans, strict=True):
        one.human = human
    Identity._base_manager.bulk_create(people)
    accounts = [
        type(template)(
            system=org.system, native_id=one.external_key, login=one.name, identity=one, correlated_by="test"
        )
        for one in people
    ]
    type(template)._base_manager.bulk_create(accounts)
    Assignment._base_manager.bulk_create(
        [Assignment(account=one, entitlement=each, wanted=True) for one in accounts for each in what]
    )


class TestCost:
    def test_is_that_of_what_has_changed_and_not_of_what_is_held(self, org: Organisation) -> None:
        order, pay = pair(org)
        kept_apart(order, pay)
        assert self.taken(org, 5, order) == self.taken(org, 2000, order)
        assert SeparationViolation.objects.count() == 0

    def test_is_that_of_batches_where_much_has_changed(self, org: Organisation) -> None:
        order, pay = pair(org)
        kept_apart(order, pay)
        crowd(org, 400, order, pay)
        with CaptureQueriesContext(connection) as taken:
            scan()
        assert SeparationViolation.objects.count() == 400
        assert len(taken) < 30
        with CaptureQueriesContext(connection) as again:
            scan()
        assert len(again) < 15

    def taken(self, org: Organisation, count: int, *what: Entitlement) -> int:
        crowd(org, count, *what)
        with CaptureQueriesContext(connection) as taken:
            scan()
        return len(taken)


class TestPaths:
    def test_are_read_once_for_all(self, org: Organisation) -> None:
        order, pay = pair(org)
        lead = entitlement(org.system, org.owner)
        confers(lead, pay)
        kept_apart(order, pay)
        crowd(org, 20, order, lead)
        scan()
        ways: set[tuple[UUID, ...]] = {tuple(path) for (path,) in SeparationViolation.objects.values_list("right_path")}
        assert ways == {(lead.pk, pay.pk)}

"""Sweeps over many leases: a bounded number of statements, and no lease that stops the others."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.access.models import Assignment
from governance.core.locking import locked_all, unit_of_work
from governance.grants import moves, tasks
from governance.grants.actions import EXPIRY, expire_due, remind_due
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.notifications.models import Notification
from governance.provisioning.models import ManualTask, ProvisioningTask
from governance.provisioning.states import ManualState, Operation
from tests.builders import Organisation, purpose
from tests.core.log import columns_of, events_of, versions_of
from tests.grants.many import beside, many_started
from tests.handwork import worked_by_hand
from tests.leases import backed, fresh, granted, newcomer, started, work

pytestmark = pytest.mark.django_db

MOST = 24


def statements(act: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len([query for query in captured if "SAVEPOINT" not in query["sql"]])


def _rows(grant: Grant) -> list[Any]:
    assignment = Assignment.objects.with_names().get(grants=grant)
    return [fresh(grant), assignment, *ProvisioningTask.objects.open().filter(assignment=assignment)]


def _own(row: Any) -> list[Any]:
    """What each row has of its own, and another of the same life has not."""
    named = {"number", "login", "native_id"}
    values = columns_of(row)
    return [*(value for value in values.values() if isinstance(value, UUID)), str(row), *map(values.get, named)]


def _left(row: Any, now: datetime) -> dict[str, Any]:
    """The row, with its versions and events of the moment; those of new tasks are told together."""
    if isinstance(row, ProvisioningTask):
        return {"columns": columns_of(row)}
    versions = [version for version in versions_of(row) if version["history_date"] == now]
    events = [event for event in events_of(row.pk) if event["at"] == now]
    return {"columns": columns_of(row), "versions": versions, "events": events}


def _anonymous(found: dict[str, Any], own: set[str]) -> dict[str, Any]:
    text = repr(found)
    for value in sorted(own - {"None"}, key=len, reverse=True):
        text = text.replace(value, "…")
    return {"text": text}


def _end_by_hand_and_sweep(grant: Grant) -> None:
    """End one lease by itself, and all that is due with it by the sweep."""
    by: dict[str, Any] = {"actor": EXPIRY, "why": "The lease came to its end", "now": grant.ends_at}
    with unit_of_work():
        held = locked_all(Assignment.objects.with_names().filter(grants=grant))
        moves.end(locked_all(Grant.objects.filter(pk=grant.pk)), held, **by)
    expire_due(now=grant.ends_at)


def _assert_alike(one: Grant, other: Grant, *besides: Grant) -> None:
    own = {str(value) for row in (*_rows(one), *_rows(other), *besides) for value in _own(row)}
    for pair in zip(_rows(one), _rows(other), strict=True):
        left, right = (_anonymous(_left(row, one.ends_at), own) for row in pair)
        assert left == right


class TestExpireDue:
    @pytest.mark.parametrize("count", [2, 500])
    def test_takes_as_many_statements_for_five_hundred_leases_as_for_two(self, count: int) -> None:
        grants = many_started(Organisation(), count)
        now = grants[0].ends_at
        taken = statements(lambda: expire_due(now=now, limit=500))
        assert Grant.objects.filter(state=GrantState.REVOKING).count() == count
        assert ProvisioningTask.objects.open().filter(operation=Operation.REVOKE, generation=2).count() == count
        assert not Assignment.objects.filter(wanted=True).exists()
        assert taken <= MOST

    def test_leaves_what_one_at_a_time_leaves(self) -> None:
        org = Organisation()
        alone, together = started(org), many_started(org, 3)
        expire_due(now=max(alone.ends_at, *(grant.ends_at for grant in together)))
        for grant in together:
            assert [e["action"] for e in events_of(grant.pk)][-1] == [e["action"] for e in events_of(alone.pk)][-1]
            assert len(versions_of(grant)) >= 2
            assert events_of(grant.assignment_id)[-1]["action"] == "assignment.unwanted"  # type: ignore[arg-type]
            task = ProvisioningTask.objects.open().get(assignment=grant.assignment_id)
            assert columns_of(task)["state"] == "queued"

    def test_records_all_removals_by_one_event_that_can_be_held_against_their_rows(self) -> None:
        grants = many_started(Organisation(), 3)
        expire_due(now=grants[0].ends_at)
        tasks = ProvisioningTask.objects.filter(operation=Operation.REVOKE).order_by("pk")
        lines = [rfc8785.dumps({"id": str(task.pk), **task.facts()}).decode() for task in tasks]
        ids = [str(task.pk) for task in tasks]
        (event,) = [event for pk in ids for event in events_of(UUID(pk))]
        assert event["action"] == "provisioning_task.queued"
        assert event["content"]["subject"] == {"id": ids[0], "kind": "provisioning_task", "label": "3 rows"}
        assert event["content"]["facts"] == {
            "count": 3,
            "first": ids[0],
            "last": ids[-1],
            "operation": "revoke",
            "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        }

    def test_leaves_the_same_rows_history_and_events_as_an_end_by_hand(self) -> None:
        by_hand, by_sweep = many_started(Organisation(), 2)
        _end_by_hand_and_sweep(by_hand)
        assert len(_rows(by_sweep)) == 3
        _assert_alike(by_hand, by_sweep)

    def test_leaves_the_same_where_another_lease_supports_the_access(self) -> None:
        org = Organisation()
        _, by_hand, by_sweep = many_started(org, 3)
        others = [beside(by_hand, org), beside(by_sweep, org)]
        _end_by_hand_and_sweep(by_hand)
        assert fresh(by_sweep).state == GrantState.REVOKED
        _assert_alike(by_hand, by_sweep, *others)

    def test_names_every_lease_that_supports_the_access(self) -> None:
        org = Organisation()
        grant = many_started(org, 1)[0]
        others = [beside(grant, org) for _ in range(11)]
        expire_due(now=grant.ends_at)
        assert fresh(grant).state_reason == f"The access stands on {', '.join(map(str, others))}"

    def test_closes_what_people_were_asked_for(self) -> None:
        org = Organisation()
        backed(org.system, org.backup)
        worked_by_hand(org.system)
        grant = started(org)
        work()
        manual = ManualTask.objects.waiting().get()
        expire_due(now=grant.ends_at)
        manual.refresh_from_db()
        assert manual.state == ManualState.CLOSED

    def test_lets_access_stand_that_another_lease_supports(self) -> None:
        org = Organisation()
        newcomer(org)
        short = started(org)
        other = started(org, why=purpose(org.owner, org.entitlement), term=timedelta(days=2))
        expire_due(now=short.ends_at)
        assert fresh(short).state == GrantState.REVOKED
        assert fresh(short).state_reason == f"The access stands on {other}"
        assert Assignment.objects.get(grants=short).wanted

    def test_takes_no_more_assignments_than_its_limit(self) -> None:
        grants = many_started(Organisation(), 5)
        assert expire_due(now=grants[0].ends_at, limit=2) == 2
        assert expire_due(now=grants[0].ends_at, limit=5) == 3
        assert expire_due(now=grants[0].ends_at) == 0


class TestExpire:
    def test_goes_on_until_nothing_is_due(self, monkeypatch: pytest.MonkeyPatch) -> None:
        grants = many_started(Organisation(), 5)
        monkeypatch.setattr(tasks, "FOUND_AT_ONCE", 3)
        monkeypatch.setattr(tasks, "ENDED_AT_ONCE", 2)
        monkeypatch.setattr(timezone, "now", lambda: grants[0].ends_at)
        tasks.expire()
        assert not Grant.objects.filter(state=GrantState.PROVISIONING).exists()

    def test_is_stopped_by_no_lease_that_cannot_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        grants = many_started(Organisation(), 3)
        stuck = grants[0].assignment_id
        real = moves.end_due

        def end_due(held: list[UUID], **named: Any) -> int:
            if stuck in held:
                raise RuntimeError
            return real(held, **named)

        monkeypatch.setattr(moves, "end_due", end_due)
        monkeypatch.setattr(timezone, "now", lambda: grants[0].ends_at)
        tasks.expire()
        assert [fresh(grant).state for grant in grants] == ["provisioning", "revoking", "revoking"]


class TestRemindDue:
    def test_reaches_everybody_however_little_it_takes_at_a_time(self) -> None:
        grants = many_started(Organisation(), 5, term=timedelta(days=3))
        now = grants[0].ends_at - timedelta(hours=1)
        for _ in range(5):
            remind_due(now=now, limit=1)
        assert set(Notification.objects.filter(subject_kind="grant").values_list("subject_id", flat=True)) == {
            grant.pk for grant in grants
        }

    def test_says_it_once(self) -> None:
        grant = many_started(Organisation(), 1, term=timedelta(days=3))[0]
        for hours in (20, 10, 1):
            remind_due(now=grant.ends_at - timedelta(hours=hours))
        assert Notification.objects.filter(subject_id=grant.pk).count() == 2

    def test_leaves_short_leases_alone(self) -> None:
        grant = many_started(Organisation(), 1, term=timedelta(minutes=20))[0]
        remind_due(now=grant.ends_at - timedelta(minutes=5))
        assert not Notification.objects.filter(subject_id=grant.pk).exists()


class TestActivateDue:
    def test_is_stopped_by_no_lease_that_cannot_begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        org = Organisation()
        first = granted(org)
        newcomer(org)
        second = granted(org)
        real = tasks.activate

        def worker(grant_id: str) -> None:
            if grant_id != str(first.pk):
                real(grant_id)

        monkeypatch.setattr(tasks.activate, "delay", worker)
        tasks.activate_due()
        assert fresh(first).state == GrantState.APPROVED
        assert fresh(second).state == GrantState.PROVISIONING

    def test_waits_for_the_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sent: list[str] = []
        monkeypatch.setattr(tasks.activate, "delay", sent.append)
        grant = granted(Organisation())
        tasks.activate_due()
        assert sent == [str(grant.pk)]
        Grant.objects.filter(pk=grant.pk).update(starts_at=grant.ends_at - (grant.ends_at - timezone.now()) / 2)
        tasks.activate_due()
        assert len(sent) == 1

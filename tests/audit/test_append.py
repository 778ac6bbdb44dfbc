import hashlib
from collections.abc import Callable

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from governance.audit import moves
from governance.audit.models import AuditBody, AuditEvent
from governance.core import events
from governance.core.actor import Actor
from tests.audit.builders import NOW, an_event, append, append_many


@pytest.mark.django_db
class TestAppend:
    def test_keeps_line_hash_and_columns(self) -> None:
        (event,) = append(an_event(actor=Actor.system("expiry"), reason="its time was up"))
        assert event.content is not None
        assert (event.content["reason"], event.content["subject"]["label"]) == ("its time was up", "T-1")
        assert (event.action, event.actor_kind, event.actor_id) == ("thing.made", "system", None)
        assert bytes(event.leaf_hash) == hashlib.sha256(b"\0" + event.body.line.encode()).digest()

    def test_keeps_the_order_of_events(self) -> None:
        events = append_many(20)
        assert [event.content["facts"]["number"] for event in events if event.content] == list(range(20))

    @pytest.mark.parametrize("count", [1, 100])
    def test_is_one_statement(self, count: int) -> None:
        with (
            CaptureQueriesContext(
                connection,
            ) as sent,
            transaction.atomic(),
        ):
            moves.append([an_event(n) for n in range(count)])
        assert len([q for q in sent if "SAVEPOINT" not in q["sql"]]) == 1

    def test_of_nothing_sends_nothing(self) -> None:
        with CaptureQueriesContext(connection) as sent:
            moves.append([])
        assert len(sent) == 0

    def test_refuses_a_character_that_postgresql_cannot_hold(self) -> None:
        with pytest.raises(DataError), transaction.atomic():
            moves.append([an_event(reason="nul \0 here")])

    def test_is_what_the_core_records_through(self) -> None:
        with transaction.atomic():
            events.record([an_event()])
        assert AuditEvent.objects.count() == AuditBody.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestTogetherWithTheAct:
    def test_is_refused_outside_a_transaction(self) -> None:
        with pytest.raises(moves.NoTransaction):
            moves.append([an_event()])

    def test_goes_when_the_act_is_rolled_back(self) -> None:
        def act() -> None:
            with transaction.atomic():
                moves.append([an_event()])
                raise ZeroDivisionError

        _fails(act)
        assert not AuditEvent.objects.exists()
        assert not AuditBody.objects.exists()


def _fails(act: Callable[[], None]) -> None:
    with pytest.raises(ZeroDivisionError):
        act()


@pytest.mark.django_db
class TestPartitions:
    def test_an_event_lies_in_its_month(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_ensure_partitions(%s, 0)", [NOW])
        append(an_event())
        assert _partitions() == [f"audit_event_{NOW:%Y_%m}"]

    def test_an_event_of_any_time_finds_a_place(self) -> None:
        append(an_event(at=NOW.replace(year=1999)), an_event(at=NOW.replace(year=2199)))
        assert _partitions() == ["audit_event_default", "audit_event_default"]

    def test_missing_months_are_made_once(self) -> None:
        with connection.cursor() as cursor:
            made = []
            for _ in range(2):
                cursor.execute("SELECT audit_ensure_partitions(%s, 3)", [NOW.replace(year=2031)])
                made.append(cursor.fetchone()[0])
        assert made == [4, 0]
        append(an_event(at=NOW.replace(year=2031, month=12, day=31)))
        assert _partitions() == ["audit_event_2031_12"]

    def test_a_month_with_rows_in_the_default_partition_is_left_there(self) -> None:
        append(an_event(at=NOW.replace(year=2032)))
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_ensure_partitions(%s, 1)", [NOW.replace(year=2032)])
            assert cursor.fetchone()[0] == 1


def _partitions() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_event ORDER BY sequence")
        return [row[0] for row in cursor.fetchall()]

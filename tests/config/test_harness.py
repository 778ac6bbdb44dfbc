"""The test harness, where a fault would let other tests pass or fail for no reason."""

from threading import Event, Thread

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction

from tests.harness.processes import wait_until


def _rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
class TestReset:
    @pytest.mark.parametrize("attempt", [1, 2])
    def test_takes_away_what_a_test_has_committed(self, attempt: int) -> None:
        assert _rows("django_session") == 0
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO django_session VALUES ('key', '', now())")

    @pytest.mark.parametrize("attempt", [1, 2])
    def test_brings_back_what_migrations_have_put_there(self, attempt: int) -> None:
        assert Permission.objects.exists()
        Permission.objects.all().delete()

    def test_lets_nobody_write_what_follows_from_rows_that_are_gone(self) -> None:
        _put("old")
        looked, go_on = Event(), Event()
        worker = Thread(target=_copies_what_it_has_seen, args=(looked, go_on))
        reset = Thread(target=_resets)
        worker.start()
        assert looked.wait(10)
        reset.start()
        assert wait_until(lambda: not reset.is_alive() or _somebody_waits(), seconds=10)
        go_on.set()
        for thread in (worker, reset):
            thread.join()
        assert _rows("django_session") == 0


def _put(key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_session VALUES (%s, '', now())", [key])


def _copies_what_it_has_seen(looked: Event, go_on: Event) -> None:
    """A worker that straddles the reset: it reads before and writes after."""
    with transaction.atomic():
        seen = _rows("django_session")
        looked.set()
        go_on.wait(10)
        for number in range(seen):
            _put(f"copy {number}")
    connection.close()


def _resets() -> None:
    connection.ops.execute_sql_flush([])
    connection.close()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])

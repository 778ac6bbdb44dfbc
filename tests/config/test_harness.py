"""The test harness, where a fault would let other tests pass or fail for no reason."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection


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

import pytest
from django.db import connection

from config.celery import TIMETABLE, app
from governance.audit import queries, tasks
from tests.audit.builders import append_many

NAMES = {"audit.seal", "audit.check", "audit.ensure_partitions"}


def test_each_has_its_name_and_its_time() -> None:
    app.loader.import_default_modules()
    assert set(app.tasks) >= NAMES
    assert {line.task for line in TIMETABLE} >= NAMES


@pytest.mark.django_db(transaction=True)
class TestTheTasks:
    def test_seal_and_check_what_was_appended(self) -> None:
        append_many(3)
        tasks.seal()
        tasks.check()
        seal = queries.latest_checkpoint()
        assert seal is not None
        assert (seal.size, seal.ok) == (3, True)

    def test_may_run_twice(self) -> None:
        append_many(3)
        for task in (tasks.seal, tasks.check, tasks.ensure_partitions) * 2:
            task()
        seal = queries.latest_checkpoint()
        assert seal is not None
        assert seal.ok

    def test_make_room_for_the_months_ahead(self) -> None:
        tasks.ensure_partitions()
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_char(now() + interval '2 months', '\"audit_event_\"YYYY\"_\"MM')")
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [cursor.fetchone()[0]])
            assert cursor.fetchone()[0]

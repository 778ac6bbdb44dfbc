from collections.abc import Iterator

import pytest
from django.db import connection

from governance.core import locking
from tests.core.things import TABLES, Shelf, a_shelf


@pytest.fixture(scope="session")
def _tables(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    with django_db_blocker.unblock(), connection.schema_editor() as editor:  # type: ignore[attr-defined]
        for model in TABLES:
            editor.create_model(model)
    yield
    with django_db_blocker.unblock(), connection.schema_editor() as editor:  # type: ignore[attr-defined]
        for model in reversed(TABLES):
            editor.delete_model(model)


@pytest.fixture
def things(_tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables for the models of tests.core.things, and a place for them in the order of locks."""
    monkeypatch.setattr(locking, "LOCK_ORDER", (*locking.LOCK_ORDER, "shelf", "thing"))


@pytest.fixture
def shelf(things: None, db: None) -> Shelf:

    return a_shelf()


@pytest.fixture
def emptied(things: None, transactional_db: None) -> Iterator[None]:
    """For tests whose transactions commit: the tables of things are emptied afterwards."""
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in TABLES)}")

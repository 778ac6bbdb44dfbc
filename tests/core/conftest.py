"""Models can be imported only once Django is set up, which is after pytest has read this file."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.db import connection


def _things() -> Any:
    return import_module("tests.core.things")


@pytest.fixture(scope="session")
def _tables(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        for model in _things().TABLES:
            editor.create_model(model)
    yield
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        for model in reversed(_things().TABLES):
            editor.delete_model(model)


@pytest.fixture
def things(_tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables for the models of tests.core.things, and a place for them in the order of locks."""
    locking = import_module("governance.core.locking")
    monkeypatch.setattr(locking, "LOCK_ORDER", (*locking.LOCK_ORDER, "shelf", "thing"))


@pytest.fixture
def shelf(things: None, db: None) -> Any:
    return _things().a_shelf()


@pytest.fixture
def emptied(things: None, transactional_db: None) -> Iterator[None]:
    """For tests whose transactions commit: the tables of things are emptied afterwards."""
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in _things().TABLES)}")

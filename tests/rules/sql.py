"""The database asked past the product, as somebody with a SQL prompt would."""

from collections.abc import Mapping
from itertools import count
from typing import Any
from uuid import uuid4

from django.db import connection, transaction

from governance.grants.models import Grant

_numbers = count(1_000_000)


def run(statement: str, *values: Any) -> int:
    """Run one statement, with what is checked when a transaction commits; answers how many rows it met."""
    commit_so_far()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        met: int = cursor.rowcount
        commit_so_far()
        return met


def commit_so_far() -> None:
    """Check now what else would be checked at the end."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def columns(grant: Grant, **changes: Any) -> dict[str, Any]:
    """The columns of a copy of the grant, with the changes."""
    values = Grant.objects.filter(pk=grant.pk).values().get()
    return {**values, "id": uuid4(), "number": next(_numbers), **changes}


def insert(values: Mapping[str, Any]) -> None:
    """Insert a grant."""
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    run(f"INSERT INTO governance_grant ({names}) VALUES ({places})", *values.values())

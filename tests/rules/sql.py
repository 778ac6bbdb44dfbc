"""The database asked past the product, as somebody with a SQL prompt would."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.db import connection, transaction

from governance.grants.models import Grant


def run(statement: str, *values: Any) -> int:
    """Run one statement in a transaction of its own; answers how many rows it met."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def columns(grant: Grant, **changes: Any) -> dict[str, Any]:
    """The columns of a copy of the grant, with the changes."""
    values: dict[str, Any] = Grant.objects.filter(pk=grant.pk).values().get()
    return {**values, "id": uuid4(), "number": values["number"] + 1_000_000, **changes}


def insert(values: Mapping[str, Any]) -> None:
    """Insert a grant."""
    names, places = ", ".join(values), ", ".join(["%s"] * len(values))
    run(f"INSERT INTO governance_grant ({names}) VALUES ({places})", *values.values())

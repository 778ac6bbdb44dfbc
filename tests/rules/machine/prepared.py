"""Statements that are asked after every step: the database plans each once."""

from dataclasses import dataclass
from typing import Any

from django.db import connection

_planned: dict[str, Any] = {}
"""The connection that knows each statement by its name."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement with one parameter, `$1`, of the type."""

    name: str
    sql: str
    type: str = "timestamptz"

    def rows(self, value: Any) -> list[Any]:
        """What it answers."""
        with connection.cursor() as cursor:
            if _planned.get(self.name) is not connection.connection:
                cursor.execute(f"PREPARE {self.name} ({self.type}) AS {self.sql}")
                _planned[self.name] = connection.connection
            cursor.execute(f"EXECUTE {self.name} (%s)", [value])
            return list(cursor.fetchall())

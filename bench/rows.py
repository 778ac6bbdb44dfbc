"""Rows of one flow as a pattern, and the bare SQL that writes the same for somebody else."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import Model

from governance.access.models import Account
from governance.identities.models import Identity

HOLDER, ACCOUNT = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
"""In a pattern these stand for the person and their account."""

FIRST_NUMBER = 10**12
"""Numbers that people read begin here for copies, far above all others."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one transaction writes: rows that it inserts, and rows of earlier ones that it changes."""

    inserted: Sequence[Model]
    changed: Sequence[Model]


def template(stages: Sequence[Stage], holder: Identity) -> dict[str, Any]:
    """The pattern: for each stage the table and the JSON of each new row, and the table and id of each changed one."""
    account = Account.objects.get(identity=holder, system__key="request-flow")
    names = {str(holder.pk): HOLDER, str(account.pk): ACCOUNT}
    ids = [str(row.pk) for stage in stages for row in stage.inserted]
    tokens = [str(row.form_token) for stage in stages for row in stage.inserted if hasattr(row, "form_token")]
    told = [
        {
            "inserted": [[_table(row), _renamed(_read(row), names)] for row in stage.inserted],
            "changed": [[_table(row), str(row.pk)] for row in stage.changed],
        }
        for stage in stages
    ]
    return {"ids": [*ids, *tokens], "stages": told}


def copier(pattern: dict[str, Any]) -> Callable[[Identity], None]:
    """What writes the pattern's rows for a person, a transaction for each stage."""
    accounts = dict(Account.objects.filter(system__key="request-flow").values_list("identity", "pk"))

    def write(person: Identity) -> None:
        names = {one: str(uuid4()) for one in pattern["ids"]}
        names |= {HOLDER: str(person.pk), ACCOUNT: str(accounts[person.pk])}
        for stage in pattern["stages"]:
            with transaction.atomic(), connection.cursor() as cursor:
                for table, row in stage["inserted"]:
                    cursor.execute(
                        f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, %s)",
                        [_numbered(_renamed(row, names))],
                    )
                for table, pk in stage["changed"]:
                    cursor.execute(f"UPDATE {table} SET id = id WHERE id = %s", [names[pk]])

    return write


def _table(row: Model) -> str:
    return row._meta.db_table


def _read(row: Model) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(r)::text FROM {_table(row)} AS r WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


def _renamed(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def _numbered(text: str) -> str:
    """The same with a number nobody has, where it has one."""
    row = json.loads(text)
    if "number" in row and row["number"] > 1:
        row["number"] = FIRST_NUMBER + uuid4().int % FIRST_NUMBER
    return json.dumps(row)

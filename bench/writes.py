"""What somebody's flow has written, statement by statement, and the bare SQL that writes the same for somebody else."""

import re
from collections.abc import Callable, Sequence
from time import time
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection, transaction

from governance.core.ids import new_id
from governance.identities.models import Identity

WRITES = ("INSERT", "UPDATE", "SELECT audit_append")
ID = re.compile(r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b")


class Recorder:
    """Keeps the writing statements of what is done, each transaction's by themselves."""

    def __init__(self) -> None:
        self.transactions: list[list[str]] = []
        self._open: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's hook
        """Django's hook around each query."""
        if sql.startswith(WRITES):
            if not self._open:
                transaction.on_commit(self._close)
            self._open += [_whole(sql, one) for one in (params if many else [params])]
        return execute(sql, params, many, context)

    def _close(self) -> None:
        self.transactions.append(self._open)
        self._open = []


def _whole(sql: str, params: Sequence[Any] | None) -> str:
    """The statement with its values. Numbers that people read are no values: the database counts them."""
    return psycopg.ClientCursor(connection.connection).mogrify(sql, params)


def pattern(act: Callable[[], Any], holder: Identity, theirs: Sequence[UUID]) -> dict[str, Any]:
    """What the act writes for the holder, and which ids of it are new or `theirs`."""
    recorder, began = Recorder(), int(1000 * time())
    with connection.execute_wrapper(recorder):
        act()
    found = {UUID(one) for kept in recorder.transactions for text in kept for one in ID.findall(text)}
    new = [one for one in found if one.version == 7 and one.int >> 80 >= began]  # noqa: PLR2004 - RFC 9562: milliseconds come first
    return {
        "theirs": [str(one) for one in (holder.pk, *theirs)],
        "new": [str(one) for one in new],
        "transactions": recorder.transactions,
    }


def copier(of: dict[str, Any], theirs: Callable[[Identity], Sequence[UUID]]) -> Callable[[Identity], None]:
    """What writes the same for a person, with ids of `theirs` in the place of the holder's, in as many transactions."""
    new, held = ([UUID(one) for one in of[kind]] for kind in ("new", "theirs"))

    def write(person: Identity) -> None:
        names = {one: new_id() for one in new} | dict(zip(held, [person.pk, *theirs(person)], strict=True))

        def renamed(found: re.Match[str]) -> str:
            return str(names.get(UUID(found[0]), found[0]))

        for statements in of["transactions"]:
            with transaction.atomic(), connection.cursor() as cursor:
                for text in statements:
                    cursor.execute(ID.sub(renamed, text))

    return write

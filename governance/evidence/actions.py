"""What leaves the portal as a file, and the record that it did (rule 14)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from governance.core.actor import Actor
from governance.core.events import Event, record
from governance.core.ids import new_id
from governance.core.locking import unit_of_work
from governance.core.moves import plain
from governance.core.paging import Keyset
from governance.evidence.columns import Table
from governance.evidence.queries import chain_of_grant
from governance.evidence.rules import BROKEN_OFF, Form, written
from governance.evidence.tables import CHAINS, Custody
from governance.grants.models import Grant

NOUN: Final = "export"
BY_NUMBER: Final = Keyset(("number",), descending=False)
GRANTS_AT_A_TIME: Final = 20

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Asked:
    """An export that somebody asks for: in what form, of what the filters leave, and by which clock it ends."""

    form: Form
    filters: Mapping[str, str]
    actor: Actor
    clock: Clock


def export_list(table: Table, rows: "QuerySet[Any]", keyset: Keyset, asked: Asked) -> Iterator[bytes]:
    """The file of a list, made while it is read, so many rows at a time.

    `rows` are what the actor may see. That the export has begun is recorded before anything leaves, and at its end how
    many rows have left, also if the reader went away.
    """
    return _export(table, (row for chunk in keyset.walk(rows) for row in chunk), asked)


def export_chains(grants: "QuerySet[Grant]", asked: Asked) -> Iterator[bytes]:
    """The file of the chains of custody of grants that the actor may see, grant by grant, oldest first."""
    leases = (grant for chunk in BY_NUMBER.walk(grants, GRANTS_AT_A_TIME) for grant in chunk)
    return _export(CHAINS, (Custody(grant, one) for grant in leases for one in chain_of_grant(grant).entries), asked)


def export_rows(table: Table, rows: Iterable[Any], asked: Asked) -> Iterator[bytes]:
    """The file of rows that are at hand, such as figures; recorded as the file of a list is."""
    return _export(table, rows, asked)


def _export(table: Table, rows: Iterable[Any], asked: Asked) -> Iterator[bytes]:
    export_id = new_id()
    _record(export_id, "begun", table, asked, {})
    file = _recorded(export_id, table, rows, asked)
    next(file)  # has begun, so that its end is recorded however it comes, also when nobody reads a byte
    return file


def _recorded(export_id: UUID, table: Table, rows: Iterable[Any], asked: Asked) -> Iterator[bytes]:
    told, whole = _Counted(table, rows), False
    try:
        yield b""
        yield from written(asked.form, list(table.headings), told)
        whole = True
    except Exception:
        yield BROKEN_OFF  # to HTTP the file would end as a whole one does
        raise
    finally:
        _record(export_id, "ended", table, asked, {"rows": told.count, "whole": whole})


class _Counted:
    """The values of rows, counted as they leave."""

    def __init__(self, table: Table, rows: Iterable[Any]) -> None:
        self.count = 0
        self._table, self._rows = table, rows

    def __iter__(self) -> Iterator[list[Any]]:
        for row in self._rows:
            self.count += 1
            yield [plain(value) for value in self._table.values(row)]


@unit_of_work()
def _record(export_id: UUID, verb: str, table: Table, asked: Asked, facts: Mapping[str, Any]) -> None:
    label = f"{table.name}.{asked.form}"
    said = {"list": table.name, "form": str(asked.form), "filters": dict(asked.filters), **facts}
    why = f"{table.name} as {asked.form.label}"
    record([Event(f"{NOUN}.{verb}", asked.actor, NOUN, export_id, label, why, asked.clock(), said)])

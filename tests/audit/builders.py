"""Events, appended and sealed as the product does it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from governance.audit import actions, moves
from governance.audit.models import AuditEvent
from governance.core.actor import Actor, ActorKind, Role
from governance.core.events import Event

NOW = datetime(2026, 11, 21, 10, 0, 0, 1, tzinfo=UTC)
SUBJECT = UUID(int=7)


def an_actor(*roles: Role, label: str = "Grace Hopper") -> Actor:
    return Actor(
        kind=ActorKind.HUMAN, label=label, identity_id=UUID(int=5), roles=frozenset(roles), assurance=2, proven_at=NOW
    )


def an_event(number: int = 1, **values: Any) -> Event:
    given: dict[str, Any] = {
        "action": "thing.made",
        "actor": an_actor(),
        "subject_kind": "thing",
        "subject_id": SUBJECT,
        "subject_label": f"T-{number}",
        "reason": f"because of {number}",
        "at": NOW + timedelta(seconds=number),
        "facts": {"number": number},
    }
    return Event(**{**given, **values})


def append(*events: Event) -> list[AuditEvent]:
    with transaction.atomic():
        moves.append(events)
    found = AuditEvent.objects.order_by("-sequence").select_related("body")[: len(events)]
    return list(reversed(found))


def append_many(count: int, start: int = 0) -> list[AuditEvent]:
    return append(*(an_event(n) for n in range(start, start + count)))


def a_sealed_log(*sizes: int) -> None:
    """A log with a checkpoint after each of the sizes."""
    done = 0
    for size in sizes:
        append_many(size - done, start=done)
        assert actions.seal(now=NOW) == size - done
        done = size


def as_superuser(sql: str, *parameters: Any) -> int:
    """Change rows as somebody could who stands above every trigger; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)

"""Appending to the log, and taking a body out of it. Nothing else is ever done to it."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from governance.audit.line import line_of, new_salt
from governance.audit.models import AuditBody, AuditEvent
from governance.core.actor import Actor
from governance.core.errors import Conflict
from governance.core.events import Event
from governance.core.ids import new_id

NOUN = "audit_event"


class NoTransaction(RuntimeError):
    """An event was about to be recorded apart from its act."""


def append(events: Sequence[Event]) -> None:
    """Append the events, in their order, with one statement. Raises NoTransaction outside a transaction."""
    if not connection.in_atomic_block:
        msg = "an audit event commits together with its act: open a transaction first"
        raise NoTransaction(msg)
    if not events:
        return
    lines = [line_of(event, event_id=new_id(), salt=new_salt()) for event in events]
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_append(%s::text[])", [lines])


def redact(event: AuditEvent, *, actor: Actor, why: str, now: datetime) -> None:
    """Remove the event's body for good; event and hash stay, and the proof with them. Raises Conflict when it is gone.

    The redaction is recorded first: the database removes a body only in a transaction that has recorded it.
    """
    facts = {"sequence": event.sequence, "leaf_hash": bytes(event.leaf_hash).hex()}
    append([Event(f"{NOUN}.redacted", actor, NOUN, event.id, str(event), why, now, facts)])
    removed, _ = AuditBody.objects.filter(pk=event.sequence).delete()
    if not removed:
        msg = "The body of this event has already been redacted."
        raise Conflict(msg)

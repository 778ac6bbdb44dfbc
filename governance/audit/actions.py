"""What people and workers ask of the log."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from governance.audit import checking, moves, permissions, sealing
from governance.audit.models import AuditCheck
from governance.core import stepup
from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.core.locking import unit_of_work
from governance.core.stepup import Sensitive

MONTHS_AHEAD = 2


@unit_of_work()
def redact(*, event_id: UUID, actor: Actor, reason: str, now: datetime) -> None:
    """Remove what an event says, for good, and record that. Raises NotFound, Denied, StepUpRequired, Invalid.

    Raises Conflict once it has been redacted.
    """
    event = permissions.found(actor, "redact", event_id)
    if not reason.strip():
        raise Invalid({"reason": "Say why this event is redacted; the reason stays in the log."})
    stepup.require(actor, Sensitive.REDACT_EVENT, now)
    moves.redact(event, actor=actor, why=reason.strip(), now=now)


def seal(*, now: datetime) -> int:
    """Seal whatever can be sealed, in batches; returns how many events that were."""
    total = 0
    while batch := _seal_batch(now):
        total += batch
    return total


@unit_of_work()
def _seal_batch(now: datetime) -> int:
    return sealing.seal(now)


@unit_of_work()
def check(*, now: datetime) -> AuditCheck | None:
    """Check what is new and a window of what is old; None while nothing is sealed."""
    return checking.check(now)


@unit_of_work()
def check_all(*, now: datetime) -> AuditCheck:
    """Check the whole log. Takes time in proportion to its length."""
    return checking.check_all(now)


@unit_of_work()
def ensure_partitions(*, now: datetime) -> int:
    """Make the partitions of this month and the next ones; returns how many were missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_ensure_partitions(%s, %s)", [now, MONTHS_AHEAD])
        made: int = cursor.fetchone()[0]
    return made

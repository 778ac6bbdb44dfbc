"""Who sees the whole log, and who may redact: the list is for those who answer for the portal as a whole."""

from uuid import UUID

from django.db.models import QuerySet

from governance.audit.models import AuditEvent
from governance.core.actor import Actor, Role
from governance.core.errors import Denied, NotFound

READERS = (Role.ADMINISTRATOR, Role.AUDITOR, Role.SECURITY)
VERBS = {"redact": (Role.ADMINISTRATOR, Role.SECURITY)}


def visible(actor: Actor) -> "QuerySet[AuditEvent]":
    """All events for those who may read the log, none for others."""
    return AuditEvent.objects.all() if actor.has(*READERS) else AuditEvent.objects.none()


def can(actor: Actor, verb: str) -> bool:
    """Whether the actor may do this to events. A verb that nobody has listed is denied."""
    return actor.has(*VERBS.get(verb, ()))


def found(actor: Actor, verb: str, event_id: UUID) -> AuditEvent:
    """The event, if the actor may see it and do this to it. Raises NotFound, Denied."""
    event = visible(actor).filter(id=event_id).first()
    if event is None:
        raise NotFound
    if not can(actor, verb):
        msg = f"Only an administrator or the security team may {verb} audit events."
        raise Denied(msg)
    return event

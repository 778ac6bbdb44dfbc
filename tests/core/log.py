"""What tests read back: events with their bodies, and history rows, without what is random."""

from typing import Any
from uuid import UUID

import rfc8785

from governance.audit.models import AuditEvent
from governance.core.history import history_model


def events_of(subject_id: UUID) -> list[dict[str, Any]]:
    """Columns and body of each event of the subject, in order; ids, salts, hashes and sequences left out."""
    found = AuditEvent.objects.filter(subject_id=subject_id).select_related("body").order_by("sequence")
    return [_told(event) for event in found]


def _told(event: AuditEvent) -> dict[str, Any]:
    content: dict[str, Any] = dict(event.content or {})
    assert event.body.line == rfc8785.dumps(content).decode()
    assert content.pop("id") == str(event.id)
    assert len(str(content.pop("salt"))) == 32
    columns = ("at", "action", "subject_kind", "subject_id", "actor_kind", "actor_id")
    return {**{name: getattr(event, name) for name in columns}, "content": content}


def versions_of(row: Any) -> list[dict[str, Any]]:
    """All columns of each history row but its own id, in order."""
    model = history_model(type(row))
    rows = model._base_manager.filter(id=row.pk).order_by("history_id").values()
    return [{name: value for name, value in found.items() if name != "history_id"} for found in rows]


def columns_of(row: Any) -> dict[str, Any]:
    """The row as the database holds it."""
    found: dict[str, Any] = type(row)._base_manager.filter(pk=row.pk).values().get()
    return found

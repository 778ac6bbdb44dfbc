"""What is managed from files, and what happens to that. A thing that is can be changed there alone."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from governance.catalog.models import CatalogApplication, FileManagement
from governance.core.actor import Actor
from governance.core.errors import Conflict
from governance.core.moves import amend, create


def managed() -> "QuerySet[FileManagement]":
    """All that is managed from files now."""
    return FileManagement.objects.filter(ended_at__isnull=True)


def of(kind: str, subject_id: UUID) -> FileManagement | None:
    """From where one thing is managed, with who applied the file last, or None."""
    found = managed().filter(subject_kind=kind, subject_id=subject_id)
    return found.select_related("application__by").first()


def file_of(kind: str) -> Subquery:
    """For a query over one kind: the file that each row is managed from, or null."""
    return Subquery(managed().filter(subject_kind=kind, subject_id=OuterRef("pk")).values("file")[:1])


def refuse(kind: str, subject_id: UUID, label: str) -> None:
    """Raise Conflict where the thing is managed from files: it is changed there, and nowhere else."""
    if found := of(kind, subject_id):
        msg = f"{label} is managed from files: change {found.file} and apply it."
        raise Conflict(msg, code="managed_from_files")


def manage(
    thing: tuple[str, UUID],
    said: tuple[str, Mapping[str, Any]],
    application: CatalogApplication,
    *,
    actor: Actor,
    why: str,
    now: datetime,
) -> FileManagement:
    """Take a thing, by kind and id, under management as a file says, by name and values."""
    (kind, pk), (file, values) = thing, said
    row = FileManagement(subject_kind=kind, subject_id=pk, file=file, said=_text(values), application=application)
    return create(row, actor=actor, why=why, now=now)


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True)


def say(
    row: FileManagement,
    file: str,
    values: Mapping[str, Any],
    application: CatalogApplication,
    *,
    actor: Actor,
    why: str,
    now: datetime,
) -> FileManagement:
    """What a file says of a thing now, held by its row."""
    said = _text(values)
    return amend(row, "applied", actor=actor, why=why, now=now, file=file, said=said, application=application)


def release(row: FileManagement, *, actor: Actor, why: str, now: datetime) -> FileManagement:
    """End that a thing is managed from files, held by its row."""
    return amend(row, "ended", actor=actor, why=why, now=now, ended_at=now)

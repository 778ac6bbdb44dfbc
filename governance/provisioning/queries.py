"""Which tasks are due, and whether a worker may turn to them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import F, Max, Window
from django.db.models.functions import RowNumber

from governance.provisioning.models import ProvisioningTask
from governance.provisioning.rules import AT_ONCE


def due_ids(now: datetime, *, per_system: int, most: int) -> list[UUID]:
    """Tasks to be taken up, oldest first: at most so many of each system, so that none crowds the others out."""
    system = F("assignment__account__system")
    place = Window(RowNumber(), partition_by=[system], order_by=["next_attempt_at", "pk"])
    ranked = ProvisioningTask.objects.due(now).annotate(place=place).filter(place__lte=per_system)
    return list(ranked.order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:most])


def next_due_id(system_id: UUID, now: datetime) -> UUID | None:
    """The task of the system that has waited longest, if one is due."""
    rows = ProvisioningTask.objects.due(now).filter(assignment__account__system=system_id)
    return rows.order_by("next_attempt_at", "pk").values_list("pk", flat=True).first()


def free_at(assignment_ids: Collection[UUID], now: datetime) -> Mapping[UUID, datetime]:
    """From when on nobody can be calling for an earlier task, for those assignments where that is later than now."""
    claims = ProvisioningTask.objects.claimed(now).filter(assignment__in=assignment_ids).order_by()
    return dict(claims.values_list("assignment").annotate(latest=Max("claimed_until")))


def has_room(system_id: UUID, now: datetime) -> bool:
    """Whether one more worker may turn to the system. Exact until the transaction ends: others that ask wait."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"provisioning:{system_id}"])
    return ProvisioningTask.objects.claimed(now).filter(assignment__account__system=system_id).count() < AT_ONCE

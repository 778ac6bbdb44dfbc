from datetime import datetime
from typing import Self, TypeVar

from django.db import models
from django.db.models import Q

from governance.provisioning.states import OPEN_TASKS, WAITING

M = TypeVar("M", bound=models.Model, covariant=True)


class TaskQuerySet(models.QuerySet[M]):
    """Reads over provisioning tasks."""

    def open(self) -> Self:
        """Tasks that still have something to bring about or to prove."""
        return self.filter(state__in=OPEN_TASKS)

    def due(self, now: datetime) -> Self:
        """Tasks a worker should take up: their time has come, and nobody's claim on them still runs."""
        unclaimed = Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
        return self.open().filter(unclaimed, next_attempt_at__lte=now)

    def claimed(self, now: datetime) -> Self:
        """Tasks on which a worker may still be calling, superseded ones among them."""
        return self.filter(claimed_until__gt=now)


class ManualTaskQuerySet(models.QuerySet[M]):
    """Reads over people's tasks."""

    def with_names(self) -> Self:
        """With everything that a label or a page needs, in one query."""
        return self.select_related(
            "task__assignment__account__system",
            "task__assignment__account__identity",
            "task__assignment__entitlement__system",
            "doer",
            "judge",
            "evidence",
        )

    def waiting(self) -> Self:
        """Those that somebody still has to do or to judge."""
        return self.filter(state__in=WAITING)

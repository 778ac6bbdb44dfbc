from datetime import datetime
from typing import TypeVar

from django.db import models
from django.db.models import Q

M = TypeVar("M", bound=models.Model, covariant=True)


class PeriodQuerySet(models.QuerySet[M]):
    """Rows that hold for a half-open period [starts_at, ends_at)."""

    def at(self, moment: datetime) -> "PeriodQuerySet[M]":
        """Those that hold at the moment."""
        return self.filter(covers(moment))

    def unended(self, moment: datetime) -> "PeriodQuerySet[M]":
        """Those that have not ended by the moment: they hold then, or begin later."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=moment))


def covers(moment: datetime, prefix: str = "") -> Q:
    """The condition that a period covers the moment, for use across a join with `prefix`."""
    started = Q(**{f"{prefix}starts_at__lte": moment})
    unended = Q(**{f"{prefix}ends_at__isnull": True}) | Q(**{f"{prefix}ends_at__gt": moment})
    found: Q = started & unended
    return found

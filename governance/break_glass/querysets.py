from datetime import datetime
from typing import Self, TypeVar

from django.db import models

from governance.break_glass.states import GlassState
from governance.grants.states import STANDING

M = TypeVar("M", bound=models.Model, covariant=True)


class GlassQuerySet(models.QuerySet[M]):
    """Reads over break-glass."""

    def live(self, now: datetime) -> Self:
        """What stands now, or is about to."""
        return self.filter(grant__state__in=STANDING, grant__ends_at__gt=now)

    def unclosed(self, now: datetime) -> Self:
        """What has ended and waits for its review, or for what it exposed to be rotated."""
        return self.exclude(state=GlassState.CLOSED).filter(grant__ends_at__lte=now)

    def with_names(self) -> Self:
        """With everything that a row or a sentence about it needs, in one query."""
        lease = ("grant__entitlement__system", "grant__purpose", "grant__accountable_owner")
        return self.select_related(*lease, "holder", "reviewer", "closer")

from datetime import datetime
from typing import Self, TypeVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from governance.purposes.states import PurposeState

M = TypeVar("M", bound=models.Model, covariant=True)


class PurposeQuerySet(models.QuerySet[M]):
    """Reads over purposes."""

    def active(self, now: datetime) -> Self:
        """Those that can carry a new grant now."""
        within = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
        reviewed = Q(review_at__isnull=True) | Q(review_at__gt=now)
        return self.filter(within, reviewed, state=PurposeState.ACTIVE)

    def justifying(self, entitlement_id: UUID) -> Self:
        """Those that may justify the entitlement; each at most once, since only one justification is open."""
        return self.filter(justifications__entitlement=entitlement_id, justifications__ended_at__isnull=True)

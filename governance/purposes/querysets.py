from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models
from django.db.models import Q

from governance.purposes.states import PurposeState

if TYPE_CHECKING:
    from governance.purposes.models import Purpose


class PurposeQuerySet(models.QuerySet["Purpose"]):
    """Reads over purposes."""

    def active(self, now: datetime) -> "PurposeQuerySet":
        """Those that can carry a new grant now."""
        within = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
        reviewed = Q(review_at__isnull=True) | Q(review_at__gt=now)
        return self.filter(within, reviewed, state=PurposeState.ACTIVE)

    def justifying(self, entitlement_id: UUID) -> "PurposeQuerySet":
        """Those that may justify the entitlement; each at most once, since only one justification is open."""
        return self.filter(justifications__entitlement=entitlement_id, justifications__ended_at__isnull=True)

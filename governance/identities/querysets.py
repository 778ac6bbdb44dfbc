from datetime import datetime
from typing import Self, TypeVar

from django.db import models
from django.db.models import Q

from governance.identities.states import Status

M = TypeVar("M", bound=models.Model, covariant=True)


class IdentityQuerySet(models.QuerySet[M]):
    """Reads over identities."""

    def active(self, now: datetime) -> Self:
        """Those that may act and hold access at the moment."""
        return self.filter(acts(now))


def acts(now: datetime, prefix: str = "") -> Q:
    """The condition that an identity is active and its last day has not passed, whether a sweep has run or not."""
    goes_on = Q(**{f"{prefix}ends_at__isnull": True}) | Q(**{f"{prefix}ends_at__gt": now})
    found: Q = Q(**{f"{prefix}state": Status.ACTIVE}) & goes_on
    return found

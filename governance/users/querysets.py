from datetime import datetime
from typing import Self, TypeVar

from django.db import models
from django.db.models import Q

from governance.users.states import TokenState

M = TypeVar("M", bound=models.Model, covariant=True)


class TokenQuerySet(models.QuerySet[M]):
    """Reads over API tokens."""

    def working(self, now: datetime) -> Self:
        """Those that sign in at the moment: neither revoked nor over, and their user's account open."""
        open_account = Q(user__isnull=True) | Q(user__is_active=True)
        return self.filter(open_account, state=TokenState.ACTIVE, ends_at__gt=now)

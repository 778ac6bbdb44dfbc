from datetime import datetime, timedelta
from typing import Self, TypeVar

from django.db import models
from django.db.models import Q

from governance.grants.rules import RENEWED_AHEAD
from governance.grants.states import LIVE, STANDING, UNPROVEN, WAITING, GrantState

M = TypeVar("M", bound=models.Model, covariant=True)


class GrantQuerySet(models.QuerySet[M]):
    """Reads over grants."""

    def live(self, at: datetime) -> Self:
        """Those that support their assignment at the moment."""
        return self.filter(state__in=LIVE, starts_at__lte=at, ends_at__gt=at)

    def supporting(self, now: datetime) -> Self:
        """Those that an assignment stands on when it is driven: begun, and not over.

        Their start is not compared: one that began under the assignment's lock counts, although whoever drives it next
        may have read the clock before.
        """
        return self.filter(state__in=LIVE, ends_at__gt=now)

    def usable(self, at: datetime) -> Self:
        """Those that answer yes at the moment of use: live and verified present (rule 4)."""
        return self.filter(state=GrantState.ACTIVE, starts_at__lte=at, ends_at__gt=at)

    def unproven(self) -> Self:
        """Ended and not yet verified absent."""
        return self.filter(state__in=UNPROVEN)

    def ended_by(self, moment: datetime) -> Self:
        """Still standing although their end has come: what the expiry sweep takes up."""
        return self.filter(state__in=STANDING, ends_at__lte=moment)

    def ending_within(self, now: datetime, ahead: timedelta) -> Self:
        """Live grants whose end is at most `ahead` away."""
        return self.live(now).filter(ends_at__lte=now + ahead)

    def to_start(self, now: datetime) -> Self:
        """Those that wait and are due, and the renewals of what is about to end."""
        renewals = Q(renews__isnull=False, starts_at__lte=now + RENEWED_AHEAD)
        return self.filter(Q(starts_at__lte=now) | renewals, state__in=WAITING)

    def with_names(self) -> Self:
        """With everything that a row or a sentence about a grant needs, in one query."""
        return self.select_related("identity", "entitlement__system", "purpose", "accountable_owner", "requester")

from datetime import datetime
from typing import Self, TypeVar

from django.db import models

from governance.separation.states import STANDING, MitigationState, VersionState

M = TypeVar("M", bound=models.Model, covariant=True)


class VersionQuerySet(models.QuerySet[M]):
    """Reads over versions of rules."""

    def in_force(self) -> Self:
        """Those that decide now; at most one of a rule."""
        return self.filter(state=VersionState.IN_FORCE)


class MitigationQuerySet(models.QuerySet[M]):
    """Reads over mitigations."""

    def live(self, at: datetime, *, emergency: bool = False) -> Self:
        """Those that cover what they are for at the moment, by what it is: ordinary access, or what an emergency takes.

        Once the end has come they cover nothing, whether or not a sweep has run.
        """
        return self._unended(at).filter(emergency=emergency)

    def review_due(self, at: datetime) -> Self:
        """Those that cover what they are for, and are to be looked at again by the moment."""
        return self._unended(at).filter(review_at__lte=at)

    def _unended(self, at: datetime) -> Self:
        return self.filter(state=MitigationState.APPROVED, ends_at__gt=at)

    def over(self, at: datetime) -> Self:
        """Those whose end has come without being recorded yet."""
        return self.filter(state=MitigationState.APPROVED, ends_at__lte=at)

    def with_names(self) -> Self:
        """With everything that a row or a sentence needs, in one query."""
        return self.select_related("rule", "identity", "requester", "decider")


class ViolationQuerySet(models.QuerySet[M]):
    """Reads over violations."""

    def standing(self) -> Self:
        """Those whose both sides are held, mitigated or not."""
        return self.filter(state__in=STANDING)

    def with_names(self) -> Self:
        """With everything that a row or a sentence needs, in one query."""
        return self.select_related("rule", "identity", "left__system", "right__system")

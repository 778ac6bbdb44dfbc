from typing import Self, TypeVar

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q

M = TypeVar("M", bound=models.Model, covariant=True)


class AssignmentQuerySet(models.QuerySet[M]):
    """Reads over assignments."""

    def standing(self) -> Self:
        """Those that take effect: wanted, or seen at the last look."""
        seen = apps.get_model("governance", "PresencePeriod").objects.filter(
            assignment=OuterRef("pk"), ends_at__isnull=True
        )
        return self.filter(Q(wanted=True) | Exists(seen))

    def with_names(self) -> Self:
        """With everything that a label or a connector call needs, in one query."""
        return self.select_related("account__system", "account__identity", "entitlement__system")

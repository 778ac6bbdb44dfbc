from typing import Self, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model, covariant=True)


class AssignmentQuerySet(models.QuerySet[M]):
    """Reads over assignments."""

    def with_names(self) -> Self:
        """With everything that a label or a connector call needs, in one query."""
        return self.select_related("account__system", "account__identity", "entitlement__system")

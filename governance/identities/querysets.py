from typing import Self, TypeVar

from django.db import models

from governance.identities.states import Status

M = TypeVar("M", bound=models.Model, covariant=True)


class IdentityQuerySet(models.QuerySet[M]):
    """Reads over identities."""

    def active(self) -> Self:
        """Those that may act and hold access now."""
        return self.filter(state=Status.ACTIVE)

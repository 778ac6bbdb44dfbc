from typing import Self, TypeVar

from django.db import models

from governance.catalog.states import CatalogState
from governance.core.querysets import saying

M = TypeVar("M", bound=models.Model, covariant=True)


class EntitlementQuerySet(models.QuerySet[M]):
    """Reads over the catalog."""

    def requestable(self) -> Self:
        """What can be asked for: active, in an active system."""
        return self.filter(state=CatalogState.ACTIVE, system__state=CatalogState.ACTIVE)

    def holdable_by(self, kind: str) -> Self:
        """What an identity of the kind may hold."""
        return self.filter(allowed_kinds__contains=[kind])

    def matching(self, words: str) -> Self:
        """Those in which every word occurs, in the name, key, description or system."""
        return self.filter(saying(words, ("name", "key", "description", "system__name")))

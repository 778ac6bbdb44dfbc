from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from governance.catalog.states import CatalogState

if TYPE_CHECKING:
    from governance.catalog.models import Entitlement


class EntitlementQuerySet(models.QuerySet["Entitlement"]):
    """Reads over the catalog."""

    def requestable(self) -> "EntitlementQuerySet":
        """What can be asked for: active, in an active system."""
        return self.filter(state=CatalogState.ACTIVE, system__state=CatalogState.ACTIVE)

    def holdable_by(self, kind: str) -> "EntitlementQuerySet":
        """What an identity of the kind may hold."""
        return self.filter(allowed_kinds__contains=[kind])

    def matching(self, words: str) -> "EntitlementQuerySet":
        """Those in which every word occurs, in the name, key, description or system."""
        found = self
        for word in words.split():
            found = found.filter(
                Q(name__icontains=word)
                | Q(key__icontains=word)
                | Q(description__icontains=word)
                | Q(system__name__icontains=word),
            )
        return found

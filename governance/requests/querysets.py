from typing import TYPE_CHECKING

from django.db import models

from governance.requests.states import OPEN_REQUESTS

if TYPE_CHECKING:
    from governance.requests.models import AccessRequest


class RequestQuerySet(models.QuerySet["AccessRequest"]):
    """Reads over access requests."""

    def open(self) -> "RequestQuerySet":
        """Those that still wait for somebody."""
        return self.filter(state__in=OPEN_REQUESTS)

    def with_names(self) -> "RequestQuerySet":
        """With everything a row about a request needs, in two queries."""
        return self.select_related("requester", "beneficiary", "purpose").prefetch_related("items__entitlement__system")

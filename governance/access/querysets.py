from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from governance.access.models import Assignment


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    """Reads over assignments."""

    def with_names(self) -> "AssignmentQuerySet":
        """With everything that a label or a connector call needs, in one query."""
        return self.select_related("account__system", "account__identity", "entitlement__system")

from typing import TYPE_CHECKING

from django.db import models

from governance.identities.states import Status

if TYPE_CHECKING:
    from governance.identities.models import Identity


class IdentityQuerySet(models.QuerySet["Identity"]):
    """Reads over identities."""

    def active(self) -> "IdentityQuerySet":
        """Those that may act and hold access now."""
        return self.filter(state=Status.ACTIVE)

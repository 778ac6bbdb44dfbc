from collections.abc import Collection
from typing import Self, TypeVar
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef

from governance.approvals.states import StepState
from governance.identities.states import Status

M = TypeVar("M", bound=models.Model, covariant=True)


class StepQuerySet(models.QuerySet[M]):
    """Reads over approval steps."""

    def asking(self, identity_ids: Collection[UUID]) -> Self:
        """Steps for which one of the identities is asked now."""
        return self.filter(Exists(self._asked(identity_ids).filter(ends_at__isnull=True)))

    def ever_asking(self, identity_ids: Collection[UUID]) -> Self:
        """Steps for which one of the identities is or was asked."""
        return self.filter(Exists(self._asked(identity_ids)))

    def _asked(self, identity_ids: Collection[UUID]) -> models.QuerySet[models.Model]:
        return self._approvers().filter(identity__in=identity_ids)

    def _approvers(self) -> models.QuerySet[models.Model]:
        rows = apps.get_model("governance", "StepApprover")
        return rows._base_manager.filter(step=OuterRef("pk"))

    def forsaken(self) -> Self:
        """Open steps that ask somebody who may not act any more, or nobody at all."""
        asked = self._approvers().filter(ends_at__isnull=True)
        return self.open().filter(Exists(asked.exclude(identity__state=Status.ACTIVE)) | ~Exists(asked))

    def open(self) -> Self:
        """Steps that wait for a decision."""
        return self.filter(state=StepState.OPEN)

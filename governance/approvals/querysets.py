from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models
from django.db.models import Exists, OuterRef

from governance.approvals.states import StepState

if TYPE_CHECKING:
    from governance.approvals.models import ApprovalStep, StepApprover


class StepQuerySet(models.QuerySet["ApprovalStep"]):
    """Reads over approval steps."""

    def asking(self, identity_ids: Collection[UUID]) -> "StepQuerySet":
        """Steps for which one of the identities is asked now."""
        return self.filter(Exists(self._asked(identity_ids).filter(ends_at__isnull=True)))

    def ever_asking(self, identity_ids: Collection[UUID]) -> "StepQuerySet":
        """Steps for which one of the identities is or was asked."""
        return self.filter(Exists(self._asked(identity_ids)))

    def _asked(self, identity_ids: Collection[UUID]) -> "models.QuerySet[StepApprover]":
        rows = self.model.approvers.rel.related_model.objects
        return rows.filter(step=OuterRef("pk"), identity__in=identity_ids)

    def open(self) -> "StepQuerySet":
        """Steps that wait for a decision."""
        return self.filter(state=StepState.OPEN)

from collections.abc import Collection
from datetime import datetime
from typing import Self, TypeVar
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q

from governance.approvals.rules import STEP_TERM
from governance.approvals.states import StepState
from governance.core.querysets import PeriodQuerySet

M = TypeVar("M", bound=models.Model, covariant=True)


class StepQuerySet(models.QuerySet[M]):
    """Reads over approval steps."""

    def asking(self, identity_ids: Collection[UUID]) -> Self:
        """Steps for which one of the identities is asked now."""
        return self.filter(Exists(self._asked(identity_ids).filter(ends_at__isnull=True)))

    def concerning(self, identity_ids: Collection[UUID]) -> Self:
        """Steps for which one of the identities is asked now, or somebody in its place."""
        return self.filter(Exists(self._concerned(identity_ids).filter(ends_at__isnull=True)))

    def ever_concerning(self, identity_ids: Collection[UUID]) -> Self:
        """Steps for which one of the identities is or was asked, or somebody in its place."""
        return self.filter(Exists(self._concerned(identity_ids)))

    def _asked(self, identity_ids: Collection[UUID]) -> models.QuerySet[models.Model]:
        return self._approvers().filter(identity__in=identity_ids)

    def _concerned(self, identity_ids: Collection[UUID]) -> models.QuerySet[models.Model]:
        return self._approvers().filter(Q(identity__in=identity_ids) | Q(on_behalf_of__in=identity_ids))

    def _approvers(self) -> models.QuerySet[models.Model]:
        rows = apps.get_model("governance", "StepApprover")
        return rows._base_manager.filter(step=OuterRef("pk"))

    def unasked(self) -> Self:
        """Open steps that ask nobody: there is nobody who could answer."""
        return self.open().exclude(Exists(self._approvers().filter(ends_at__isnull=True)))

    def overdue(self, now: datetime) -> Self:
        """Steps that nobody decided in time, and those whose question nobody answered for as long as a step waits.

        While a question waits, the step's own clock stands, so the question has one of its own.
        """
        asked = apps.get_model("governance", "Question")._base_manager.filter(step=OuterRef("pk"))
        unanswered = asked.filter(answered_at__isnull=True, asked_at__lte=now - STEP_TERM)
        late = Q(state=StepState.OPEN, due_at__lte=now)
        return self.filter(late | Q(state=StepState.RETURNED) & Exists(unanswered))

    def to_escalate(self, now: datetime) -> Self:
        """Open steps that have waited too long, for which nobody else has been brought in yet."""
        return self.filter(state=StepState.OPEN, escalates_at__lte=now, escalated_at__isnull=True, due_at__gt=now)

    def open(self) -> Self:
        """Steps that wait for a decision."""
        return self.filter(state=StepState.OPEN)

    def pending(self) -> Self:
        """Open steps, and those that are open again once their question is answered: they ask somebody by name."""
        return self.filter(state__in=[StepState.OPEN, StepState.RETURNED])


class DelegationQuerySet(PeriodQuerySet[M]):
    """Reads over delegations."""

    def between(self, identity_ids: Collection[UUID]) -> Self:
        """Those by which one of the identities decides for another, or another for it."""
        return self.filter(Q(delegator__in=identity_ids) | Q(delegate__in=identity_ids))

    def with_names(self) -> Self:
        """With everything that a row or a sentence needs, in one query."""
        return self.select_related("delegator", "delegate")

"""Delegations, a stage at a time, through the actions that people and workers use."""

from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from governance.approvals import actions
from governance.approvals.delegating import Terms
from governance.approvals.models import ApprovalStep, Delegation, StepApprover
from governance.identities.models import Identity
from tests.builders import actor

WEEK = timedelta(days=7)


def delegated(
    delegator: Identity,
    delegate: Identity,
    *,
    kind: str = "",
    after: timedelta = timedelta(),
    lasting: timedelta = WEEK,
    now: datetime | None = None,
) -> Delegation:
    """Somebody has another decide in their place, and what waits has been moved."""
    now = now or timezone.now()
    terms = Terms(kind, "On holiday.", now + after, now + after + lasting)
    made = actions.delegate(delegate_id=delegate.pk, terms=terms, actor=actor(delegator), now=now)
    moved(now)
    return made


def ended(delegation: Delegation, by: Identity, *, now: datetime | None = None) -> Delegation:
    """Somebody ends it, and what waits has been moved."""
    now = now or timezone.now()
    over = actions.end_delegation(delegation_id=delegation.pk, reason="Back again.", actor=actor(by), now=now)
    moved(now)
    return over


def moved(now: datetime | None = None) -> None:
    """The workers look again at whom every step asks."""
    for pk in list(ApprovalStep.objects.pending().order_by("pk").values_list("pk", flat=True)):
        actions.ask_again(step_id=pk, now=now or timezone.now())


def asked(step_id: UUID) -> set[str]:
    """The names of those who are asked for the step now, with whom they stand in for: "Stand-in for Manager"."""
    rows = StepApprover.objects.filter(step=step_id, ends_at__isnull=True).select_related("identity", "on_behalf_of")
    return {f"{row.identity} for {row.on_behalf_of}" if row.on_behalf_of else row.identity.name for row in rows}

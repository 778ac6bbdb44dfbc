"""The way of a proposed change, a stage at a time, through the actions that people use."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from governance.approvals.models import ApprovalStep, StepApprover
from governance.catalog.models import Bundle, Entitlement
from governance.changes import actions
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.core.models import Recorded
from governance.core.moves import plain
from governance.identities.models import Identity
from tests.builders import actor
from tests.leases import approve

WHY = "The auditors have asked for it."


def propose(kind: str, subject: Recorded | None, by: Identity | Actor, **payload: Any) -> ProposedChange:
    """Somebody proposes a change, in no role of the portal unless it is said as which actor."""
    return actions.propose(
        kind=kind,
        subject_id=subject.pk if subject else None,
        payload=payload,
        reason=WHY,
        token=uuid4(),
        actor=by if isinstance(by, Actor) else actor(by),
        now=timezone.now(),
    )


def edited(what: Entitlement, by: Identity, **payload: Any) -> ProposedChange:
    """Somebody proposes other values for an entitlement."""
    return propose("entitlement.edit", what, by, **(payload or {"description": "Reads the books."}))


def steps_of(change: ProposedChange) -> list[UUID]:
    """The steps of the change's route, in order."""
    found = ApprovalStep.objects.filter(route__subject_id=change.pk).order_by("position")
    return list(found.values_list("pk", flat=True))


def asked(step_id: UUID) -> set[Identity]:
    """Who is asked for the step now."""
    rows = StepApprover.objects.filter(step=step_id, ends_at__isnull=True).select_related("identity")
    return {row.identity for row in rows}


def approved(change: ProposedChange, *approvers: Identity) -> ProposedChange:
    """The change with its steps approved, each by the next approver."""
    for step_id, approver in zip(steps_of(change), approvers, strict=True):
        approve(step_id, approver)
    change.refresh_from_db()
    return change


def bundle(holds: Entitlement, owner: Identity, by: Identity, key: str = "books", **given: Any) -> Bundle:
    """An active bundle that holds the entitlement, proposed by somebody and approved by its owner."""
    values = {
        "key": key,
        "name": key.title(),
        "review_at": plain(timezone.now() + timedelta(days=90)),
        "entitlements": [f"{holds.system.key}/{holds.key}"],
        "owner": str(owner.pk),
    }
    change = approved(propose("bundle.new", None, by, **{**values, **given}), owner)
    return Bundle.objects.get(pk=change.subject_id)

"""Retiring a purpose: what rests on it is shown first, and ends with it, in one transaction (rule 1).

If this lets a lease stand, somebody keeps access for a reason that is no more. Whoever makes or begins a grant shares
its purpose; whoever retires it holds it alone. So nothing new comes to rest on it meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from governance.access.models import Assignment
from governance.approvals.models import ApprovalRoute, ApprovalStep
from governance.approvals.moves import StepPlan
from governance.approvals.states import RouteState
from governance.changes import moves as changes
from governance.changes.kinds import Proposing, Retirement
from governance.changes.models import ProposedChange
from governance.changes.purposes import governance_step, owner_step
from governance.changes.states import ChangeState
from governance.core.actor import Actor
from governance.core.errors import Conflict, NotFound
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.core.moves import move
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.queries import PORTAL_SYSTEM
from governance.grants.querysets import GrantQuerySet
from governance.grants.states import OVER, STANDING, WAITING
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.purposes import permissions
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState
from governance.requests import moves as requests
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.states import ItemState


@dataclass(frozen=True, slots=True)
class Resting:
    """What rests on a purpose: `alone` are leases whose access nothing else supports; it is removed with them."""

    alone: "GrantQuerySet[Grant]"
    supported: "GrantQuerySet[Grant]"
    waiting: "GrantQuerySet[Grant]"
    in_review: "QuerySet[RequestItem]"
    dedicated: "QuerySet[Identity]"


def resting(purpose_id: UUID, now: datetime) -> Resting:
    """What would end with the purpose now, and the machine and external identities that exist for it."""
    standing = Grant.objects.filter(purpose=purpose_id, state__in=STANDING)
    elsewhere = Grant.objects.supporting(now).filter(assignment=OuterRef("assignment"))
    elsewhere = elsewhere.exclude(purpose=purpose_id)
    dedicated = Identity.objects.filter(dedication__purpose=purpose_id).exclude(state=Status.ENDED)
    return Resting(
        alone=standing.filter(~Exists(elsewhere)).with_names().order_by("number"),
        supported=standing.filter(Exists(elsewhere)).with_names().order_by("number"),
        waiting=Grant.objects.filter(purpose=purpose_id, state__in=WAITING).with_names().order_by("number"),
        in_review=_in_review([purpose_id]).select_related("request__beneficiary", "entitlement__system").order_by("pk"),
        dedicated=dedicated.order_by("name"),
    )


def _in_review(purpose_ids: Collection[UUID]) -> "QuerySet[RequestItem]":
    return RequestItem.objects.filter(request__purpose__in=purpose_ids, state=ItemState.PENDING)


def lock_resting(purpose_ids: Collection[UUID]) -> None:
    """Hold all that ends with held purposes, in the one order: changes of them that wait are among it."""
    leases = Grant.objects.filter(purpose__in=purpose_ids).exclude(state__in=OVER)
    locked_all(Assignment.objects.filter(pk__in=leases.values("assignment")))
    locked_all(leases)
    items = _in_review(purpose_ids)
    locked_all(AccessRequest.objects.filter(pk__in=items.values("request")))
    about = {item.pk for item in locked_all(items)} | {change.pk for change in locked_all(_changes(purpose_ids))}
    routes = locked_all(ApprovalRoute.objects.filter(state=RouteState.OPEN, subject_id__in=about))
    locked_all(ApprovalStep.objects.filter(route__in=[route.pk for route in routes]))


def _changes(purpose_ids: Collection[UUID]) -> "QuerySet[ProposedChange]":
    waiting = ProposedChange.objects.filter(subject_kind=Purpose.NOUN, state=ChangeState.PROPOSED)
    return waiting.filter(subject_id__in=purpose_ids)


def retire(*purposes: Purpose, actor: Actor, why: str, now: datetime) -> None:
    """End held purposes and, held like them, all that rests on them. Retired once no removal is unproven.

    Call it once for all: removals are queued together. Raises IllegalMove, and Conflict where it would take the
    portal's own roles away.
    """
    for purpose in purposes:
        if carries_portal_roles(purpose.pk, now):
            raise Conflict(f"The portal's own roles rest on {purpose}: lease them for another purpose first.")
        move(purpose, PurposeState.RETIRING, actor=actor, why=why, now=now)
    ids = [purpose.pk for purpose in purposes]
    told = f"{', '.join(map(str, purposes))} {'is' if len(purposes) == 1 else 'are'} retired: {why}"
    for change in list(_changes(ids).order_by("pk")):
        changes.withdraw(change, actor=actor, why=told, now=now)
    _close_items(ids, actor=actor, why=told, now=now)
    _end_leases(ids, actor=actor, why=told, now=now)
    for purpose in purposes:
        settle(purpose, actor=actor, now=now)


def carries_portal_roles(purpose_id: UUID, now: datetime) -> bool:
    """Whether a role of the portal itself is leased for the purpose: then it can't be retired."""
    leases = Grant.objects.supporting(now).filter(purpose=purpose_id)
    return leases.filter(entitlement__system__key=PORTAL_SYSTEM).exists()


def _close_items(purpose_ids: Collection[UUID], *, actor: Actor, why: str, now: datetime) -> None:
    items = list(_in_review(purpose_ids).select_related("request"))
    requests.cancel_routes(items, actor=actor, why=why, now=now)
    for item in items:
        requests.close_item(item, ItemState.CLOSED, actor=actor, why=why, now=now)


def _end_leases(purpose_ids: Collection[UUID], *, actor: Actor, why: str, now: datetime) -> None:
    for grant in Grant.objects.filter(purpose__in=purpose_ids, state__in=WAITING).order_by("pk"):
        grants.cancel(grant, actor=actor, why=why, now=now)
    standing = list(Grant.objects.filter(purpose__in=purpose_ids, state__in=STANDING).order_by("pk"))
    behind = {grant.assignment_id for grant in standing if grant.assignment_id}
    assignments = list(Assignment.objects.with_names().filter(pk__in=behind).order_by("pk"))
    grants.end(standing, assignments, actor=actor, why=why, now=now)


def settle(purpose: Purpose, *, actor: Actor, now: datetime) -> bool:
    """Retire a held purpose that is retiring, once nothing of it stands or waits to be proven gone."""
    if purpose.state != PurposeState.RETIRING or Grant.objects.filter(purpose=purpose).exclude(state__in=OVER).exists():
        return False
    move(purpose, PurposeState.RETIRED, actor=actor, why="All that rested on it is proven gone", now=now)
    return True


class PurposeRetire(Retirement):
    """The end of a purpose and of what rests on it: decided by its owner and a second person."""

    name = "purpose.retire"
    title = "Retire a purpose"
    subject_kind = Purpose.NOUN
    model = Purpose

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Purpose:
        """An active purpose that the actor sees."""
        found = permissions.visible(actor, now).filter(pk=subject_id).first()
        if found is None:
            raise NotFound
        if found.state != PurposeState.ACTIVE:
            raise Conflict(f"{found} is {found.get_state_display().lower()} already.")
        if carries_portal_roles(found.pk, now):
            raise Conflict(f"The portal's own roles rest on {found}: lease them for another purpose first.")
        return found

    def lock(self, subject_id: UUID) -> None:
        """The purpose, alone: nobody makes or begins a grant on it meanwhile."""
        locked_all(Purpose.objects.filter(pk=subject_id))

    def lock_rest(self, change: ProposedChange) -> None:
        """Everything that ends with it; this change is among those that wait."""
        lock_resting([change.subject_id])

    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """Its owner, and the governance team where access would be removed with it."""
        purpose = Purpose.objects.get(pk=subject.pk)
        first = owner_step(purpose)
        return [first, governance_step(purpose)] if resting(purpose.pk, by.now).alone.exists() else [first]

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """End it, with all that rests on it."""
        purpose = Purpose.objects.get(pk=change.subject_id)
        retire(purpose, actor=actor, why=change.reason, now=now)

    def is_sensitive(self, change: ProposedChange) -> bool:
        """It ends access early."""
        return True

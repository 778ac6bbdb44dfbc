"""Retiring entitlements and systems: only once nothing rests on them.

An entitlement is shared by whoever asks for it, decides on it, or makes or begins a grant of it, and held alone by
whoever retires it. So nothing comes to rest on it meanwhile.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.catalog import moves
from governance.catalog.models import Entitlement, System
from governance.catalog.rules import needs_second_person
from governance.catalog.states import CatalogState
from governance.changes.entitlements import OfEntitlement
from governance.changes.kinds import Retirement
from governance.changes.models import ProposedChange
from governance.changes.systems import OfSystem, active
from governance.core.actor import Actor
from governance.core.errors import Conflict
from governance.grants.models import Grant
from governance.grants.states import OVER
from governance.requests.models import RequestItem
from governance.requests.states import ItemState


def resting(entitlement_id: UUID) -> str:
    """The first of what rests on an entitlement, in words; empty if nothing does."""
    leases = Grant.objects.filter(entitlement=entitlement_id).exclude(state__in=OVER)
    if lease := leases.order_by("number").first():
        return f"{lease} still rests on it. End that first."
    items = RequestItem.objects.filter(entitlement=entitlement_id, state=ItemState.PENDING)
    item = items.select_related("request").order_by("request__number").first()
    return f"{item.request} still asks for it. Decide on that first." if item else ""


def _require_unused(entitlement_id: UUID) -> None:
    if rests := resting(entitlement_id):
        raise Conflict(rests, code="in_use")


class EntitlementRetire(Retirement, OfEntitlement):
    """The end of an entitlement: nobody can ask for it any more."""

    name = "entitlement.retire"
    title = "Retire an entitlement"
    model = Entitlement

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Entitlement:
        """One on which nothing rests: whoever would retire it learns that first."""
        found = super().subject(actor, subject_id, now)
        _require_unused(found.pk)
        return found

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Not while something rests on it."""
        _require_unused(subject_id)
        return super().checked(subject_id, payload, now)

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """End it. Raises IllegalMove if it is retired already."""
        moves.retire(Entitlement.objects.get(pk=change.subject_id), actor=actor, why=change.reason, now=now)

    def is_sensitive(self, change: ProposedChange) -> bool:
        """Where it is risky or privileged."""
        return needs_second_person(*Entitlement.objects.filter(pk=change.subject_id).values("risk", "privileged"))


def _require_empty(system_id: UUID) -> None:
    left = Entitlement.objects.filter(system=system_id, state=CatalogState.ACTIVE).order_by("name")
    if one := left.first():
        raise Conflict(f"{one.name} is active on it. Retire its entitlements first.", code="in_use")


class SystemRetire(Retirement, OfSystem):
    """The end of a system, in which nothing can be granted any more."""

    name = "system.retire"
    title = "Retire a system"
    model = System

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> System:
        """One in which nothing can be granted: whoever would retire it learns that first."""
        found = super().subject(actor, subject_id, now)
        _require_empty(found.pk)
        return found

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Not while something can be granted in it."""
        _require_empty(subject_id)
        return super().checked(subject_id, payload, now)

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """End it. Raises Conflict if it is retired already."""
        moves.retire(active(System.objects.get(pk=change.subject_id)), actor=actor, why=change.reason, now=now)

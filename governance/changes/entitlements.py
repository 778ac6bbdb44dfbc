"""Changing an entitlement: its owner decides; at high risk, or where it is privileged, its system's owner as well."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from governance.approvals.moves import StepPlan
from governance.catalog import moves, permissions
from governance.catalog.models import Entitlement
from governance.catalog.rules import needs_second_person
from governance.catalog.states import HIGH_RISKS, CatalogState, Risk
from governance.changes.kinds import ChangeKind, Field, Proposing, changed
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.core.errors import Conflict, NotFound
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.identities.states import Kind
from governance.policy.states import StepKind
from governance.policy.words import length


def _seconds(value: Any) -> str:
    return length(timedelta(seconds=value))


def _kinds(value: Any) -> str:
    return ", ".join(Kind(one).label for one in value)


def _permits(value: Any) -> str:
    lines = (f"{', '.join(one.get('actions', ())) or 'anything'} on {one['type']} {one['pattern']}" for one in value)
    return "; ".join(lines) or "–"


FIELDS: Mapping[str, Field] = {
    "name": Field("Name"),
    "description": Field("Description"),
    "risk": Field("Risk", lambda value: Risk(value).label),
    "privileged": Field("Privileged"),
    "longest_lease_seconds": Field("Longest lease", _seconds),
    "review_cadence_seconds": Field("Reviewed every", _seconds),
    "allowed_kinds": Field("May be held by", _kinds),
    "permits": Field("Permits", _permits),
}


class OfEntitlement(ChangeKind):
    """What is proposed of an entitlement that is there."""

    subject_kind = Entitlement.NOUN

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Entitlement:
        """Whoever sees it may propose: its owner decides."""
        found = permissions.visible_entitlements(actor, now).filter(pk=subject_id).select_related("system").first()
        if found is None:
            raise NotFound
        if found.state != CatalogState.ACTIVE:
            raise Conflict(f"{found} is retired: nothing of it changes any more.")
        return found

    def lock(self, subject_id: UUID) -> None:
        """The entitlement, alone: nobody asks for it or makes a grant of it meanwhile."""
        locked_all(Entitlement.objects.filter(pk=subject_id))

    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """The entitlement's owner, and a second person where it is risky before or after."""
        entitlement = Entitlement.objects.select_related("system").get(pk=subject.pk)
        current = moves.entitlement_values(entitlement)
        first = StepPlan(StepKind.ENTITLEMENT_OWNER, Entitlement.NOUN, entitlement.pk, str(entitlement)[:300])
        if not needs_second_person(current, {**current, **payload}):
            return [first]
        system = entitlement.system
        return [first, StepPlan(StepKind.SYSTEM_OWNER, system.NOUN, system.pk, str(system)[:300], stage=2)]


class EntitlementEdit(OfEntitlement):
    """Other words, risk, lengths, holders or permissions."""

    name = "entitlement.edit"
    title = "Edit an entitlement"
    fields = FIELDS

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """As the catalog has it."""
        return moves.entitlement_values(Entitlement.objects.get(pk=subject_id))

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What would change."""
        current = self.current(subject_id)
        return changed(current, moves.checked_entitlement(current, payload))

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Edit it. Raises Conflict once it is retired."""
        entitlement = Entitlement.objects.get(pk=change.subject_id)
        if entitlement.state != CatalogState.ACTIVE:
            raise Conflict(f"{entitlement} is retired.")
        moves.edit_entitlement(entitlement, change.payload, actor=actor, why=change.reason, now=now)

    def is_sensitive(self, change: ProposedChange) -> bool:
        """What makes something risky, or changes what is."""
        risks = {change.payload.get("risk"), self.current(change.subject_id)["risk"]}
        return bool(risks & HIGH_RISKS)

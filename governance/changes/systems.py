"""Changing a system, and letting something more be granted in one: its owner decides, by risk a second person too."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from governance.approvals.moves import StepPlan
from governance.catalog import moves, permissions
from governance.catalog.models import Entitlement, System
from governance.catalog.rules import key_problem, needs_second_person
from governance.catalog.states import HIGH_RISKS, CatalogState, Risk
from governance.changes import entitlements
from governance.changes.kinds import ChangeKind, Field, Proposing, changed
from governance.changes.models import ProposedChange
from governance.changes.purposes import chosen_owner, governance_step, owner_name
from governance.changes.states import ChangeState
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid, NotFound
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.identities.states import Environment
from governance.policy.states import StepKind

MOST_KEY: Final = 200


class OfSystem(ChangeKind):
    """What is proposed of a system that is not retired."""

    subject_kind = System.NOUN

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> System:
        """Whoever sees it may propose: its owner decides."""
        found = permissions.visible_systems(actor, now).filter(pk=subject_id).first()
        if found is None:
            raise NotFound
        return active(found)

    def lock(self, subject_id: UUID) -> None:
        """The system."""
        locked_all(System.objects.filter(pk=subject_id))

    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """Its owner, and the governance team where it is risky before or after."""
        return _route(subject, second=_is_risky(subject.pk, payload))

    def is_sensitive(self, change: ProposedChange) -> bool:
        """Where it is risky before or after."""
        return _is_risky(change.subject_id, change.payload)


def _is_risky(system_id: UUID, payload: Mapping[str, Any]) -> bool:
    risks = {payload.get("risk"), System.objects.values_list("risk", flat=True).get(pk=system_id)}
    return bool(risks & HIGH_RISKS)


def active(system: System) -> System:
    """The system itself. Raises Conflict once it is retired."""
    if system.state != CatalogState.ACTIVE:
        raise Conflict(f"{system} is retired: nothing of it changes any more.")
    return system


def _route(system: Governed, *, second: bool) -> Sequence[StepPlan]:
    first = StepPlan(StepKind.SYSTEM_OWNER, System.NOUN, system.pk, str(system)[:300])
    return [first, governance_step(system)] if second else [first]


class SystemEdit(OfSystem):
    """Other words, environment or risk for a system. How it is reached is its connector's matter."""

    name = "system.edit"
    title = "Edit a system"
    fields = {
        "name": Field("Name"),
        "description": Field("Description"),
        "environment": Field("Environment", lambda value: Environment(value).label),
        "risk": Field("Risk", lambda value: Risk(value).label),
    }

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """As the catalog has it."""
        return moves.system_values(System.objects.get(pk=subject_id))

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What would change."""
        current = self.current(subject_id)
        return changed(current, moves.checked_system(current, payload))

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Edit it. Raises Conflict once it is retired."""
        system = active(System.objects.get(pk=change.subject_id))
        moves.edit_system(system, change.payload, actor=actor, why=change.reason, now=now)


class EntitlementNew(OfSystem):
    """One thing more that can be granted in a system. It is there once everybody has said yes, and not before."""

    name = "entitlement.new"
    title = "A new entitlement"
    several = True
    fields = {"key": Field("Key"), "owner": Field("Owner", owner_name), **entitlements.FIELDS}

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """Nothing: it was not there before."""
        return {}

    def completed(self, payload: Mapping[str, Any], by: Proposing) -> dict[str, Any]:
        """With whoever is to answer for it: the proposer, unless somebody else is named."""
        return {**payload, "owner": str(chosen_owner(payload, by).pk)}

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """All of it."""
        given = {name: value for name, value in payload.items() if name not in {"key", "owner"}}
        problem = self._key_problem(subject_id, payload.get("key"))
        found = {"key": problem} if problem else {}
        try:
            kept = moves.checked_entitlement(moves.BLANK, {**moves.BLANK, **given})
        except Invalid as refusal:
            raise Invalid(found | refusal.fields) from refusal
        if found:
            raise Invalid(found)
        return {"key": payload["key"], "owner": payload["owner"], **kept}

    def _key_problem(self, system_id: UUID, key: object) -> str | None:
        if not isinstance(key, str) or not 0 < len(key) <= MOST_KEY:
            return f"What its system calls it, in {MOST_KEY} characters at most."
        if problem := key_problem(key):
            return problem
        if Entitlement.objects.filter(system=system_id, key=key).exists():
            return f"There is an entitlement {key} already."
        waiting = ProposedChange.objects.filter(kind=self.name, subject_id=system_id, payload__key=key)
        other = waiting.filter(state=ChangeState.PROPOSED).first()
        return f"{other} proposes it already." if other else None

    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """The system's owner, and the governance team where it is risky or privileged."""
        return _route(subject, second=needs_second_person(payload))

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Let it be granted. Raises Conflict once the system is retired, Invalid if its owner has left."""
        system = active(System.objects.get(pk=change.subject_id))
        values = {name: value for name, value in change.payload.items() if name not in {"key", "owner"}}
        owner = chosen_owner(change.payload, Proposing(change.proposer, actor, change.reason, now))
        moves.add_entitlement(system, change.payload["key"], values, owner, actor=actor, why=change.reason, now=now)

    def is_sensitive(self, change: ProposedChange) -> bool:
        """What is risky or privileged."""
        return needs_second_person(change.payload)

"""What changes the catalog. Callers hold the row and decide who may do it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from governance.catalog.models import Entitlement, System
from governance.catalog.rules import entitlement_problems, system_problems
from governance.catalog.states import CatalogState
from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.core.moves import amend, create, move
from governance.identities.models import Identity, Team
from governance.identities.moves import answer_for

BLANK: Mapping[str, Any] = {
    "name": "",
    "description": "",
    "risk": "",
    "privileged": False,
    "longest_lease_seconds": None,
    "review_cadence_seconds": None,
    "allowed_kinds": [],
    "permits": [],
}
"""An entitlement of which nothing is said yet."""

LENGTHS = {"longest_lease_seconds": "longest_lease", "review_cadence_seconds": "review_cadence"}


def entitlement_values(entitlement: Entitlement) -> dict[str, Any]:
    """What of an entitlement can be changed, as plain values; lengths of time in whole seconds."""
    return {
        "name": entitlement.name,
        "description": entitlement.description,
        "risk": entitlement.risk,
        "privileged": entitlement.privileged,
        "longest_lease_seconds": int(entitlement.longest_lease.total_seconds()),
        "review_cadence_seconds": int(entitlement.review_cadence.total_seconds()),
        "allowed_kinds": sorted(entitlement.allowed_kinds),
        "permits": entitlement.permits,
    }


def checked_entitlement(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted values in their kept form. Raises Invalid with what is wrong at each field of the whole they make.

    What was wrong before and stays as it is does not stand in the way.
    """
    before = entitlement_problems(current)
    found = entitlement_problems({**current, **wanted})
    if wrong := {name: text for name, text in found.items() if name in wanted or name not in before}:
        raise Invalid(wrong)
    kept = dict(wanted)
    if "allowed_kinds" in kept:
        kept["allowed_kinds"] = sorted(set(kept["allowed_kinds"]))
    return {name: value.strip() if isinstance(value, str) else value for name, value in kept.items()}


def edit_entitlement(
    entitlement: Entitlement, values: Mapping[str, Any], *, actor: Actor, why: str, now: datetime
) -> Entitlement:
    """Give a held entitlement other plain values. What is leased already is not touched. Raises Invalid."""
    kept = checked_entitlement(entitlement_values(entitlement), values)
    return amend(entitlement, "edited", actor=actor, why=why, now=now, **_fields(kept))


def _fields(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {
        LENGTHS.get(name, name): timedelta(seconds=value) if name in LENGTHS else value for name, value in kept.items()
    }


def add_entitlement(
    system: System,
    key: str,
    values: Mapping[str, Any],
    owner: Identity | Team,
    *,
    actor: Actor,
    why: str,
    now: datetime,
) -> Entitlement:
    """Let something more be granted in a system, from all its plain values. Raises Invalid."""
    entitlement = Entitlement(system=system, key=key, **_fields(checked_entitlement(values, values)))
    create(entitlement, actor=actor, why=why, now=now)
    answer_for(entitlement, owner, actor=actor, why=why, now=now)
    return entitlement


def system_values(system: System) -> dict[str, Any]:
    """What of a system can be changed, as plain values."""
    return {name: getattr(system, name) for name in ("name", "description", "environment", "risk")}


def add_system(
    key: str, values: Mapping[str, Any], owner: Identity | Team, *, actor: Actor, why: str, now: datetime
) -> System:
    """A system more, from all its plain values. How it is reached is its connector's matter. Raises Invalid."""
    system = System(key=key, **checked_system(values, values))
    create(system, actor=actor, why=why, now=now)
    answer_for(system, owner, actor=actor, why=why, now=now)
    return system


def edit_system(system: System, values: Mapping[str, Any], *, actor: Actor, why: str, now: datetime) -> System:
    """Give a held system other plain values. Raises Invalid."""
    kept = checked_system(system_values(system), values)
    return amend(system, "edited", actor=actor, why=why, now=now, **kept)


def checked_system(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted values in their kept form. Raises Invalid with what is wrong at each field."""
    found = system_problems({**current, **wanted})
    if wrong := {name: text for name, text in found.items() if name in wanted}:
        raise Invalid(wrong)
    return {name: value.strip() for name, value in wanted.items()}


def retire(thing: System | Entitlement, *, actor: Actor, why: str, now: datetime) -> None:
    """End a held system or entitlement on which nothing rests: nobody can ask for it any more."""
    move(thing, CatalogState.RETIRED, actor=actor, why=why, now=now)

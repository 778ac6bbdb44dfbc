"""What changes the catalog. Callers hold the row and decide who may do it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from governance.catalog.models import Entitlement
from governance.catalog.rules import entitlement_problems
from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.core.moves import amend

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
    fields: dict[str, Any] = {
        LENGTHS.get(name, name): timedelta(seconds=value) if name in LENGTHS else value for name, value in kept.items()
    }
    return amend(entitlement, "edited", actor=actor, why=why, now=now, **fields)

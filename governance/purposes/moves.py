"""What happens to a purpose and its scope. Callers hold the purpose and decide who may do it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from governance.catalog.models import Entitlement
from governance.catalog.states import CatalogState
from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.core.locking import locked_all
from governance.core.moves import amend, create, move, plain
from governance.identities.models import Identity, Team
from governance.identities.moves import answer_for
from governance.purposes.models import Justification, Purpose
from governance.purposes.queries import next_reference
from governance.purposes.rules import moment, problems
from governance.purposes.states import PurposeState

BLANK: Mapping[str, Any] = {
    "name": "",
    "description": "",
    "ends_at": None,
    "review_at": None,
    "criteria": "",
    "entitlements": [],
}


def values(purpose: Purpose) -> dict[str, Any]:
    """What of a purpose can be changed, as plain values; entitlements as system/entitlement keys."""
    open_ones = purpose.justifications.filter(ended_at__isnull=True)
    keys = open_ones.values_list("entitlement__system__key", "entitlement__key")
    return {
        "name": purpose.name,
        "description": purpose.description,
        "ends_at": plain(purpose.ends_at),
        "review_at": plain(purpose.review_at),
        "criteria": purpose.criteria,
        "entitlements": sorted(f"{system}/{key}" for system, key in keys),
    }


def checked(current: Mapping[str, Any], wanted: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The wanted values in their kept form. Raises Invalid with what is wrong at each field of the whole they make.

    What is not wanted otherwise is not looked at: an end that has come is no reason against a better name.
    """
    found = {name: text for name, text in problems({**current, **wanted}, now).items() if name in wanted}
    if not found and "entitlements" in wanted:
        found = _unknown(set(wanted["entitlements"]) - set(current["entitlements"]))
    if found:
        raise Invalid(found)
    return {name: _kept(name, value) for name, value in wanted.items()}


def _kept(name: str, value: Any) -> Any:
    match name:
        case "ends_at" | "review_at":
            return plain(moment(value))
        case "entitlements":
            return sorted(set(value))
    return value.strip()


def _unknown(keys: Collection[str]) -> dict[str, str]:
    missing = sorted(set(keys) - entitlements_by_key(keys).keys())
    return {"entitlements": f"There is no active entitlement {missing[0]}."} if missing else {}


def entitlements_by_key(keys: Collection[str]) -> dict[str, Entitlement]:
    """Active entitlements by their system/entitlement keys; those that are not there are left out."""
    systems = {key.partition("/")[0] for key in keys}
    rows = Entitlement.objects.filter(system__key__in=systems, state=CatalogState.ACTIVE).select_related("system")
    found = {f"{one.system.key}/{one.key}": one for one in rows}
    return {key: found[key] for key in keys if key in found}


def propose(
    given: Mapping[str, Any],
    owner: Identity | Team,
    *,
    actor: Actor,
    why: str,
    now: datetime,
    reference: str = "",
    emergency: bool = False,
) -> Purpose:
    """Make a proposed purpose with its owner and its scope; nothing can rest on it yet. Raises Invalid.

    Without a reference it is given the next one.
    """
    kept = checked(BLANK, {**BLANK, **given}, now)
    purpose = Purpose(
        reference=reference or next_reference(),
        emergency=emergency,
        name=kept["name"],
        description=kept["description"],
        ends_at=moment(kept["ends_at"]),
        review_at=moment(kept["review_at"]),
        criteria=kept["criteria"],
        state=PurposeState.PROPOSED,
    )
    create(purpose, actor=actor, why=why, now=now)
    answer_for(purpose, owner, actor=actor, why=why, now=now)
    _widen(purpose, kept["entitlements"], actor=actor, why=why, now=now)
    return purpose


def activate(purpose: Purpose, *, actor: Actor, why: str, now: datetime) -> Purpose:
    """Say yes to a held purpose that was proposed: from now on access can rest on it."""
    move(purpose, PurposeState.APPROVED, actor=actor, why=why, now=now)
    return move(purpose, PurposeState.ACTIVE, actor=actor, why=why, now=now)


def reject(purpose: Purpose, *, actor: Actor, why: str, now: datetime) -> Purpose:
    """Say no to a held purpose that was proposed."""
    return move(purpose, PurposeState.REJECTED, actor=actor, why=why, now=now)


def edit(purpose: Purpose, wanted: Mapping[str, Any], *, actor: Actor, why: str, now: datetime) -> Purpose:
    """Give a purpose, held with its scope, other values. Callers shorten what would outlast it. Raises Invalid."""
    kept = checked(values(purpose), wanted, now)
    fields: dict[str, Any] = {name: moment(value) if name.endswith("_at") else value for name, value in kept.items()}
    scope = fields.pop("entitlements", None)
    if fields:
        amend(purpose, "edited", actor=actor, why=why, now=now, **fields)
    if scope is not None:
        _rescope(purpose, scope, actor=actor, why=why, now=now)
    return purpose


def _rescope(purpose: Purpose, keys: Collection[str], *, actor: Actor, why: str, now: datetime) -> None:
    open_ones = Justification.objects.filter(purpose=purpose, ended_at__isnull=True)
    standing = locked_all(open_ones.select_related("entitlement__system"))
    named = {f"{one.entitlement.system.key}/{one.entitlement.key}": one for one in standing}
    for key in sorted(named.keys() - set(keys)):
        amend(named[key], "ended", actor=actor, why=why, now=now, ended_at=now)
    _widen(purpose, sorted(set(keys) - named.keys()), actor=actor, why=why, now=now)


def _widen(purpose: Purpose, keys: Collection[str], *, actor: Actor, why: str, now: datetime) -> None:
    for entitlement in entitlements_by_key(keys).values():
        create(Justification(purpose=purpose, entitlement=entitlement), actor=actor, why=why, now=now)

"""What bundles hold, and what changes them. Callers hold the bundle and decide who may do it.

A bundle may include bundles. That no bundle includes itself, at however many removes, and that no key is given twice,
is looked at under one lock for all: two changes that close a circle together must not both pass.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from governance.catalog.models import Bundle, BundlePart, BundleVersion, Entitlement
from governance.catalog.states import BundleState, CatalogState
from governance.core.actor import Actor
from governance.core.moves import amend, create, move, plain
from governance.identities.models import Identity, Team
from governance.identities.moves import answer_for

TURN: Final = 0x42554E44
"""The key of the advisory lock under which bundles are made and inclusions changed: "BUND"."""

BLANK: Mapping[str, Any] = {
    "name": "",
    "description": "",
    "birthright": False,
    "criteria": "",
    "review_at": None,
    "entitlements": [],
    "bundles": [],
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a version is to hold, loaded."""

    entitlements: Sequence[Entitlement]
    bundles: Sequence[Bundle]


def current_version(bundle: Bundle) -> BundleVersion:
    """What the bundle says now."""
    return bundle.versions.order_by("-number")[0]


def values(bundle: Bundle) -> dict[str, Any]:
    """What of a bundle can be changed, as plain values; entitlements as system/entitlement keys, bundles as keys."""
    version = current_version(bundle)
    parts = version.parts.select_related("entitlement__system", "bundle")
    held = [part.entitlement for part in parts if part.entitlement]
    return {
        "name": bundle.name,
        "description": bundle.description,
        "birthright": version.birthright,
        "criteria": version.criteria,
        "review_at": plain(version.review_at),
        "entitlements": sorted(f"{one.system.key}/{one.key}" for one in held),
        "bundles": sorted(part.bundle.key for part in parts if part.bundle),
    }


def by_key(keys: Collection[str]) -> Mapping[str, Bundle]:
    """Active bundles by their keys; those that are not there are left out."""
    return {one.key: one for one in Bundle.objects.filter(key__in=keys, state=BundleState.ACTIVE)}


def held_by(bundle_ids: Collection[UUID]) -> frozenset[UUID]:
    """Ids of all active entitlements that the bundles hold, themselves and by the active bundles that they include."""
    return frozenset(pk for held in _parts_within(bundle_ids).values() for pk in held.entitlements)


@dataclass(frozen=True, slots=True)
class PreApproved:
    """What a bundle approves in advance, and for whom: its active entitlements, and its criteria."""

    version: BundleVersion
    entitlement_ids: frozenset[UUID]

    @property
    def criteria(self) -> str:
        """Whom it is for; empty for everybody."""
        return self.version.criteria


def pre_approved(keys: Collection[str]) -> Mapping[str, PreApproved]:
    """What active bundles approve in advance, by their keys; those that are not there are left out.

    A handful of queries for all of them, and none for none.
    """
    found = by_key(keys) if keys else {}
    parts = _parts_within({one.pk for one in found.values()})
    latest = BundleVersion.objects.filter(pk__in=_latest([one.pk for one in found.values()])).select_related("bundle")
    versions = {version.bundle_id: version for version in latest} if found else {}
    return {key: PreApproved(versions[one.pk], _within(one.pk, parts)) for key, one in found.items()}


@dataclass(frozen=True, slots=True)
class _Held:
    """What one bundle holds directly: active entitlements, and active bundles."""

    entitlements: set[UUID]
    bundles: set[UUID]


def _parts_within(bundle_ids: Collection[UUID]) -> Mapping[UUID, _Held]:
    """What each of the bundles holds directly, and each that they include; a query for each remove."""
    found: dict[UUID, _Held] = {}
    fresh = set(bundle_ids)
    while fresh:
        found |= {pk: _Held(set(), set()) for pk in fresh}
        parts = BundlePart.objects.filter(version__in=_latest(fresh))
        for part in parts.select_related("version", "entitlement", "bundle"):
            held = found[part.version.bundle_id]
            if part.entitlement is not None and part.entitlement.state == CatalogState.ACTIVE:
                held.entitlements.add(part.entitlement.pk)
            if part.bundle is not None and part.bundle.state == BundleState.ACTIVE:
                held.bundles.add(part.bundle.pk)
        fresh = {pk for held in found.values() for pk in held.bundles} - found.keys()
    return found


def _within(bundle_id: UUID, parts: Mapping[UUID, _Held]) -> frozenset[UUID]:
    """All that a bundle holds, at however many removes."""
    seen: set[UUID] = set()
    entitlements: set[UUID] = set()
    fresh = {bundle_id}
    while fresh:
        seen |= fresh
        entitlements |= {pk for one in fresh for pk in parts[one].entitlements}
        fresh = {pk for one in fresh for pk in parts[one].bundles} - seen
    return frozenset(entitlements)


def _latest(bundle_ids: Collection[UUID]) -> list[UUID]:
    rows = BundleVersion.objects.filter(bundle__in=bundle_ids).order_by("bundle", "-number").distinct("bundle")
    return list(rows.values_list("pk", flat=True))


def hold() -> None:
    """From here on nobody else makes a bundle or changes what bundles include, until the transaction ends.

    It comes after all rows, of which nobody who holds it waits for any.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])


def circle(bundle_id: UUID, included: Iterable[Bundle]) -> Bundle | None:
    """The first of the bundles that includes the given one already, itself or by others; None where none does.

    From here on nobody else changes what bundles include, until the transaction ends.
    """
    hold()
    return next((one for one in included if bundle_id in _parts_within({one.pk})), None)


def propose(
    key: str, given: Mapping[str, Any], parts: Parts, owner: Identity | Team, *, actor: Actor, why: str, now: datetime
) -> Bundle:
    """Make a proposed bundle with its owner and its first version. `given` are checked values."""
    bundle = Bundle(key=key, name=given["name"], description=given["description"])
    create(bundle, actor=actor, why=why, now=now)
    answer_for(bundle, owner, actor=actor, why=why, now=now)
    _add_version(bundle, 1, given, parts, actor=actor, why=why, now=now)
    return bundle


def activate(bundle: Bundle, *, actor: Actor, why: str, now: datetime) -> Bundle:
    """Say yes to a held bundle that was proposed."""
    return move(bundle, BundleState.ACTIVE, actor=actor, why=why, now=now)


def edit(bundle: Bundle, given: Mapping[str, Any], parts: Parts, *, actor: Actor, why: str, now: datetime) -> Bundle:
    """Give a held bundle its next version, and other words where they differ. `given` are all checked values."""
    words = {name: given[name] for name in ("name", "description") if getattr(bundle, name) != given[name]}
    if words:
        amend(bundle, "edited", actor=actor, why=why, now=now, **words)
    _add_version(bundle, current_version(bundle).number + 1, given, parts, actor=actor, why=why, now=now)
    return bundle


def _add_version(
    bundle: Bundle, number: int, given: Mapping[str, Any], parts: Parts, *, actor: Actor, why: str, now: datetime
) -> None:
    version = BundleVersion(
        bundle=bundle,
        number=number,
        birthright=given["birthright"],
        criteria=given["criteria"],
        review_at=datetime.fromisoformat(given["review_at"]),
        made_at=now,
    )
    create(version, actor=actor, why=why, now=now)
    for entitlement in parts.entitlements:
        create(BundlePart(version=version, entitlement=entitlement), actor=actor, why=why, now=now)
    for included in parts.bundles:
        create(BundlePart(version=version, bundle=included), actor=actor, why=why, now=now)

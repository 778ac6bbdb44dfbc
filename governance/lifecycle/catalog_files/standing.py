"""The catalog as the database has it, as entries: ten queries, however much there is."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.catalog import managed
from governance.catalog.models import BundlePart, BundleVersion, Entitlement, FileManagement, System
from governance.catalog.moves import entitlement_values, system_values
from governance.catalog.states import BundleState, CatalogState
from governance.connectors.models import ConnectorConfiguration
from governance.core.models import Governed
from governance.grants.queries import PORTAL_SYSTEM
from governance.identities.models import Ownership
from governance.lifecycle.catalog_files.entries import (
    FIELDS,
    KINDS,
    TEXTS,
    Address,
    Entry,
    called,
    length_of,
    moment_of,
)
from governance.purposes.models import Justification, Purpose
from governance.purposes.states import PurposeState

Owners = Mapping[tuple[str, UUID], Mapping[str, Any]]


@dataclass(slots=True)
class Standing:
    """What there is: `entries` are active, and `over` says in which state the others are.

    `offered` names all that can be granted, the portal's own roles among it; `marks` are what is managed from files.
    """

    entries: dict[Address, Entry] = field(default_factory=dict)
    ids: dict[Address, UUID] = field(default_factory=dict)
    over: dict[Address, str] = field(default_factory=dict)
    offered: set[str] = field(default_factory=set)
    marks: dict[Address, FileManagement] = field(default_factory=dict)

    def put(self, thing: Governed, key: str, file: str, values: Mapping[str, Any], *, active: bool) -> None:
        """One thing more."""
        address = Address(thing.NOUN, key)
        self.ids[address] = thing.pk
        if active:
            texts = {name: value.strip() for name, value in values.items() if name in TEXTS}
            self.entries[address] = Entry(address, file, {**FIELDS[thing.NOUN], **values, **texts})
        else:
            self.over[address] = str(thing.state)  # type: ignore[attr-defined]  # all of these have one


def read(now: datetime) -> Standing:
    """What stands now, and what did."""
    standing, owners = Standing(), _owners(now)
    _systems(standing, owners)
    _entitlements(standing, owners)
    _bundles(standing, owners)
    _purposes(standing, owners)
    by_id = {(address.kind, pk): address for address, pk in standing.ids.items()}
    standing.marks = {by_id[mark.subject_kind, mark.subject_id]: mark for mark in managed.managed()}
    return standing


def _owners(now: datetime) -> Owners:
    """Who answers for what, active or not, as files name them."""
    found: dict[tuple[str, UUID], dict[str, Any]] = defaultdict(dict)
    periods = Ownership.objects.at(now).filter(subject_kind__in=KINDS).select_related("identity", "team")
    for period in periods.order_by("starts_at", "pk"):
        found[period.subject_kind, period.subject_id][period.role] = _named(period)
    return found


def _named(period: Ownership) -> dict[str, str]:
    if period.team is not None:
        return {"team": period.team.key}
    assert period.identity is not None  # noqa: S101 - a CHECK says so
    return {"source": period.identity.source, "key": period.identity.external_key}


def _systems(standing: Standing, owners: Owners) -> None:
    reached = {
        one.system_id: {"plugin": one.plugin, "settings": one.settings} for one in ConnectorConfiguration.objects.all()
    }
    for one in System.objects.exclude(key=PORTAL_SYSTEM):
        values = {**system_values(one), "connector": reached.get(one.pk), **owners.get((one.NOUN, one.pk), {})}
        active = one.state == CatalogState.ACTIVE
        standing.put(one, one.key, f"systems/{one.key}.yaml", values, active=active)


def _entitlements(standing: Standing, owners: Owners) -> None:
    for one in Entitlement.objects.select_related("system"):
        active = one.state == CatalogState.ACTIVE and one.system.state == CatalogState.ACTIVE
        key = called(one.system.key, one.key)
        standing.offered |= {key} if active else set()
        if one.system.key != PORTAL_SYSTEM:
            values = {**_in_words(entitlement_values(one)), **owners.get((one.NOUN, one.pk), {})}
            standing.put(one, key, f"systems/{one.system.key}.yaml", values, active=active)


def _in_words(values: Mapping[str, Any]) -> dict[str, Any]:
    """An entitlement's plain values, with lengths as files have them."""
    lengths = {name: values[f"{name}_seconds"] for name in ("longest_lease", "review_cadence")}
    others = {name: value for name, value in values.items() if not name.endswith("_seconds")}
    return {**others, **{name: length_of(value) for name, value in lengths.items()}}


def _bundles(standing: Standing, owners: Owners) -> None:
    last = BundleVersion.objects.order_by("bundle", "-number").distinct("bundle").select_related("bundle")
    parts: dict[UUID, list[BundlePart]] = defaultdict(list)
    rows = BundlePart.objects.filter(version__in=last.values("pk"))
    for part in rows.select_related("entitlement__system", "bundle"):
        parts[part.version_id].append(part)
    for version in last:
        one, held = version.bundle, parts[version.pk]
        values = {
            "name": one.name,
            "description": one.description,
            "birthright": version.birthright,
            "criteria": version.criteria,
            "review_at": moment_of(version.review_at),
            "entitlements": _offered(standing, (part.entitlement for part in held if part.entitlement)),
            "bundles": sorted(
                part.bundle.key for part in held if part.bundle and part.bundle.state == BundleState.ACTIVE
            ),
            **owners.get((one.NOUN, one.pk), {}),
        }
        standing.put(one, one.key, f"bundles/{one.key}.yaml", values, active=one.state == BundleState.ACTIVE)


def _offered(standing: Standing, held: Iterable[Entitlement]) -> list[str]:
    """Those that can be granted: what is retired is held, and justified, by none."""
    return sorted(standing.offered & {called(one.system.key, one.key) for one in held})


def _purposes(standing: Standing, owners: Owners) -> None:
    scopes: dict[UUID, list[Entitlement]] = defaultdict(list)
    rows = Justification.objects.filter(ended_at__isnull=True).select_related("entitlement__system")
    for row in rows:
        scopes[row.purpose_id].append(row.entitlement)
    for one in Purpose.objects.all():
        values = {
            "name": one.name,
            "description": one.description,
            "emergency": one.emergency,
            "ends_at": moment_of(one.ends_at),
            "review_at": moment_of(one.review_at),
            "criteria": one.criteria,
            "entitlements": _offered(standing, scopes[one.pk]),
            **owners.get((one.NOUN, one.pk), {}),
        }
        file = f"purposes/{one.reference}.yaml"
        standing.put(one, one.reference, file, values, active=one.state == PurposeState.ACTIVE)

"""Entitlements and systems as their pages show them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count
from django.urls import reverse

from governance.catalog.models import Entitlement, System
from governance.catalog.states import CatalogState
from governance.changes.permissions import visible as visible_changes
from governance.changes.queries import waiting_on
from governance.core.actor import Actor
from governance.grants.models import Grant
from governance.identities.states import Kind, OwnerRole
from governance.purposes import permissions as purposes
from governance.web import owners
from governance.web.purposes.present import Line


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the catalog."""

    name: str
    url: str
    system: str
    description: str
    risk: str
    privileged: bool
    owner: str
    longest: timedelta
    holders: int
    state: str


def rows(entitlements: Sequence[Entitlement], now: datetime) -> list[Row]:
    """Entitlements of a list, with their owners and how many hold each; needs their systems."""
    ids = [one.pk for one in entitlements]
    named, holders = owners.named(Entitlement.NOUN, ids, now), _holders(ids, now)
    return [
        Row(
            name=one.name,
            url=reverse("entitlement-detail", args=[one.pk]),
            system=one.system.name,
            description=one.description,
            risk=one.risk,
            privileged=one.privileged,
            owner=named[one.pk][OwnerRole.OWNER],
            longest=one.longest_lease,
            holders=holders.get(one.pk, 0),
            state=one.state,
        )
        for one in entitlements
    ]


def _holders(ids: Collection[UUID], now: datetime) -> Mapping[UUID, int]:
    """How many identities hold each entitlement by a live grant."""
    live = Grant.objects.live(now).filter(entitlement__in=ids).values("entitlement")
    counts = live.annotate(count=Count("identity", distinct=True))
    return dict(counts.values_list("entitlement", "count"))


@dataclass(frozen=True, slots=True)
class Detail:
    """One entitlement in full."""

    pk: UUID
    key: str
    name: str
    description: str
    system: str
    system_url: str
    risk: str
    privileged: bool
    longest: timedelta
    cadence: timedelta
    kinds: Sequence[str]
    permits: Sequence[Mapping[str, object]]
    owner: str
    backup: str
    holders: int
    state: str
    purposes: Sequence[Line]
    changes: Sequence[Line]
    active: bool


def detail(one: Entitlement, actor: Actor, now: datetime) -> Detail:
    """One entitlement, with the purposes that justify it and what is proposed of it; needs its system."""
    named = owners.named(Entitlement.NOUN, [one.pk], now)[one.pk]
    justifying = purposes.visible(actor, now).justifying(one.pk).order_by("reference")
    return Detail(
        pk=one.pk,
        key=f"{one.system.key}/{one.key}",
        name=one.name,
        description=one.description,
        system=one.system.name,
        system_url=reverse("system-detail", args=[one.system_id]),
        risk=one.risk,
        privileged=one.privileged,
        longest=one.longest_lease,
        cadence=one.review_cadence,
        kinds=[Kind(kind).label for kind in one.allowed_kinds],
        permits=one.permits,
        owner=named[OwnerRole.OWNER],
        backup=named[OwnerRole.BACKUP_OWNER],
        holders=_holders([one.pk], now).get(one.pk, 0),
        state=one.state,
        purposes=[
            Line(purpose.name, purpose.reference, reverse("purpose-detail", args=[purpose.pk]))
            for purpose in justifying
        ],
        changes=_proposed(one, actor, now),
        active=one.state == CatalogState.ACTIVE,
    )


def _proposed(one: Entitlement | System, actor: Actor, now: datetime) -> list[Line]:
    """The changes of it that wait for their decision and that the actor sees."""
    found = waiting_on(one.NOUN, one.pk).filter(pk__in=visible_changes(actor, now).values("pk"))
    return [Line(str(change), change.reason, reverse("change-detail", args=[change.pk])) for change in found]


@dataclass(frozen=True, slots=True)
class SystemRow:
    """A line of the systems."""

    name: str
    url: str
    description: str
    environment: str
    risk: str
    owner: str
    entitlements: int
    state: str


def system_rows(systems: Sequence[System], now: datetime) -> list[SystemRow]:
    """Systems of a list, with their owners and how many active entitlements each has."""
    ids = [one.pk for one in systems]
    named = owners.named(System.NOUN, ids, now)
    active = Entitlement.objects.filter(system__in=ids, state=CatalogState.ACTIVE).values("system")
    counts = dict(active.annotate(count=Count("pk")).values_list("system", "count"))
    return [
        SystemRow(
            name=one.name,
            url=reverse("system-detail", args=[one.pk]),
            description=one.description,
            environment=one.get_environment_display(),
            risk=one.risk,
            owner=named[one.pk][OwnerRole.OWNER],
            entitlements=counts.get(one.pk, 0),
            state=one.state,
        )
        for one in systems
    ]


@dataclass(frozen=True, slots=True)
class SystemDetail:
    """One system."""

    row: SystemRow
    key: str
    backup: str
    catalog_url: str
    changes: Sequence[Line]
    edit_url: str
    new_url: str
    retire_url: str


def system_detail(one: System, actor: Actor, now: datetime) -> SystemDetail:
    """One system with what is proposed of it, and the way to what can be granted in it."""
    named = owners.named(System.NOUN, [one.pk], now)[one.pk]
    catalog_url = f"{reverse('entitlement-list')}?system={one.pk}"
    active, row = one.state == CatalogState.ACTIVE, system_rows([one], now)[0]
    return SystemDetail(
        row=row,
        key=one.key,
        backup=named[OwnerRole.BACKUP_OWNER],
        catalog_url=catalog_url,
        changes=_proposed(one, actor, now),
        edit_url=reverse("system-edit", args=[one.pk]) if active else "",
        new_url=reverse("entitlement-new", args=[one.pk]) if active else "",
        retire_url=reverse("system-retire", args=[one.pk]) if active and not row.entitlements else "",
    )

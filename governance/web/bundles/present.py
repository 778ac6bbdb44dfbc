"""Bundles as their pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse

from governance.catalog import bundles, permissions
from governance.catalog.models import Bundle, BundleVersion, Entitlement
from governance.catalog.states import BundleState
from governance.changes.permissions import visible as visible_changes
from governance.changes.queries import waiting_on
from governance.core.actor import Actor
from governance.identities.states import OwnerRole
from governance.web import owners
from governance.web.present import on_day
from governance.web.purposes.present import Line


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list."""

    name: str
    key: str
    url: str
    owner: str
    kind: str
    version: int
    review_at: datetime
    state: str


def rows(found: Sequence[Bundle], now: datetime) -> list[Row]:
    """Bundles of a list, with their owners and what their last version says."""
    ids = [bundle.pk for bundle in found]
    named = owners.named(Bundle.NOUN, ids, now)
    last = BundleVersion.objects.filter(bundle__in=ids).order_by("bundle", "-number").distinct("bundle")
    versions = {version.bundle_id: version for version in last}
    return [
        Row(
            name=bundle.name,
            key=bundle.key,
            url=reverse("bundle-detail", args=[bundle.pk]),
            owner=named[bundle.pk][OwnerRole.OWNER],
            kind=kind_of(versions[bundle.pk]),
            version=versions[bundle.pk].number,
            review_at=versions[bundle.pk].review_at,
            state=bundle.state,
        )
        for bundle in found
    ]


def kind_of(version: BundleVersion) -> str:
    """Whether it is given by rule or asked for."""
    return "Birthright" if version.birthright else "Requestable"


@dataclass(frozen=True, slots=True)
class Detail:
    """One bundle in full."""

    pk: UUID
    key: str
    name: str
    description: str
    state: str
    kind: str
    criteria: str
    version: int
    review_at: datetime
    owner: str
    backup: str
    direct: Sequence[Line]
    included: Sequence[Line]
    inherited: Sequence[Line]
    versions: Sequence[Line]
    changes: Sequence[Line]
    active: bool


def detail(bundle: Bundle, actor: Actor, now: datetime) -> Detail:
    """One bundle, with what it holds itself and by others, its versions, and what is proposed of it."""
    version = bundles.current_version(bundle)
    named = owners.named(Bundle.NOUN, [bundle.pk], now)[bundle.pk]
    own = set(version.parts.filter(entitlement__isnull=False).values_list("entitlement", flat=True))
    seen = permissions.visible_entitlements(actor, now).select_related("system").order_by("system__name", "name")
    inside = permissions.visible_bundles(actor, now).filter(pk__in=version.parts.values("bundle")).order_by("name")
    proposed = waiting_on(Bundle.NOUN, bundle.pk).filter(pk__in=visible_changes(actor, now).values("pk"))
    return Detail(
        pk=bundle.pk,
        key=bundle.key,
        name=bundle.name,
        description=bundle.description,
        state=bundle.state,
        kind=kind_of(version),
        criteria=version.criteria,
        version=version.number,
        review_at=version.review_at,
        owner=named[OwnerRole.OWNER],
        backup=named[OwnerRole.BACKUP_OWNER],
        direct=[_line(one) for one in seen.filter(pk__in=own)],
        included=[Line(one.name, one.key, reverse("bundle-detail", args=[one.pk])) for one in inside],
        inherited=[_line(one) for one in seen.filter(pk__in=bundles.held_by([bundle.pk]) - own)],
        versions=[Line(f"Version {one.number}", on_day(one.made_at)) for one in bundle.versions.order_by("-number")],
        changes=[Line(str(one), one.reason, reverse("change-detail", args=[one.pk])) for one in proposed],
        active=bundle.state == BundleState.ACTIVE,
    )


def _line(one: Entitlement) -> Line:
    return Line(one.name, one.system.name, reverse("entitlement-detail", args=[one.pk]), one.risk)

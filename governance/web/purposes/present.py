"""Purposes as their pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count
from django.urls import reverse

from governance.catalog import permissions as catalog
from governance.changes.permissions import visible as visible_changes
from governance.changes.queries import waiting_on
from governance.core.actor import Actor
from governance.grants import permissions as grants
from governance.grants.models import Grant
from governance.grants.states import STANDING
from governance.identities.states import OwnerRole
from governance.lifecycle.retirement import resting
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState
from governance.web import owners
from governance.web.present import counted, number

MOST = 50
"""Lines of each part of a page; it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list."""

    ref: str
    name: str
    url: str
    owner: str
    ends_at: datetime | None
    review_at: datetime | None
    leases: int
    state: str


def rows(purposes: Sequence[Purpose], now: datetime) -> list[Row]:
    """Purposes of a list, with their owners and how many leases stand on each."""
    ids = [purpose.pk for purpose in purposes]
    named = owners.named(Purpose.NOUN, ids, now)
    standing = Grant.objects.filter(purpose__in=ids, state__in=STANDING).values("purpose")
    leases = dict(standing.annotate(count=Count("pk")).values_list("purpose", "count"))
    return [
        Row(
            ref=purpose.reference,
            name=purpose.name,
            url=reverse("purpose-detail", args=[purpose.pk]),
            owner=named[purpose.pk][OwnerRole.OWNER],
            ends_at=purpose.ends_at,
            review_at=purpose.review_at,
            leases=leases.get(purpose.pk, 0),
            state=purpose.state,
        )
        for purpose in purposes
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """Something with a page of its own, if the visitor may see it."""

    name: str
    two: str = ""
    url: str = ""
    risk: str = ""


@dataclass(frozen=True, slots=True)
class Resting:
    """What rests on a purpose, in words and in lines as far as the visitor may see them."""

    alone: str
    supported: str
    waiting: str
    in_review: str
    identities: str
    leases: Sequence[Line]
    more: int


def rests(purpose: Purpose, actor: Actor, now: datetime) -> Resting:
    """What would end with the purpose now."""
    found = resting(purpose.pk, now)
    standing = found.alone | found.supported | found.waiting
    seen = grants.visible(actor, now).filter(pk__in=standing.order_by().values("pk")).with_names().order_by("ends_at")
    total = Grant.objects.filter(pk__in=standing.order_by().values("pk")).count()
    lines = [_lease(grant) for grant in seen[:MOST]]
    return Resting(
        alone=counted(found.alone.count(), "lease"),
        supported=counted(found.supported.count(), "lease"),
        waiting=counted(found.waiting.count(), "lease"),
        in_review=counted(found.in_review.count(), "item"),
        identities=number(found.dedicated.count()) if found.dedicated.exists() else "",
        leases=lines,
        more=total - len(lines),
    )


def _lease(grant: Grant) -> Line:
    return Line(f"{grant.entitlement}", f"{grant}, {grant.identity.name}", reverse("grant-detail", args=[grant.pk]))


@dataclass(frozen=True, slots=True)
class Detail:
    """One purpose in full."""

    pk: UUID
    ref: str
    name: str
    description: str
    state: str
    emergency: bool
    owner: str
    backup: str
    ends_at: datetime | None
    review_at: datetime | None
    criteria: str
    scope: Sequence[Line]
    changes: Sequence[Line]
    active: bool


def detail(purpose: Purpose, actor: Actor, now: datetime) -> Detail:
    """One purpose, with what it may justify and what is proposed of it."""
    named = owners.named(Purpose.NOUN, [purpose.pk], now)[purpose.pk]
    justified = purpose.justifications.filter(ended_at__isnull=True).values("entitlement")
    scope = catalog.visible_entitlements(actor, now).filter(pk__in=justified).select_related("system")
    proposed = waiting_on(Purpose.NOUN, purpose.pk).filter(pk__in=visible_changes(actor, now).values("pk"))
    return Detail(
        pk=purpose.pk,
        ref=purpose.reference,
        name=purpose.name,
        description=purpose.description,
        state=purpose.state,
        emergency=purpose.emergency,
        owner=named[OwnerRole.OWNER],
        backup=named[OwnerRole.BACKUP_OWNER],
        ends_at=purpose.ends_at,
        review_at=purpose.review_at,
        criteria=purpose.criteria,
        scope=[
            Line(one.name, one.system.name, reverse("entitlement-detail", args=[one.pk]), one.risk)
            for one in scope.order_by("system__name", "name")
        ],
        changes=[Line(str(one), one.reason, reverse("change-detail", args=[one.pk])) for one in proposed],
        active=purpose.state == PurposeState.ACTIVE,
    )

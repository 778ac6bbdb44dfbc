"""Who may see the catalog. Whoever may ask for access may see what there is to ask for."""

from datetime import datetime

from django.db.models import Q, QuerySet

from governance.catalog.models import Bundle, Entitlement, System
from governance.catalog.querysets import EntitlementQuerySet
from governance.catalog.states import BundleState, CatalogState
from governance.core.actor import Actor, Role
from governance.identities.queries import owned_ids

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)


def visible_systems(actor: Actor, now: datetime) -> "QuerySet[System]":
    """Active systems, and retired ones that the actor owns; all for those who oversee."""
    if actor.has(*SEES_ALL):
        return System.objects.all()
    owned = owned_ids(System.NOUN, actor.identity_ids, now)
    return System.objects.filter(Q(state=CatalogState.ACTIVE) | Q(pk__in=owned))


def visible_entitlements(actor: Actor, now: datetime) -> "EntitlementQuerySet[Entitlement]":
    """What can be asked for, and what the actor owns itself or by its system; all for those who oversee."""
    if actor.has(*SEES_ALL):
        return Entitlement.objects.all()
    mine = actor.identity_ids
    requestable = Entitlement.objects.requestable().values("pk")
    return Entitlement.objects.filter(
        Q(pk__in=requestable)
        | Q(pk__in=owned_ids(Entitlement.NOUN, mine, now))
        | Q(system__in=owned_ids(System.NOUN, mine, now))
    )


def visible_bundles(actor: Actor, now: datetime) -> "QuerySet[Bundle]":
    """Active bundles, and any that the actor owns; all for those who oversee."""
    if actor.has(*SEES_ALL):
        return Bundle.objects.all()
    owned = owned_ids(Bundle.NOUN, actor.identity_ids, now)
    return Bundle.objects.filter(Q(state=BundleState.ACTIVE) | Q(pk__in=owned))

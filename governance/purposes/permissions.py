"""Who may see a purpose. Whoever may ask for access may see what it can be for."""

from datetime import datetime

from django.db.models import Q

from governance.core.actor import Actor, Role
from governance.identities.queries import owned_ids
from governance.purposes.models import Purpose
from governance.purposes.querysets import PurposeQuerySet

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)


def visible(actor: Actor, now: datetime) -> "PurposeQuerySet[Purpose]":
    """Purposes that can carry a grant now, and all that the actor owns; all for those who oversee."""
    if actor.has(*SEES_ALL):
        return Purpose.objects.all()
    active = Purpose.objects.active(now).values("pk")
    return Purpose.objects.filter(Q(pk__in=active) | Q(pk__in=owned_ids(Purpose.NOUN, actor.identity_ids, now)))

"""Reads about leases that other packages and pages share."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import CharField, Exists, F, OuterRef, Value
from django.db.models.functions import Cast, Concat

from governance.core.actor import Role
from governance.grants.models import Grant
from governance.grants.querysets import GrantQuerySet
from governance.grants.rules import Reminder
from governance.notifications.models import Notification

PORTAL_SYSTEM = "portal"


def portal_roles(identity_ids: Collection[UUID], user_id: UUID, now: datetime) -> frozenset[Role]:
    """The portal's roles held now: leased by a usable grant and present in the portal itself (rules 4, 17)."""
    leased = Grant.objects.usable(now).filter(
        identity__in=identity_ids,
        entitlement__system__key=PORTAL_SYSTEM,
        assignment__account__native_id=str(user_id),
    )
    return frozenset(Role(key) for key in leased.values_list("entitlement__key", flat=True))


def to_remind(reminder: Reminder, now: datetime) -> "GrantQuerySet[Grant]":
    """Grants whose owner has not been told yet that they are near their end; short leases are left out."""
    told = Notification.objects.filter(
        recipient=OuterRef("accountable_owner"),
        once=Concat(Value(reminder.once), Cast(OuterRef("pk"), CharField())),
    )
    near = Grant.objects.ending_within(now, reminder.ahead)
    return near.filter(~Exists(told), ends_at__gte=F("starts_at") + reminder.shortest_lease)

"""Reads about leases that other packages and pages share."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import CharField, Exists, F, OuterRef, Value
from django.db.models.functions import Cast, Concat

from governance.core.actor import Role
from governance.core.subjects import Unbroken
from governance.grants.models import Grant
from governance.grants.querysets import GrantQuerySet
from governance.grants.rules import ENDED_ONCE, Reminder, unbroken
from governance.grants.states import LIVE, NOT_STARTED, STANDING, UNPROVEN, WAITING, GrantState
from governance.identities.models import Identity
from governance.identities.states import MACHINE_KINDS
from governance.notifications.models import Notification

PORTAL_SYSTEM = "portal"
ENDED = UNPROVEN | {GrantState.REVOKED}
TOLD_FOR = timedelta(days=1)
"""For how long after its end a lease is worth a message: a worker that was away for longer brings no flood."""


def portal_roles(identity_ids: Collection[UUID], user_id: UUID, now: datetime) -> frozenset[Role]:
    """The portal's roles held now: leased by a usable grant and present in the portal itself (rules 4, 17)."""
    leased = Grant.objects.usable(now).filter(
        identity__in=identity_ids,
        entitlement__system__key=PORTAL_SYSTEM,
        assignment__account__native_id=str(user_id),
    )
    return frozenset(Role(key) for key in leased.values_list("entitlement__key", flat=True))


def role_holders(role: Role, now: datetime) -> frozenset[UUID]:
    """The active people who hold one of the portal's roles now, by a usable grant (rule 17)."""
    leased = Grant.objects.usable(now).filter(entitlement__system__key=PORTAL_SYSTEM, entitlement__key=role)
    people = Identity.objects.active(now).exclude(kind__in=MACHINE_KINDS)
    return frozenset(people.filter(pk__in=leased.values("identity")).values_list("pk", flat=True))


def renewals_due(now: datetime, most: int, besides: Collection[UUID]) -> list[UUID]:
    """The first renewals to be started of leases that stand still, besides some that were tried."""
    due = Grant.objects.to_start(now).filter(renews__state__in=STANDING).exclude(pk__in=besides)
    return list(due.order_by("starts_at", "pk").values_list("pk", flat=True)[:most])


def assignments_due(now: datetime, most: int, tried: Collection[UUID] | None = None) -> list[UUID]:
    """Assignments with leases that have come to their end, in the order of their ids.

    Where renewals are being `tried`, those are passed over that another one would keep, which has not been tried yet.
    Rows that were made together lie together: whoever takes them in this order reads each page of them once.
    """
    due = Grant.objects.ended_by(now)
    if tried is not None:
        ended = {"renews__state__in": STANDING, "renews__ends_at__lte": now}
        waiting = Grant.objects.to_start(now).filter(**ended).exclude(pk__in=tried)
        due = due.filter(~Exists(waiting.filter(renews__assignment=OuterRef("assignment"))))
    return list(due.order_by("assignment").distinct().values_list("assignment", flat=True)[:most])


class Leases:
    """What policy asks of leases."""

    def unbroken(
        self, identity_ids: Collection[UUID], entitlement_ids: Collection[UUID], now: datetime
    ) -> Mapping[tuple[UUID, UUID], Unbroken]:
        """Each identity's hold of each entitlement that reaches to now without a break; one query for all of them."""
        begun = Grant.objects.filter(identity__in=identity_ids, entitlement__in=entitlement_ids, starts_at__lte=now)
        rows = begun.exclude(state__in=NOT_STARTED).values_list("identity", "entitlement", "starts_at", "ends_at")
        found: dict[tuple[UUID, UUID], list[tuple[datetime, datetime]]] = defaultdict(list)
        for identity_id, entitlement_id, starts_at, ends_at in rows:
            found[identity_id, entitlement_id].append((starts_at, ends_at))
        holds = {pair: unbroken(periods, now) for pair, periods in found.items()}
        return {pair: hold for pair, hold in holds.items() if hold is not None}


def renewal_of(grant: Grant) -> Grant | None:
    """The lease that is to follow one that stands, if it has been said yes to."""
    if grant.state not in STANDING:
        return None
    return grant.renewals.filter(state__in=[*WAITING, *LIVE]).first()


def to_remind(reminder: Reminder, now: datetime) -> "GrantQuerySet[Grant]":
    """Grants whose owner has not been told yet that they are near their end; short or renewed ones are left out."""
    near = Grant.objects.ending_within(now, reminder.ahead).filter(~renewed())
    return near.filter(~_told(reminder.once), ends_at__gte=F("starts_at") + reminder.shortest_lease)


def ended_untold(now: datetime) -> "GrantQuerySet[Grant]":
    """Grants that ended within the day, of which nobody has been told, but for those that were renewed."""
    ended = Grant.objects.filter(state__in=ENDED, ends_at__range=(now - TOLD_FOR, now))
    return ended.filter(~renewed(), ~_told(ENDED_ONCE))


def renewed() -> Exists:
    """Whether the access goes on by a renewal that has been said yes to."""
    return Exists(Grant.objects.filter(renews=OuterRef("pk")).exclude(state=GrantState.CANCELLED))


def _told(once: str) -> Exists:
    """Whether the owner has been told: they are concerned by every notification of their grants."""
    mark = Concat(Value(once), Cast(OuterRef("pk"), CharField()))
    return Exists(Notification.objects.filter(recipient=OuterRef("accountable_owner"), once=mark))

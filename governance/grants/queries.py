"""Reads about leases that other packages and pages share."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from governance.core.actor import Role
from governance.grants.models import Grant

PORTAL_SYSTEM = "portal"


def portal_roles(identity_ids: Collection[UUID], user_id: UUID, now: datetime) -> frozenset[Role]:
    """The portal's roles held now: leased by a usable grant and present in the portal itself (rules 4, 17)."""
    leased = Grant.objects.usable(now).filter(
        identity__in=identity_ids,
        entitlement__system__key=PORTAL_SYSTEM,
        assignment__account__native_id=str(user_id),
    )
    return frozenset(Role(key) for key in leased.values_list("entitlement__key", flat=True))

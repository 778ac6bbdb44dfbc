from collections.abc import Mapping

from django.db.models import TextChoices


class GrantState(TextChoices):
    """The lease's life. `active` means verified present, `revoked` verified absent."""

    APPROVED = "approved", "Approved"
    SCHEDULED = "scheduled", "Scheduled"
    PROVISIONING = "provisioning", "Provisioning"
    PROVISIONING_FAILED = "provisioning_failed", "Provisioning failed"
    ACTIVE = "active", "Active, verified present"
    SUSPENDED = "suspended", "Suspended"
    REVOKING = "revoking", "Revoking"
    REVOCATION_FAILED = "revocation_failed", "Revocation failed"
    REVOKED = "revoked", "Revoked, verified absent"
    CANCELLED = "cancelled", "Cancelled"


MOVES: Mapping[str, frozenset[str]] = {
    GrantState.APPROVED: frozenset({GrantState.SCHEDULED, GrantState.PROVISIONING, GrantState.CANCELLED}),
    GrantState.SCHEDULED: frozenset({GrantState.PROVISIONING, GrantState.CANCELLED}),
    GrantState.PROVISIONING: frozenset({GrantState.ACTIVE, GrantState.PROVISIONING_FAILED, GrantState.REVOKING}),
    GrantState.PROVISIONING_FAILED: frozenset({GrantState.PROVISIONING, GrantState.REVOKING}),
    GrantState.ACTIVE: frozenset({GrantState.SUSPENDED, GrantState.REVOKING}),
    GrantState.SUSPENDED: frozenset({GrantState.ACTIVE, GrantState.REVOKING}),
    GrantState.REVOKING: frozenset({GrantState.REVOKED, GrantState.REVOCATION_FAILED}),
    GrantState.REVOCATION_FAILED: frozenset({GrantState.REVOKING}),
}

LIVE = frozenset({GrantState.PROVISIONING, GrantState.PROVISIONING_FAILED, GrantState.ACTIVE})
"""States in which a grant within its term supports its assignment."""

UNPROVEN = frozenset({GrantState.REVOKING, GrantState.REVOCATION_FAILED})
"""Ended and not yet verified absent: an unproven removal."""

WAITING = frozenset({GrantState.APPROVED, GrantState.SCHEDULED})
"""Said yes to, and not begun."""

NOT_STARTED = WAITING | {GrantState.CANCELLED}
"""States in which nothing was provisioned, or ever will be."""

STANDS_ON = "The access stands on"
"""How the reason of a revoked grant begins where nothing was removed: other live grants, then named, support it."""

STANDING = LIVE | {GrantState.SUSPENDED}
"""States that an end leads out of, into revoking."""

RAN_OUT = "The lease came to its end"
"""The reason of a grant that nobody ended before its time."""

OVER = frozenset({GrantState.REVOKED, GrantState.CANCELLED})


class Basis(TextChoices):
    """What a grant rests on."""

    REQUEST = "request", "Request"
    BIRTHRIGHT = "birthright", "Birthright"
    ADOPTION = "adoption", "Adoption"
    BREAK_GLASS = "break_glass", "Break-glass"

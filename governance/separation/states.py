"""The words of separation of duties as data: a version's life, a mitigation's, a violation's."""

from collections.abc import Mapping
from datetime import timedelta

from django.db.models import TextChoices

from governance.catalog.states import Risk


class Side(TextChoices):
    """The two sets of a rule, none of which may be held together with one of the other."""

    LEFT = "left", "One side"
    RIGHT = "right", "The other side"


class VersionState(TextChoices):
    """A version's life. At most one of a rule is in force."""

    DRAFT = "draft", "Draft"
    IN_FORCE = "in_force", "In force"
    RETIRED = "retired", "Retired"
    DISCARDED = "discarded", "Discarded"


VERSION_MOVES: Mapping[str, frozenset[str]] = {
    VersionState.DRAFT: frozenset({VersionState.IN_FORCE, VersionState.DISCARDED}),
    VersionState.IN_FORCE: frozenset({VersionState.RETIRED}),
}


class MitigationState(TextChoices):
    """A mitigation's life. It covers what it is for while it is approved and its end has not come."""

    PROPOSED = "proposed", "Proposed"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    ENDED = "ended", "Ended"


MITIGATION_MOVES: Mapping[str, frozenset[str]] = {
    MitigationState.PROPOSED: frozenset(
        {MitigationState.APPROVED, MitigationState.REJECTED, MitigationState.WITHDRAWN}
    ),
    MitigationState.APPROVED: frozenset({MitigationState.ENDED}),
}


class ViolationState(TextChoices):
    """A violation's life. Access that comes back later is another violation."""

    OPEN = "open", "Open"
    MITIGATED = "mitigated", "Mitigated"
    RESOLVED = "resolved", "Resolved"


VIOLATION_MOVES: Mapping[str, frozenset[str]] = {
    ViolationState.OPEN: frozenset({ViolationState.MITIGATED, ViolationState.RESOLVED}),
    ViolationState.MITIGATED: frozenset({ViolationState.OPEN, ViolationState.RESOLVED}),
}

STANDING = frozenset({ViolationState.OPEN, ViolationState.MITIGATED})
"""States in which both sides are held."""

LONGEST_MITIGATION: Mapping[str, timedelta] = {
    Risk.LOW: timedelta(days=365),
    Risk.MODERATE: timedelta(days=180),
    Risk.HIGH: timedelta(days=90),
    Risk.CRITICAL: timedelta(days=30),
}
"""How long a mitigation lasts at most, by the severity of the rule."""

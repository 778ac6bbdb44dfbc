from collections.abc import Mapping

from django.db.models import TextChoices


class Risk(TextChoices):
    """How much harm an entitlement can do; the order is that of the words."""

    LOW = "low", "Low"
    MODERATE = "moderate", "Moderate"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


HIGH_RISKS = frozenset({Risk.HIGH, Risk.CRITICAL})
"""What is approved one by one, with a reason and a fresh sign-in."""


class CatalogState(TextChoices):
    """Nothing governed is deleted: it is retired (rule 18)."""

    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


MOVES: Mapping[str, frozenset[str]] = {CatalogState.ACTIVE: frozenset({CatalogState.RETIRED})}


class BundleState(TextChoices):
    """A bundle's life."""

    PROPOSED = "proposed", "Proposed"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"
    REJECTED = "rejected", "Rejected"


BUNDLE_MOVES: Mapping[str, frozenset[str]] = {
    BundleState.PROPOSED: frozenset({BundleState.ACTIVE, BundleState.REJECTED}),
    BundleState.ACTIVE: frozenset({BundleState.RETIRED}),
}
